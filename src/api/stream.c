/*
 * stream.c - taking results, cancelling, closing.
 */
#include <errno.h>
#include <procs/procs.h>

#include "base/clock.h"
#include "pool/stream.h"

int procs_next_until(struct procs_stream *stream, struct procs_result *result, uint64_t deadline_ns)
{
	int error;

	if (stream == NULL || result == NULL)
		return -EINVAL;
	if (px_stream_next_ahead(stream, result))
		return 1;
	error = px_stream_usable(stream);
	return error != 0 ? error : px_stream_next(stream, result, deadline_ns);
}

int procs_next(struct procs_stream *stream, struct procs_result *result)
{
	if (stream != NULL && result != NULL && px_stream_next_ahead(stream, result))
		return 1;
	return procs_next_until(stream, result, PX_NEVER);
}

int procs_cancel(struct procs_stream *stream, uint64_t index)
{
	return stream == NULL ? -EINVAL : px_stream_cancel(stream, index);
}

int procs_close(struct procs_stream *stream)
{
	int error;

	if (stream == NULL)
		return 0;
	error = px_stream_usable(stream);
	return error != 0 ? error : px_stream_close(stream);
}
