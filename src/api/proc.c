/*
 * proc.c - process specifications, and what the library says of itself.
 */
#include <procs/procs.h>
#include <string.h>

#include "base/clock.h"
#include "base/px.h"

const char *procs_version(void)
{
	return PROCS_VERSION;
}

uint64_t procs_deadline(uint64_t timeout_ns)
{
	return px_deadline(px_now(), timeout_ns);
}

struct procs_spec procs_spec_make(const struct procs_function *function, const void *arguments,
				  size_t size)
{
	struct procs_spec spec = { .function = function, .size = size };

	/* Too large a one cannot come from the macros; it keeps its size and is refused later. */
	if (arguments != NULL && size <= sizeof(spec.arguments))
		memcpy(spec.arguments, arguments, size);
	return spec;
}

struct procs_spec procs_raw(const struct procs_function *function, const void *bytes, size_t size)
{
	return (struct procs_spec){ .function = function, .bytes = bytes, .size = size };
}
