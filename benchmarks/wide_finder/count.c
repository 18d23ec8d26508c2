/*
 * count.c - the tasks: the table of one chunk of a log, which the worker reads
 * itself, and that of one piece of text, which the parent read for it.
 *
 * A worker that was forked has the log and the pattern from its parent. One that was
 * executed has neither, and one that a forkserver made may have those of an earlier log;
 * both find in a procs_array what they are to have.
 */
#include <errno.h>
#include <fcntl.h>
#include <procs/worker.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wide_finder.h"

enum {
	TAIL = 4096 /* read beyond a chunk at once: most last lines end in it */
};

/* What a worker has to know. */
struct notes {
	struct log log;
	pid_t reader;   /* who has the log open */
	bool patterned; /* there is a pattern, not the default */
	char pattern[];
};

static struct notes *notes;
static struct log log_read; /* by this process: another descriptor, maybe */

void *count_open(const struct log *log, const char *pattern)
{
	const size_t size = pattern != NULL ? strlen(pattern) + 1 : 0;

	notes = procs_array_new(sizeof(*notes) + size, 1);
	if (notes == NULL)
		return NULL;
	notes->log = log_read = *log;
	notes->reader = getpid();
	notes->patterned = pattern != NULL;
	if (pattern != NULL)
		memcpy(notes->pattern, pattern, size);
	return notes;
}

void count_close(void)
{
	procs_array_free(notes);
	notes = NULL;
}

static bool is_open(const struct log *log)
{
	struct stat status;

	return fstat(log->fd, &status) == 0 && status.st_dev == log->device &&
	       status.st_ino == log->inode;
}

/* The very file that the parent has, whatever has its name by now. */
static int reopen(pid_t reader)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)reader, log_read.fd);
	log_read.fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (log_read.fd < 0)
		return errno;
	return is_open(&log_read) ? 0 : ESTALE;
}

int count_ready(void *user)
{
	notes = user;
	table_seed();
	if (notes->patterned && !match_open(notes->pattern))
		return EINVAL;
	log_read = notes->log;
	return log_read.fd < 0 || is_open(&log_read) ? 0 : reopen(notes->reader);
}

PROCS_INIT(count_ready);

/* One table and one buffer a worker. Bytes [start, start + size) of the log,
 * or less where it ends before its time. */
struct window {
	char *bytes;
	size_t size, room;
	uint64_t start;
	bool cut; /* the log has become shorter */
};

static struct table table;
static struct window window;

/* Reads on until the window ends at `end` of the log. An errno, or 0. */
static int extend(uint64_t end)
{
	const size_t want = (size_t)(end - window.start);

	if (want > window.room) {
		char *bytes = realloc(window.bytes, want);

		if (bytes == NULL)
			return ENOMEM;
		window.bytes = bytes;
		window.room = want;
	}
	while (window.size < want && !window.cut) {
		const ssize_t got = pread(log_read.fd, window.bytes + window.size,
					  want - window.size, (off_t)(window.start + window.size));

		if (got < 0 && errno != EINTR)
			return errno;
		window.cut = got == 0;
		window.size += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Where in the window the first newline at or after `from` is, or its end. */
static size_t newline(size_t from)
{
	const char *at =
		from < window.size ? memchr(window.bytes + from, '\n', window.size - from) : NULL;

	return at != NULL ? (size_t)(at - window.bytes) : window.size;
}

/* Reads on until the line that holds the byte at `from` of the window is whole. */
static int finish_line(size_t from, size_t *end_out)
{
	size_t seen = from;

	while ((*end_out = newline(seen)) == window.size && !window.cut) {
		const uint64_t end = window.start + window.size;
		int error;

		seen = window.size;
		if (end == log_read.size)
			return 0;
		if (seen - from > LINE_MOST)
			return EFBIG;
		error = extend(least(log_read.size, end + seen - from + TAIL));
		if (error != 0)
			return error;
	}
	return 0;
}

/* The lines that start in [from, to). A line starts behind a newline, so one
 * byte more is read before; and the last of them is followed to its end. */
static int count_range(uint64_t from, uint64_t to)
{
	const uint64_t begin = from > 0 ? from - 1 : 0;
	size_t first = 0, end, last = (size_t)(to - 1 - begin);
	int error;

	window.start = begin;
	window.size = 0;
	window.cut = false;
	error = extend(least(to + TAIL, log_read.size));
	if (error == 0 && from > 0)
		first = newline(0) + 1;
	/* None starts here if the first newline is the last byte of ours, or later. */
	if (error != 0 || first > last || first >= window.size)
		return error;
	error = finish_line(last, &end);
	return error != 0 ? error : match_lines(window.bytes + first, end - first, &table);
}

static size_t packed_size(void)
{
	return sizeof(struct counted) + table_packed_size(&table);
}

static void pack(void *bytes, uint64_t end)
{
	const struct counted counted = { .end = end };

	memcpy(bytes, &counted, sizeof(counted));
	table_pack(&table, (char *)bytes + sizeof(counted));
}

PROCS_BODY2(struct procs_bytes, count_chunk, uint64_t, from, uint64_t, to)
{
	struct procs_bytes result = { 0 };
	void *bytes;
	int error;

	table_clear(&table);
	error = count_range(from, to);
	if (error == EFBIG)
		procs_fail(error, "a line of more than %d MiB", LINE_MOST >> 20);
	else if (error != 0)
		procs_fail(error, "%s", strerror(error)); /* the first failure stands */
	bytes = error == 0 ? procs_scratch(packed_size()) : NULL;
	if (bytes == NULL)
		return procs_fail(ENOMEM, "out of memory"), result;
	pack(bytes, window.cut ? window.start + window.size : UINT64_MAX);
	result = (struct procs_bytes){ bytes, packed_size() };
	return result;
}

static int count_lines(struct procs_task *task)
{
	size_t size;
	const char *text = procs_argument(task, 0, &size);
	void *bytes;
	int error;

	table_clear(&table);
	error = match_lines(text, size, &table);
	if (error != 0)
		return error;
	bytes = procs_reserve(task, packed_size());
	if (bytes == NULL)
		return errno;
	pack(bytes, UINT64_MAX);
	return procs_commit(task, packed_size());
}

PROCS_TASK(count_piece, count_lines);
