/*
 * dpkg.c - what else dpkg knows of a path: whether it was diverted, whether it
 * was left out on purpose, whose it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verify.h"

extern char **environ;

enum {
	ASKED_AT_ONCE = 1024,     /* paths in one call of dpkg-query */
	ASKED_LENGTH = 512 * 1024 /* bytes of them, of the kernel's 2 MiB */
};

struct diversion {
	char *from, *to, *by; /* by ":" for a local one */
};

struct rule {
	char *pattern;
	bool excludes;
};

struct dpkg {
	struct diversion *diversions;
	size_t n_diversions;
	struct rule *rules;
	size_t n_rules;
};

static void *grown(void *list, size_t n, size_t size)
{
	void *more = realloc(list, (n + 1) * size);

	if (more == NULL) {
		fprintf(stderr, "verify_packages: out of memory\n");
		exit(255);
	}
	return more;
}

static char *line_of(FILE *file)
{
	char *line = NULL;
	size_t room = 0;

	if (getline(&line, &room, file) < 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static FILE *open_at(const char *root, const char *directory, const char *name)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s%s/%s", root, directory, name) >= sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* dpkg's own file: three lines each, from, to, by. */
static void read_diversions(struct dpkg *dpkg, const struct settings *settings)
{
	FILE *file = open_at(settings->root, settings->admindir, "diversions");

	while (file != NULL) {
		struct diversion diversion = { .from = line_of(file) };

		diversion.to = diversion.from != NULL ? line_of(file) : NULL;
		diversion.by = diversion.to != NULL ? line_of(file) : NULL;
		if (diversion.by == NULL) {
			free(diversion.from);
			free(diversion.to);
			break;
		}
		dpkg->diversions = grown(dpkg->diversions, dpkg->n_diversions, sizeof(diversion));
		dpkg->diversions[dpkg->n_diversions++] = diversion;
	}
	if (file != NULL)
		fclose(file);
}

/* "path-exclude=PATTERN" and "path-include=PATTERN"; "=" or blanks between. */
static void read_rules_of(struct dpkg *dpkg, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line;

	while (file != NULL && (line = line_of(file)) != NULL) {
		struct rule rule = { .excludes = strncmp(line, "path-exclude", 12) == 0 };

		if (rule.excludes || strncmp(line, "path-include", 12) == 0) {
			rule.pattern = strdup(line + 12 + strspn(line + 12, " \t="));
			dpkg->rules = grown(dpkg->rules, dpkg->n_rules, sizeof(rule));
			if (rule.pattern != NULL)
				dpkg->rules[dpkg->n_rules++] = rule;
		}
		free(line);
	}
	if (file != NULL)
		fclose(file);
}

static void read_rules(struct dpkg *dpkg, const struct settings *settings)
{
	char pattern[4096];
	glob_t files = { 0 };

	snprintf(pattern, sizeof(pattern), "%s/etc/dpkg/dpkg.cfg.d/[0-9a-zA-Z_-]*", settings->root);
	if (glob(pattern, 0, NULL, &files) == 0)
		for (size_t i = 0; i < files.gl_pathc; i++)
			read_rules_of(dpkg, files.gl_pathv[i]);
	globfree(&files);
	snprintf(pattern, sizeof(pattern), "%s/etc/dpkg/dpkg.cfg", settings->root);
	read_rules_of(dpkg, pattern);
}

struct dpkg *dpkg_read(const struct settings *settings)
{
	struct dpkg *dpkg = grown(NULL, 0, sizeof(*dpkg));

	*dpkg = (struct dpkg){ 0 };
	read_diversions(dpkg, settings);
	read_rules(dpkg, settings);
	return dpkg;
}

void dpkg_free(struct dpkg *dpkg)
{
	for (size_t i = 0; i < dpkg->n_diversions; i++) {
		free(dpkg->diversions[i].from);
		free(dpkg->diversions[i].to);
		free(dpkg->diversions[i].by);
	}
	for (size_t i = 0; i < dpkg->n_rules; i++)
		free(dpkg->rules[i].pattern);
	free(dpkg->diversions);
	free(dpkg->rules);
	free(dpkg);
}

const char *dpkg_divert(const struct dpkg *dpkg, const char *path, const struct package *package)
{
	for (size_t i = 0; i < dpkg->n_diversions; i++) {
		const struct diversion *diversion = &dpkg->diversions[i];

		if (strcmp(diversion->from + 1, path) == 0 &&
		    strcmp(diversion->by, package->name) != 0 &&
		    strcmp(diversion->by, package->plain) != 0)
			return diversion->to + 1;
	}
	return path;
}

bool dpkg_excludes(const struct dpkg *dpkg, const char *path)
{
	bool excluded = false;

	for (size_t i = 0; i < dpkg->n_rules; i++)
		if (fnmatch(dpkg->rules[i].pattern, path, 0) == 0)
			excluded = dpkg->rules[i].excludes;
	return excluded;
}

/* Starts a program without a shell and hands out what it writes, line by line;
 * NULL if it cannot be started. */
static FILE *start(const char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	FILE *output = NULL;
	int pipes[2];

	if (pipe(pipes) != 0)
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, pipes[0]);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ) ==
	    0)
		output = fdopen(pipes[0], "r");
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (output == NULL)
		close(pipes[0]);
	return output;
}

