/*
 * call.c - procs_call and procs_call_from: each item in a new process.
 */
#include <errno.h>
#include <procs/procs.h>

#include "api/api.h"
#include "api/open.h"

#define PX_ITEMS_MOST (UINT64_C(1) << 48)

struct procs_stream *procs_call(const struct procs_spec *specs, size_t n,
				const struct procs_options *options)
{
	const struct px_input input = { .kind = PX_INPUT_SPECS, .n = n, .specs = specs };

	if (specs == NULL && n > 0) {
		px_refuse(EINVAL, "procs_call: specs is NULL");
		return NULL;
	}
	if (n > PX_ITEMS_MOST) {
		px_refuse(EINVAL, "procs_call: more than 2^48 items");
		return NULL;
	}
	return px_open("procs_call", options, &input);
}

struct procs_stream *procs_call_from(procs_source *source, void *user,
				     const struct procs_options *options)
{
	const struct px_input input = {
		.kind = PX_INPUT_SOURCE, .n = UINT64_MAX, .source = source, .user = user
	};

	if (source == NULL) {
		px_refuse(EINVAL, "procs_call_from: source is NULL");
		return NULL;
	}
	return px_open("procs_call_from", options, &input);
}
