/*
 * flow.c - the files of the chosen packages, a load at a time, through two
 * streams: while one is drained, the workers of the other go on, and no more
 * than two loads are ever in memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "verify.h"

enum {
	LOAD = 32768, /* files */
	AHEAD = 8192, /* the workers have work while dpkg is asked */
};

/* Files that are checked by one stream. */
struct load {
	struct procs_stream *stream;
	size_t n;
	const struct package *packages[LOAD];
	const char *roots[LOAD];
	char *paths[LOAD]; /* as the worker opens them */
	struct sum sums[LOAD];
};

/* Where the next file comes from. */
struct reader {
	const struct settings *settings;
	const struct package *const *chosen;
	size_t n;
	struct dpkg *dpkg;
	struct report *report;
	size_t at;  /* the package in work */
	FILE *sums; /* its list, or NULL */
	bool begun;
	size_t conffile; /* next one to check */
	char *line;
	size_t room;
};

static bool is_conffile(const struct package *package, const char *path)
{
	for (size_t i = 0; i < package->n_conffiles; i++)
		if (strcmp(package->conffiles[i].path, path) == 0)
			return true;
	return false;
}

/* The next line of the package's list that is a checksum: "md5  path". */
static const char *next_listed(struct reader *reader, struct sum *sum)
{
	const struct package *package = reader->chosen[reader->at];

	while (reader->sums != NULL && getline(&reader->line, &reader->room, reader->sums) >= 0) {
		char *path = reader->line;

		path[strcspn(path, "\n")] = '\0';
		if (strlen(path) < 34 || !sum_parse(path, sum) || path[32] != ' ') {
			report_warn(reader->report, "a line of %s's checksums is none: %s",
				    package->name, path);
			continue;
		}
		path += 33 + strspn(path + 33, " ");
		path += strncmp(path, "./", 2) == 0 ? 2 : 0;
		if (!is_conffile(package, path))
			return path;
	}
	return NULL;
}

/* Whether the package has files of which there should be checksums. */
static bool has_files(const struct settings *settings, const struct package *package)
{
	FILE *list = package_open(settings, package, "list");
	char *line = NULL, *path;
	struct stat stat;
	size_t room = 0;
	bool found = list == NULL;

	while (list != NULL && !found && getline(&line, &room, list) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (asprintf(&path, "%s%s", settings->root, line) < 0)
			break;
		found = lstat(path, &stat) == 0 && S_ISREG(stat.st_mode);
		free(path);
	}
	free(line);
	if (list != NULL)
		fclose(list);
	return found;
}

static bool is_empty(FILE *file)
{
	struct stat stat;

	return fstat(fileno(file), &stat) == 0 && stat.st_size == 0;
}

static void begin_package(struct reader *reader)
{
	const struct package *package = reader->chosen[reader->at];

	reader->begun = true;
	reader->conffile = 0;
	reader->sums = package_open(reader->settings, package, "md5sums");
	if (reader->sums == NULL)
		report_warn(reader->report, "no checksums for %s", package->name);
	else if (is_empty(reader->sums) && has_files(reader->settings, package))
		report_flaw(reader->report, "the checksums of %s are empty but should not be",
			    package->name);
	report_package(reader->report);
}

/* The next file to check and its package; NULL at the end of them all. */
static const char *next_file(struct reader *reader, const struct package **package, struct sum *sum)
{
	for (; reader->at < reader->n; reader->at++, reader->begun = false) {
		const char *path;

		*package = reader->chosen[reader->at];
		if (!reader->begun)
			begin_package(reader);
		path = next_listed(reader, sum);
		if (path != NULL)
			return path;
		if (reader->settings->conffiles && reader->conffile < (*package)->n_conffiles) {
			const struct conffile *conffile =
				&(*package)->conffiles[reader->conffile++];

			*sum = conffile->sum;
			return conffile->path;
		}
		if (reader->sums != NULL)
			fclose(reader->sums);
		reader->sums = NULL;
	}
	return NULL;
}

static bool load_open(struct load *load, struct reader *reader)
{
	const struct settings *settings = reader->settings;
	const struct package *package;
	const char *path;

	load->n = 0;
	while (load->n < LOAD &&
	       (path = next_file(reader, &package, &load->sums[load->n])) != NULL) {
		load->packages[load->n] = package;
		load->roots[load->n] = settings->root[0] != '\0' ? settings->root : NULL;
		if (asprintf(&load->paths[load->n], "/%s",
			     dpkg_divert(reader->dpkg, path, package)) < 0) {
			fprintf(stderr, "verify_packages: out of memory\n");
			return false;
		}
		load->n++;
	}
	if (load->n == 0)
		return true;
	load->stream =
		procs_pmap(check_file, load->n,
			   PROCS_OPTIONS(.workers = settings->workers, .start = settings->start,
					 .window_items = AHEAD, .timeout_ns = settings->timeout_ns,
					 .traceback_fd = -1),
			   load->roots, (const char *const *)load->paths);
	if (load->stream == NULL)
		fprintf(stderr, "verify_packages: %s\n", procs_last_failure()->message);
	return load->stream != NULL;
}

/* Takes all results of a load, and what it holds. */
static bool load_drain(struct load *load, struct verdicts *verdicts)
{
	struct procs_result result;
	bool memory = true;
	int more = 0;

	while (memory && load->stream != NULL && (more = procs_next(load->stream, &result)) > 0)
		memory =
			verdicts_add(verdicts, load->packages[result.index],
				     load->paths[result.index], &load->sums[result.index], &result);
	if (more < 0 || !memory)
		fprintf(stderr, "verify_packages: %s\n", strerror(memory ? -more : ENOMEM));
	procs_close(load->stream);
	load->stream = NULL;
	for (size_t i = 0; i < load->n; i++)
		free(load->paths[i]);
	load->n = 0;
	return more == 0 && memory;
}

bool flow_run(const struct settings *settings, const struct packages *packages,
	      const struct package *const *chosen, size_t n, struct report *report)
{
	struct load *loads = calloc(2, sizeof(*loads));
	struct reader reader = { .settings = settings,
				 .chosen = chosen,
				 .n = n,
				 .dpkg = dpkg_read(settings),
				 .report = report };
	struct verdicts *verdicts = verdicts_open(settings, packages, reader.dpkg, report);
	bool good = loads != NULL && verdicts != NULL && load_open(&loads[0], &reader);

	for (int turn = 0; good && loads[turn].n > 0; turn = 1 - turn) {
		good = load_open(&loads[1 - turn], &reader);
		good &= load_drain(&loads[turn], verdicts);
	}
	for (int i = 0; loads != NULL && verdicts != NULL && i < 2; i++)
		good &= load_drain(&loads[i], verdicts);
	verdicts_close(verdicts);
	if (reader.sums != NULL)
		fclose(reader.sums);
	free(reader.line);
	dpkg_free(reader.dpkg);
	free(loads);
	return good;
}

uint64_t flow_count(const struct settings *settings, const struct package *const *chosen, size_t n)
{
	uint64_t files = 0;

	for (size_t i = 0; i < n; i++) {
		FILE *sums = package_open(settings, chosen[i], "md5sums");
		char block[65536];
		size_t got;

		while (sums != NULL && (got = fread(block, 1, sizeof(block), sums)) > 0)
			for (size_t k = 0; k < got; k++)
				files += block[k] == '\n';
		if (sums != NULL)
			fclose(sums);
		files += settings->conffiles ? chosen[i]->n_conffiles : 0;
	}
	return files;
}
