#include <errno.h>
#include <string.h>

#include "base/px.h"
#include "codec/text.h"

const char *px_text_cause(enum procs_cause cause)
{
	static const char *const names[] = {
		[PROCS_CAUSE_NONE] = "NONE",
		[PROCS_CAUSE_ERROR] = "ERROR",
		[PROCS_CAUSE_EXIT] = "EXIT",
		[PROCS_CAUSE_SIGNAL] = "SIGNAL",
		[PROCS_CAUSE_TIMEOUT] = "TIMEOUT",
		[PROCS_CAUSE_MEMORY] = "MEMORY",
		[PROCS_CAUSE_CORRUPT] = "CORRUPT",
		[PROCS_CAUSE_TOO_BIG] = "TOO_BIG",
		[PROCS_CAUSE_ENCODE] = "ENCODE",
		[PROCS_CAUSE_DECODE] = "DECODE",
		[PROCS_CAUSE_INIT] = "INIT",
		[PROCS_CAUSE_SPAWN] = "SPAWN",
		[PROCS_CAUSE_VERSION] = "VERSION",
		[PROCS_CAUSE_UNKNOWN_FUNCTION] = "UNKNOWN_FUNCTION",
		[PROCS_CAUSE_RESOURCE] = "RESOURCE",
		[PROCS_CAUSE_CANCELLED] = "CANCELLED",
		[PROCS_CAUSE_UNKNOWN] = "UNKNOWN",
	};

	return (unsigned)cause < sizeof(names) / sizeof(names[0]) ? names[cause] : "?";
}

/* "EDOM" for a task's own errno, "ERROR 70000" for another code, "EXIT 3",
 * "SIGNAL SIGSEGV"; the cause alone says enough of the others, with the errno
 * where there is one to tell. */
static void px_text_add_cause(struct px_text *text, const struct procs_failed *failed)
{
	const char *name = px_text_cause(failed->cause);
	const char *error = strerrorname_np(failed->code);
	const char *signal = sigabbrev_np(failed->code);

	switch (failed->cause) {
	case PROCS_CAUSE_ERROR:
		if (error != NULL && failed->code != 0)
			px_text_add(text, "%s", error);
		else
			px_text_add(text, "%s %d", name, failed->code);
		break;
	case PROCS_CAUSE_SIGNAL:
	case PROCS_CAUSE_MEMORY:
		if (signal != NULL)
			px_text_add(text, "%s SIG%s", name, signal);
		else
			px_text_add(text, "%s %d", name, failed->code);
		break;
	case PROCS_CAUSE_EXIT:
	case PROCS_CAUSE_INIT:
		px_text_add(text, "%s %d", name, failed->code);
		break;
	case PROCS_CAUSE_ENCODE:
	case PROCS_CAUSE_DECODE:
	case PROCS_CAUSE_RESOURCE:
	case PROCS_CAUSE_SPAWN:
		px_text_add(text, "%s %s", name, error != NULL ? error : "?");
		break;
	default:
		px_text_add(text, "%s", name);
		break;
	}
}

void px_text_add_failed(struct px_text *text, const struct procs_failed *failed)
{
	px_text_add(text, "Failed(");
	px_text_add_cause(text, failed);
	if (failed->message_size > 0) {
		px_text_add(text, ": ");
		px_text_add_bytes(text, failed->message, failed->message_size);
	}
	px_text_add(text, ")");
}

void px_text_add_complaint(struct px_text *text, int error, const char *culprit)
{
	const char *name = culprit != NULL ? culprit : "it";

	switch (error) {
	case -ENOENT:
		px_text_add(text, "no PROCS_STRUCT(%s, ...) in this program", name);
		break;
	case -ENOTUNIQ:
		px_text_add(text, "two different PROCS_STRUCT(%s, ...) in this program", name);
		break;
	case -EPROTOTYPE:
		px_text_add(text, "PROCS_STRUCT(%s, ...) describes one of another size", name);
		break;
	case -ENXIO:
		px_text_add(text, "no task %s in the registry of this program", name);
		break;
	case -EEXIST:
		px_text_add(text, "two tasks named %s in the registry of this program", name);
		break;
	case -ENAMETOOLONG:
		px_text_add(text, "%s has a name of more than 127 bytes", name);
		break;
	case -EDOM:
		px_text_add(text,
			    "PROCS_BODY has the argument %s in another place than PROCS_DECLARE",
			    name);
		break;
	case -E2BIG:
		px_text_add(text, "%s has too many parts", name);
		break;
	case -EFBIG:
		px_text_add(text, "the arguments take more than 2 GiB, or than a slot has");
		break;
	case -ENOMEM:
		px_text_add(text, "no memory");
		break;
	default:
		px_text_add(text, "%s is not what the task takes",
			    culprit != NULL ? culprit : "this");
		break;
	}
}
