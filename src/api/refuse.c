#include <errno.h>
#include <stdarg.h>

#include "api/api.h"
#include "backend/context.h"

void px_refuse(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	px_last_failure_set(PROCS_CAUSE_ERROR, error, NULL, 0, format, arguments);
	va_end(arguments);
	errno = error;
}
