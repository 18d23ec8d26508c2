/*
 * flow.c - a log through the workers, its tables into one. A file is split by
 * offsets, without a look at it; what is no file, or compressed, is pulled.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wide_finder.h"

enum {
	CHUNK = 1 << 20 /* stays in a worker's cache between being read and being searched */
};

struct procs_options flow_options(const struct settings *settings, void *notes)
{
	return (struct procs_options){
		.size = sizeof(struct procs_options),
		.workers = settings->workers,
		.start = settings->start,
		.traceback_fd = -1,
		.init = settings->start != PROCS_START_INLINE ? count_ready : NULL,
		.hooks_user = notes,
	};
}

/* Where a worker found the log ended before its time, or UINT64_MAX. */
static uint64_t take(const struct procs_result *result, uint64_t from, uint64_t to,
		     struct table *table, struct report *report)
{
	struct counted counted = { .end = UINT64_MAX };
	char why[512];
	size_t size;
	const char *bytes = procs_view(result, &size);
	int error = EBADMSG;

	if (result->failed != NULL) {
		if (result->failed->cause == PROCS_CAUSE_ERROR)
			snprintf(why, sizeof(why), "%s", result->failed->message);
		else
			procs_failed_text(result->failed, why, sizeof(why));
		report_failed(report, from, to, why);
		return UINT64_MAX;
	}
	if (size >= sizeof(counted)) {
		memcpy(&counted, bytes, sizeof(counted));
		error = table_merge(table, bytes + sizeof(counted), size - sizeof(counted));
	}
	if (error != 0)
		report_failed(report, from, to, strerror(error));
	return counted.end;
}

void flow_take(const struct procs_result *result, uint64_t from, uint64_t to, struct table *table,
	       struct report *report)
{
	take(result, from, to, table, report);
}

/* All chunks of a log; `bounds` are their n + 1 ends. */
static void drain(const struct settings *settings, const struct log *log, const uint64_t *bounds,
		  size_t n, struct table *table, struct report *report)
{
	void *notes = count_open(log, settings->pattern);
	const struct procs_options options = flow_options(settings, notes);
	struct procs_stream *stream = notes != NULL ? procs_pmap(count_chunk, n, &options,
								 .from = bounds, .to = bounds + 1)
						    : NULL;
	struct procs_result result;
	uint64_t end = UINT64_MAX;
	int more = stream != NULL ? 0 : -errno;

	while (stream != NULL && (more = procs_next(stream, &result)) > 0) {
		const uint64_t from = bounds[result.index], to = bounds[result.index + 1];
		const uint64_t seen = take(&result, from, to, table, report);

		end = seen < end ? seen : end;
		report_progress(report, to);
	}
	procs_close(stream);
	count_close();
	if (more < 0)
		report_error(report, "%s", strerror(-more));
	if (end != UINT64_MAX)
		report_error(
			report,
			"became shorter while read: of %llu bytes, some from %llu on were gone",
			(unsigned long long)log->size, (unsigned long long)end);
}

static void split(const struct settings *settings, const struct log *log, struct table *table,
		  struct report *report)
{
	const uint64_t chunk = settings->chunk > 0 ? settings->chunk : CHUNK;
	const size_t n = (size_t)((log->size - 1) / chunk + 1);
	uint64_t *bounds = reallocarray(NULL, n + 1, sizeof(*bounds));

	if (bounds == NULL) {
		report_error(report, "%s", strerror(ENOMEM));
		return;
	}
	for (size_t i = 0; i < n; i++)
		bounds[i] = i * chunk;
	bounds[n] = log->size;
	drain(settings, log, bounds, n, table, report);
	free(bounds);
}

static bool is_compressed(int fd, const char *name)
{
	const size_t length = strlen(name);
	unsigned char magic[2];

	if (length > 3 && strcmp(name + length - 3, ".gz") == 0)
		return true;
	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && magic[0] == 0x1f &&
	       magic[1] == 0x8b;
}

void flow_run(const struct settings *settings, const char *name, struct table *table,
	      struct report *report)
{
	const bool standard = strcmp(name, "-") == 0;
	const int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				: open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	struct log log;

	report_begin(report, standard ? "standard input" : name);
	if (fd < 0 || fstat(fd, &status) != 0) {
		report_error(report, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		report_end(report);
		return;
	}
	log = (struct log){ fd, (uint64_t)status.st_size, status.st_dev, status.st_ino };
	/* Files that the kernel makes up are of size 0, and not empty. */
	if (!standard && S_ISREG(status.st_mode) && log.size > 0 && !is_compressed(fd, name)) {
		split(settings, &log, table, report);
		close(fd);
	} else {
		pull_run(settings, fd, table, report);
	}
	report_end(report);
}
