/*
 * pull.c - a log that only one process can read: compressed, or from a pipe. The
 * parent reads it in pieces that end with a line, each the argument of a call,
 * and no more of them are in memory than there are processes at work.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "wide_finder.h"

enum {
	PIECE = 4 << 20,   /* a process for each: not too small */
	BLOCK = 256 * 1024 /* bytes read at once; of these some may be lost to an error */
};

/* What was read and not yet given away: a piece, and behind it the beginning of
 * the next line. */
struct puller {
	gzFile file;
	char *bytes;
	size_t size, room, piece;
	size_t want;    /* bytes of a piece */
	uint64_t *ends; /* [n] of all pieces, as bytes of the text */
	size_t n, ends_room;
	char why[200]; /* it could not be read further */
	bool ended;
};

static void stop(struct puller *puller, const char *why)
{
	snprintf(puller->why, sizeof(puller->why), "%s", why);
	puller->ended = true;
}

/* Room for the longest line and a piece; pages are taken when touched. Shared
 * with children though none looks at it: what is private is copied once more, page
 * by page, where a process is forked for each piece. */
static bool make_room(struct puller *puller)
{
	const size_t room = (size_t)LINE_MOST + 2 * puller->want + 2 * BLOCK;
	void *bytes = mmap(NULL, room, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return false;
	puller->bytes = bytes;
	puller->room = room;
	return true;
}

/* zlib tells a truncated file when there is nothing more to be had. */
static void check_end(struct puller *puller)
{
	int error;
	const char *why = gzerror(puller->file, &error);

	puller->ended = true;
	if (error == Z_ERRNO)
		stop(puller, strerror(errno));
	else if (error != Z_OK && error != Z_STREAM_END)
		stop(puller, why);
}

/* One block more. */
static void read_block(struct puller *puller)
{
	int got;

	errno = 0;
	got = gzread(puller->file, puller->bytes + puller->size, BLOCK);
	if (got > 0)
		puller->size += (size_t)got;
	else
		check_end(puller);
}

/* The next piece: what was wanted or more, up to the end of a line or of all. */
static size_t next_piece(struct puller *puller)
{
	size_t seen = 0; /* in these there is no newline */

	for (;;) {
		const char *last;

		while (!puller->ended && puller->size < seen + puller->want)
			read_block(puller);
		last = memrchr(puller->bytes + seen, '\n', puller->size - seen);
		if (last != NULL)
			return (size_t)(last + 1 - puller->bytes);
		if (puller->ended)
			return puller->size;
		seen = puller->size;
		if (seen > LINE_MOST) {
			stop(puller, "a line of more than 256 MiB");
			return 0;
		}
	}
}

static bool note_end(struct puller *puller, uint64_t end)
{
	if (puller->n == puller->ends_room) {
		const size_t room = 2 * puller->ends_room + 64;
		uint64_t *ends = reallocarray(puller->ends, room, sizeof(*ends));

		if (ends == NULL)
			return false;
		puller->ends = ends;
		puller->ends_room = room;
	}
	puller->ends[puller->n++] = end;
	return true;
}

/* The piece before this one was copied into its process' slot, and may go. */
static int give(void *user, struct procs_spec *spec)
{
	struct puller *puller = user;
	const uint64_t begin = puller->n > 0 ? puller->ends[puller->n - 1] : 0;

	puller->size -= puller->piece;
	memmove(puller->bytes, puller->bytes + puller->piece, puller->size);
	puller->piece = next_piece(puller);
	if (puller->piece == 0)
		return 0;
	*spec = procs_raw(procs_function_of(count_piece), puller->bytes, puller->piece);
	return note_end(puller, begin + puller->piece) ? 1 : -ENOMEM;
}

static void drain(const struct settings *settings, struct puller *puller, struct table *table,
		  struct report *report)
{
	const struct log none = { .fd = -1 };
	void *notes = count_open(&none, settings->pattern);
	const struct procs_options options = flow_options(settings, notes);
	struct procs_stream *stream =
		notes != NULL ? procs_call_from(give, puller, &options) : NULL;
	struct procs_result result;
	int more = stream != NULL ? 0 : -errno;

	while (stream != NULL && (more = procs_next(stream, &result)) > 0) {
		const size_t index = result.index;

		flow_take(&result, index > 0 ? puller->ends[index - 1] : 0, puller->ends[index],
			  table, report);
		report_progress(report, (uint64_t)gzoffset(puller->file));
	}
	procs_close(stream);
	count_close();
	if (more < 0)
		report_error(report, "%s", strerror(-more));
	if (puller->why[0] != '\0')
		report_error(report, "%s, after %llu bytes of text", puller->why,
			     (unsigned long long)(puller->n > 0 ? puller->ends[puller->n - 1] : 0));
}

void pull_run(const struct settings *settings, int fd, struct table *table, struct report *report)
{
	struct puller puller = { .file = gzdopen(fd, "r"),
				 .want = settings->chunk > 0 ? settings->chunk : PIECE };

	if (puller.file == NULL || gzbuffer(puller.file, BLOCK / 2) != 0 || !make_room(&puller)) {
		report_error(report, "%s", strerror(ENOMEM));
		if (puller.file == NULL)
			close(fd);
	} else {
		drain(settings, &puller, table, report);
	}
	if (puller.file != NULL)
		gzclose_r(puller.file);
	if (puller.bytes != NULL)
		munmap(puller.bytes, puller.room);
	free(puller.ends);
}
