/*
 * packages.c - reads dpkg's status file: stanzas of fields, "Name: value", of
 * which continuation lines begin with a blank (deb-src-control(5)).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify.h"

/* A stanza while it is read. */
struct stanza {
	char *package, *architecture, *version, *status, *multi_arch, *conffiles, *replaces;
};

static void *must(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "verify_packages: out of memory\n");
		exit(255);
	}
	return memory;
}

static char *copy_of(const char *text)
{
	return must(strdup(text));
}

static void stanza_free(struct stanza *stanza)
{
	char *all[] = { stanza->package,    stanza->architecture, stanza->version, stanza->status,
			stanza->multi_arch, stanza->conffiles,    stanza->replaces };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
	memset(stanza, 0, sizeof(*stanza));
}

static char **stanza_field(struct stanza *stanza, const char *line, size_t length)
{
	const struct {
		const char *name;
		char **field;
	} fields[] = {
		{ "Package", &stanza->package },       { "Architecture", &stanza->architecture },
		{ "Version", &stanza->version },       { "Status", &stanza->status },
		{ "Multi-Arch", &stanza->multi_arch }, { "Conffiles", &stanza->conffiles },
		{ "Replaces", &stanza->replaces },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strlen(fields[i].name) == length &&
		    strncasecmp(fields[i].name, line, length) == 0)
			return fields[i].field;
	return NULL;
}

/* "path md5 [obsolete|remove-on-upgrade]"; the path may hold blanks. */
static void add_conffile(struct package *package, char *line)
{
	char *end = line + strlen(line), *space;
	struct conffile conffile;

	while (*line == ' ')
		line++;
	if (end - line > 18 && strcmp(end - 18, " remove-on-upgrade") == 0)
		return;
	if (end - line > 9 && strcmp(end - 9, " obsolete") == 0)
		*(end - 9) = '\0';
	space = strrchr(line, ' ');
	if (*line != '/' || space == NULL || strlen(space + 1) != 32 ||
	    !sum_parse(space + 1, &conffile.sum))
		return; /* "newconffile": not installed yet */
	*space = '\0';
	conffile.path = copy_of(line + 1);
	package->conffiles =
		must(realloc(package->conffiles, (package->n_conffiles + 1) * sizeof(conffile)));
	package->conffiles[package->n_conffiles++] = conffile;
}

/* "name (<< version)" */
static void add_replacement(struct package *package, char *text)
{
	struct replacement replacement = { 0 };
	char *open, *close;

	text += strspn(text, " \n");
	open = strchr(text, '(');
	close = open != NULL ? strchr(open, ')') : NULL;
	if (close != NULL) {
		*close = '\0';
		replacement.condition = copy_of(open + 1);
	}
	text[strcspn(text, " (\n")] = '\0';
	replacement.package = copy_of(text);
	package->replaces =
		must(realloc(package->replaces, (package->n_replaces + 1) * sizeof(replacement)));
	package->replaces[package->n_replaces++] = replacement;
}

static bool ends_in(const char *text, const char *end)
{
	const size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static char *first_part(char *text, const char *separators, char **save)
{
	return text != NULL ? strtok_r(text, separators, save) : NULL;
}

static void add_package(struct packages *packages, struct stanza *stanza)
{
	struct package package = { 0 };
	char *save = NULL;

	if (stanza->package == NULL || stanza->version == NULL || stanza->status == NULL ||
	    (!ends_in(stanza->status, " installed") &&
	     !ends_in(stanza->status, " half-configured")))
		return;
	package.plain = copy_of(stanza->package);
	package.version = copy_of(stanza->version);
	package.name = copy_of(stanza->package);
	if (stanza->multi_arch != NULL && strcmp(stanza->multi_arch, "same") == 0 &&
	    stanza->architecture != NULL) {
		free(package.name);
		if (asprintf(&package.name, "%s:%s", stanza->package, stanza->architecture) < 0)
			must(NULL);
	}
	for (char *line = first_part(stanza->conffiles, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		add_conffile(&package, line);
	for (char *text = first_part(stanza->replaces, ",", &save); text != NULL;
	     text = strtok_r(NULL, ",", &save))
		add_replacement(&package, text);
	if (packages->n == packages->room) {
		packages->room = packages->room * 2 + 64;
		packages->list =
			must(realloc(packages->list, packages->room * sizeof(*packages->list)));
	}
	packages->list[packages->n++] = package;
}

/* Appends a line to a field, its newline kept. */
static void extend(char **field, const char *line)
{
	char *longer;

	if (asprintf(&longer, "%s\n%s", *field, line) < 0)
		must(NULL);
	free(*field);
	*field = longer;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct package *)a)->name, ((const struct package *)b)->name);
}

