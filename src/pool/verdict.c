/*
 * verdict.c - what became of an item without a result, in words.
 */
#include <errno.h>

#include "codec/text.h"
#include "pool/local.h"

static void px_verdict_say(struct px_text *text, const struct procs_stream *stream,
			   const struct px_verdict *verdict, const char *function)
{
	switch (verdict->cause) {
	case PROCS_CAUSE_EXIT:
		px_text_add(text, "%s left its process without a result", function);
		break;
	case PROCS_CAUSE_SIGNAL:
		px_text_add(text, "%s was killed%s%s", function,
			    verdict->crash != NULL && verdict->crash->overflow ? ": stack overflow"
									       : "",
			    verdict->core_dumped ? ", core dumped" : "");
		break;
	case PROCS_CAUSE_TIMEOUT:
		px_text_add(text, "%s ran for %.6g s, %.6g s were allowed", function,
			    (double)verdict->elapsed_ns / 1e9,
			    (double)stream->config.timeout_ns / 1e9);
		break;
	case PROCS_CAUSE_CORRUPT:
		px_text_add(text, "what %s left in its slot does not pass the checks", function);
		break;
	case PROCS_CAUSE_TOO_BIG:
	case PROCS_CAUSE_ENCODE:
		if (*function == '\0') {
			px_text_add(text, "a specification without a function");
			break;
		}
		px_text_add(text, "%s cannot be called: ", function);
		px_text_add_complaint(text, -verdict->code, verdict->culprit);
		break;
	case PROCS_CAUSE_DECODE:
		px_text_add(text, "no memory for the result of %s", function);
		break;
	case PROCS_CAUSE_INIT:
		px_text_add(text, "no worker for %s: the init hook failed in each", function);
		break;
	case PROCS_CAUSE_UNKNOWN_FUNCTION:
		px_text_add_complaint(text, verdict->code == ENOENT ? -ENXIO : -verdict->code,
				      function);
		break;
	case PROCS_CAUSE_RESOURCE:
		px_text_add(text, "no process could be made for %s", function);
		break;
	case PROCS_CAUSE_UNKNOWN:
		px_text_add(text, "the process of %s is gone, and so is its status", function);
		break;
	default:
		break;
	}
}

void px_verdict_text(struct procs_stream *stream, const struct px_verdict *verdict,
		     const char *function)
{
	struct px_text text = px_text_into(stream->message, sizeof(stream->message));

	if (verdict->culprit == stream->refusal)
		px_text_add(&text, "%s", stream->refusal);
	else
		px_verdict_say(&text, stream, verdict, function);
	stream->failed.message = stream->message;
	stream->failed.message_size = px_min(text.length, sizeof(stream->message) - 1);
}
