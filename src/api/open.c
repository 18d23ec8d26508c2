#include "api/open.h"

#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "backend/owner.h"
#include "codec/text.h"

struct procs_stream *px_open(const char *call, const struct procs_options *options,
			     const struct px_input *input)
{
	struct procs_stream *stream = NULL;
	struct px_config config;
	const char *why = NULL;
	struct px_text text;
	char line[256];
	int error;

	if (px_owner_depth() >= PX_DEPTH_MOST) {
		px_refuse(ELOOP, "%s: more than %d workers deep", call, PX_DEPTH_MOST - 1);
		return NULL;
	}
	error = px_config_resolve(options, &config, &why);
	if (error != 0) {
		px_refuse(-error, "%s: options.%s is out of range%s", call, why,
			  strcmp(why, "size") == 0
				  ? ": it is sizeof(struct procs_options), which PROCS_OPTIONS sets"
				  : "");
		return NULL;
	}
	error = px_stream_open(&stream, &config, input, &why);
	if (error == 0)
		return stream;
	if (why != NULL) {
		text = px_text_into(line, sizeof(line));
		px_text_add_complaint(&text, error, why);
		px_refuse(-error, "%s: %s", call, line);
	} else {
		px_refuse(-error, "%s: %s", call, strerrordesc_np(-error));
	}
	return NULL;
}
