/*
 * refuse.c - workers that cannot be had, now or ever: a program that is not there, or is
 * of another build. What has no worker then fails, and says which program it was.
 */
#include <errno.h>
#include <string.h>

#include "backend/forkserver.h"
#include "codec/text.h"
#include "pool/local.h"

enum {
	PX_SILENT_TRIES = 3 /* workers that end without a word before items fail */
};

static void px_refuse_with(struct procs_stream *stream, enum procs_cause cause, int code,
			   const char *said)
{
	struct px_text text = px_text_into(stream->refusal, sizeof(stream->refusal));

	px_text_add(&text, "no worker from %s: %s", px_backend_program(stream->backend), said);
	stream->refused =
		(struct px_verdict){ .cause = cause, .code = code, .culprit = stream->refusal };
}

void px_refuse_hire(struct procs_stream *stream, int error)
{
	char said[PX_REPLY_TEXT] = "";

	if (!px_backend_is_final(stream->backend, error))
		return;
	if (stream->config.start == PROCS_START_FORKSERVER)
		px_forkserver_said(said, sizeof(said));
	px_refuse_with(stream, error == -EPROTO ? PROCS_CAUSE_VERSION : PROCS_CAUSE_SPAWN, -error,
		       *said != '\0' ? said : strerrordesc_np(-error));
}

void px_refuse_loss(struct procs_stream *stream, const struct px_loss *loss)
{
	/* One that was killed says nothing about the others, but a hundred do. One that ended
	 * without a word may do better the next time. */
	if (!loss->unborn || loss->cause == PROCS_CAUSE_CANCELLED ||
	    (loss->killed && stream->stillborn + 1 < PX_STILLBORN_MOST) ||
	    (loss->code == ESRCH && !loss->killed && ++stream->init_failed < PX_SILENT_TRIES))
		return;
	px_refuse_with(stream, loss->cause, loss->code, px_backend_said(stream->backend));
}
