#include "api/open.h"

#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "backend/owner.h"

struct procs_stream *px_open(const char *call, const struct procs_options *options,
			     const struct px_input *input)
{
	struct procs_stream *stream = NULL;
	struct px_config config;
	const char *why = NULL;
	int error;

	if (px_owner_depth() >= PX_DEPTH_MOST) {
		px_refuse(ELOOP, "%s: more than %d workers deep", call, PX_DEPTH_MOST - 1);
		return NULL;
	}
	error = px_config_resolve(options, &config, &why);
	if (error != 0) {
		px_refuse(-error, "%s: options.%s is out of range", call, why);
		return NULL;
	}
	error = px_stream_open(&stream, &config, input, &why);
	if (error == -ENOENT)
		px_refuse(ENOENT, "%s: no PROCS_STRUCT(%s, ...) in this program", call, why);
	else if (error != 0 && why != NULL)
		px_refuse(-error, "%s: %s cannot travel: %s", call, why, strerrordesc_np(-error));
	else if (error != 0)
		px_refuse(-error, "%s: %s", call, strerrordesc_np(-error));
	return error == 0 ? stream : NULL;
}
