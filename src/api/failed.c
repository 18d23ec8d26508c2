/*
 * failed.c - failing on purpose, and failures as text.
 */
#include <procs/failed.h>
#include <stdarg.h>

#include "backend/context.h"
#include "base/px.h"
#include "codec/text.h"

PX_PRINTF(4, 0)

static void px_fail(int code, const void *data, size_t size, const char *format, va_list arguments)
{
	struct px_context *context = px_context_current();

	if (context != NULL)
		px_context_fail(context, PROCS_CAUSE_ERROR, code, data, size, format, arguments);
	else
		px_last_failure_set(PROCS_CAUSE_ERROR, code, data, size, format, arguments);
}

void procs_fail_here(const char *file, int line, const char *function)
{
	px_context_place(file, line, function);
}

/* In parentheses, since the header has macros of these names. */
int(procs_fail)(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	px_fail(code, NULL, 0, format, arguments);
	va_end(arguments);
	return 0;
}

int(procs_fail_data)(int code, const void *data, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	px_fail(code, data, size, format, arguments);
	va_end(arguments);
	return 0;
}

const struct procs_failed *procs_last_failure(void)
{
	return px_last_failure();
}

const char *procs_cause_name(enum procs_cause cause)
{
	return px_text_cause(cause);
}

size_t procs_failed_text(const struct procs_failed *failed, char *text, size_t size)
{
	struct px_text line = px_text_into(text, text != NULL ? size : 0);

	if (failed != NULL)
		px_text_add_failed(&line, failed);
	return line.length;
}