/* Its exit status, or -1. */
static int finish(FILE *output, pid_t pid)
{
	int status;

	fclose(output);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Whether the package's version is one that a "Replaces" speaks of. */
static bool condition_holds(const char *condition, const char *version)
{
	char operator[8] = "", bound[256] = "";
	const char *const argv[] = { "dpkg", "--compare-versions", version, operator, bound, NULL };
	FILE *output;
	pid_t pid;

	if (condition == NULL)
		return true;
	if (sscanf(condition, " %7[<=>] %255s", operator, bound) != 2)
		return false;
	output = start(argv, &pid);
	return output != NULL && finish(output, pid) == 0;
}

/* Whether a package lists just this sum for this path. */
static bool lists(const struct settings *settings, const struct package *package, const char *path,
		  const struct sum *sum)
{
	FILE *file = package_open(settings, package, "md5sums");
	bool found = false;
	struct sum listed;
	char *line;

	while (file != NULL && !found && (line = line_of(file)) != NULL) {
		found = strlen(line) > 34 && sum_parse(line, &listed) &&
			strcmp(line + 34, path) == 0 && memcmp(&listed, sum, sizeof(*sum)) == 0;
		free(line);
	}
	if (file != NULL)
		fclose(file);
	return found;
}

static bool is_replaced(const struct settings *settings, const struct packages *packages,
			const struct package *package, const char *path, const struct sum *sum)
{
	for (size_t i = 0; i < packages->n; i++) {
		const struct package *other = &packages->list[i];

		for (size_t k = 0; k < other->n_replaces; k++)
			if (strcmp(other->replaces[k].package, package->plain) == 0 &&
			    condition_holds(other->replaces[k].condition, package->version) &&
			    lists(settings, other, path, sum))
				return true;
	}
	return false;
}

static int compare_paths(const void *left, const void *right)
{
	const struct suspect *const *a = left, *const *b = right;

	return strcmp((*a)->path, (*b)->path);
}

/* One line of dpkg-query -S: "package: /path", or "package, package: /path". */
static void hear_owner(struct suspect **sorted, size_t n, const char *line)
{
	const char *path = strstr(line, ": /");
	size_t low = 0, high = n;

	if (path == NULL)
		return;
	path += 2;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(sorted[middle]->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n && strcmp(sorted[low]->path, path) == 0; low++) {
		const char *name = sorted[low]->package->name;

		/* A second line about the same path is another owner, or a diversion. */
		sorted[low]->reassigned = sorted[low]->named ||
					  strlen(name) != (size_t)(path - 2 - line) ||
					  strncmp(line, name, strlen(name)) != 0;
		sorted[low]->named = true;
	}
}

/* Asks dpkg whose they are: once for many, because it reads its whole database
 * each time, and once for each path, because each question has an answer. */
static void ask_owners(const struct settings *settings, struct suspect **sorted, size_t n)
{
	const char *argv[ASKED_AT_ONCE + 4] = { "dpkg-query", NULL, "-S" };
	char admindir[4096], *line;
	size_t asked = 3;
	FILE *output;
	pid_t pid;

	snprintf(admindir, sizeof(admindir), "--admindir=%s%s", settings->root, settings->admindir);
	argv[1] = admindir;
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(sorted[i]->path, sorted[i - 1]->path) != 0)
			argv[asked++] = sorted[i]->path;
	output = start(argv, &pid);
	while (output != NULL && (line = line_of(output)) != NULL) {
		hear_owner(sorted, n, line);
		free(line);
	}
	/* 1: some are nobody's, as far as dpkg knows; anything else: it could not say. */
	if (output == NULL || finish(output, pid) > 1)
		return;
	for (size_t i = 0; i < n; i++)
		sorted[i]->reassigned |= !sorted[i]->named;
}

/* How many of them may be asked about at once: as long as the paths have room, and
 * never a part of those of one path. */
static size_t askable(struct suspect **sorted, size_t n)
{
	size_t length = 0, most = 0, last = 0;

	while (most < n && most < ASKED_AT_ONCE && length < ASKED_LENGTH)
		length += strlen(sorted[most++]->path) + 1;
	for (size_t i = 0; i < most; i++)
		if (i + 1 == n || strcmp(sorted[i]->path, sorted[i + 1]->path) != 0)
			last = i + 1;
	return last > 0 ? last : most;
}

void dpkg_reassign(const struct settings *settings, const struct packages *packages,
		   struct suspect *suspects, size_t n)
{
	struct suspect **sorted = grown(NULL, n, sizeof(*sorted));

	for (size_t i = 0; i < n; i++)
		sorted[i] = &suspects[i];
	qsort(sorted, n, sizeof(*sorted), compare_paths);
	for (size_t i = 0, k; i < n; i += k) {
		k = askable(sorted + i, n - i);
		ask_owners(settings, sorted + i, k);
	}
	free(sorted);
	for (size_t i = 0; i < n; i++)
		if (!suspects[i].reassigned)
			suspects[i].reassigned =
				is_replaced(settings, packages, suspects[i].package,
					    suspects[i].path + 1, &suspects[i].sum);
}
