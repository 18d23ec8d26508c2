#include "api/open.h"

#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "backend/owner.h"
#include "codec/text.h"
#include "pool/pool.h"

/* What is wrong with an option, behind "options.NAME ". */
static const char *px_option_wrong(const struct procs_options *options, const char *name, int error)
{
	if (strcmp(name, "size") == 0)
		return "is out of range: it is sizeof(struct procs_options), which PROCS_OPTIONS sets";
	if (strcmp(name, "pool") == 0)
		return error == -EBUSY   ? "is busy: another stream has its workers"
		       : error == -EPERM ? "belongs to another process"
					 : "is no pool that is open";
	if (options->pool != NULL && error == -EINVAL &&
	    (strcmp(name, "workers") == 0 || strcmp(name, "start") == 0 ||
	     strcmp(name, "init") == 0 || strcmp(name, "teardown") == 0 ||
	     strcmp(name, "recycle_items") == 0 || strcmp(name, "recycle_bytes") == 0 ||
	     strcmp(name, "reserve_bytes") == 0))
		return "is the pool's, given to procs_pool_open";
	return "is out of range";
}

int px_open_config(const char *call, const struct procs_options *options, struct px_config *config)
{
	const char *why = NULL;
	int error;

	if (px_owner_depth() >= PX_DEPTH_MOST) {
		px_refuse(ELOOP, "%s: more than %d workers deep", call, PX_DEPTH_MOST - 1);
		return -ELOOP;
	}
	error = px_config_resolve(options, config, &why);
	if (error != 0)
		px_refuse(-error, "%s: options.%s %s", call, why,
			  px_option_wrong(options, why, error));
	return error;
}

struct procs_stream *px_open(const char *call, const struct procs_options *options,
			     const struct px_input *input)
{
	struct procs_stream *stream = NULL;
	struct px_config config;
	const char *why = NULL;
	struct px_text text;
	char line[256];
	int error = px_open_config(call, options, &config);

	if (error != 0)
		return NULL;
	/* What blocks make is combined in their order. */
	if (input->fold != NULL)
		config.order = PROCS_ORDER_INPUT;
	if (input->fold != NULL && config.pool != NULL && !px_pool_sees_arrays(config.pool)) {
		px_refuse(ENOMEM, "%s: the pool was opened without address space for arrays", call);
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
