/*
 * stream.h - the door to this floor: opens a stream over some input, yields its
 * outcomes, cancels, closes. What is in flight and in which order it leaves is
 * decided behind it.
 */
#ifndef PROCS_POOL_STREAM_H
#define PROCS_POOL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <procs/procs.h>

#include "backend/fold.h"
#include "pool/config.h"
#include "shm/layout.h"

/* What the items are. */
enum px_input_kind {
	PX_INPUT_SPECS,
	PX_INPUT_SOURCE,
	PX_INPUT_MAP
};

struct px_input {
	enum px_input_kind kind;
	uint64_t n;                     /* items; UINT64_MAX: until the source ends */
	const struct procs_spec *specs; /* [n], borrowed until close */
	procs_source *source;
	void *user;
	const struct procs_function *function; /* of a map */
	uint32_t n_sequences;
	struct px_array sequence[PX_SEQUENCES]; /* elements borrowed until close */
	const struct px_fold *fold; /* the items are its blocks, borrowed until close; or NULL */
	bool into;                  /* its values go to `out`, for px_stream_drain */
	unsigned char *out;         /* [n] values, borrowed until close; NULL: void */
};

/*
 * Opens a stream and hands over the first items. 0 or a negative errno:
 * -EINVAL for a task that is none, -ENOENT or -EPROTOTYPE for a struct, with
 * *culprit naming it, -ENOMEM, -EAGAIN, -EOVERFLOW.
 */
int px_stream_open(struct procs_stream **stream_out, const struct px_config *config,
		   const struct px_input *input, const char **culprit);

/* As procs_next_until; PX_NEVER for no deadline. */
int px_stream_next(struct procs_stream *stream, struct procs_result *result, uint64_t deadline);

/* The next outcome if it lies ready, a value that was copied ahead; false if not, or
 * if the stream may not be used: px_stream_usable says why. */
bool px_stream_next_ahead(struct procs_stream *stream, struct procs_result *result);

/* Runs a map that goes into an array to its end. The number of failed items, which
 * are counted and listed if there is a list, or a negative errno. */
int64_t px_stream_drain(struct procs_stream *stream, struct procs_failures *failures);

/* As procs_cancel; from any thread. */
int px_stream_cancel(struct procs_stream *stream, uint64_t index);

/* As procs_close. */
int px_stream_close(struct procs_stream *stream);

/* Whether the stream is this process's, and idle: 0, -EPERM or -EBUSY. */
int px_stream_usable(const struct procs_stream *stream);

/* The plan of the value that was delivered last, and a buffer of the stream's
 * for its text: both borrowed until the next px_stream_next. */
const struct px_plan *px_stream_plan(struct procs_stream *stream,
				     const struct procs_function *function);
char *px_stream_text(struct procs_stream *stream, size_t *room_out);

#endif /* PROCS_POOL_STREAM_H */