static void read_stanzas(struct packages *packages, FILE *file)
{
	struct stanza stanza = { 0 };
	char **field = NULL, *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) >= 0) {
		const size_t name = strcspn(line, ":\n");

		line[strcspn(line, "\n")] = '\0';
		if (*line == '\0') {
			add_package(packages, &stanza);
			stanza_free(&stanza);
			field = NULL;
		} else if (*line == ' ' || *line == '\t') {
			if (field != NULL)
				extend(field, line);
		} else if (line[name] == ':') {
			field = stanza_field(&stanza, line, name);
			if (field != NULL && *field == NULL)
				*field = copy_of(line + name + 1 + strspn(line + name + 1, " "));
		}
	}
	add_package(packages, &stanza);
	stanza_free(&stanza);
	free(line);
}

bool packages_read(const struct settings *settings, struct packages *packages)
{
	char *path;
	FILE *file;

	if (asprintf(&path, "%s%s/status", settings->root, settings->admindir) < 0)
		must(NULL);
	file = fopen(path, "re");
	if (file == NULL) {
		fprintf(stderr, "verify_packages: %s: %s\n", path, strerror(errno));
		free(path);
		return false;
	}
	read_stanzas(packages, file);
	fclose(file);
	free(path);
	if (packages->n > 0)
		qsort(packages->list, packages->n, sizeof(*packages->list), by_name);
	return true;
}

void packages_free(struct packages *packages)
{
	for (size_t i = 0; i < packages->n; i++) {
		struct package *package = &packages->list[i];

		for (size_t k = 0; k < package->n_conffiles; k++)
			free(package->conffiles[k].path);
		for (size_t k = 0; k < package->n_replaces; k++) {
			free(package->replaces[k].package);
			free(package->replaces[k].condition);
		}
		free(package->conffiles);
		free(package->replaces);
		free(package->name);
		free(package->plain);
		free(package->version);
	}
	free(packages->list);
}

const struct package *packages_find(const struct packages *packages, const char *name)
{
	const struct package *found = NULL;

	for (size_t i = 0; i < packages->n; i++) {
		const struct package *package = &packages->list[i];

		if (strcmp(package->name, name) == 0)
			return package;
		/* "libc6" for "libc6:amd64"; a package that is not there twice has no qualifier. */
		if (strcmp(package->plain, name) == 0)
			found = package;
	}
	return found;
}

/* A FIFO in the place of a list must not make us wait. */
static FILE *open_regular(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat stat;
	FILE *file;

	if (fd < 0)
		return NULL;
	file = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? fdopen(fd, "r") : NULL;
	if (file == NULL)
		close(fd);
	return file;
}

FILE *package_open(const struct settings *settings, const struct package *package, const char *kind)
{
	const char *names[] = { package->name, package->plain };
	FILE *file = NULL;

	for (size_t i = 0; i < 2 && file == NULL; i++) {
		char *path;

		if (asprintf(&path, "%s%s/info/%s.%s", settings->root, settings->admindir, names[i],
			     kind) < 0)
			must(NULL);
		file = open_regular(path);
		free(path);
	}
	return file;
}
