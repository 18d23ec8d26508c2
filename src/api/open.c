#include "api/open.h"

#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "backend/owner.h"
#include "codec/text.h"
#include "pool/pool.h"

/* Options that a pool has from its opening. */
static bool px_option_is_pools(const char *name)
{
	static const char *const names[] = { "workers",       "start",         "init",
					     "teardown",      "recycle_items", "recycle_bytes",
					     "reserve_bytes", "worker",        "modules" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* What is wrong with one that is for workers found by name, or NULL. */
static const char *px_option_unnamed(const struct procs_options *options, const char *name)
{
	const uint32_t start = options != NULL ? options->start : PROCS_START_DEFAULT;

	if (strcmp(name, "start") == 0 && start <= PROCS_START_SPAWN && px_config_is_misnamed())
		return "is none by the environment's PROCS_START";
	if (strcmp(name, "start") == 0 && start <= PROCS_START_SPAWN)
		return "needs procs_worker_hook first in main, or a worker binary";
	if (strcmp(name, "worker") == 0)
		return options->worker[0] != '/' ? "is no absolute path"
						 : "is too long, or not for this start method";
	if (strcmp(name, "modules") == 0)
		return "is no list of 1 to 64 absolute paths, or not for this start method";
	if (strcmp(name, "hooks_user") == 0)
		return "does not lie in a procs_array";
	if (!px_config_is_blind(options))
		return NULL;
	if (strcmp(name, "init") == 0)
		return "is entered by no PROCS_INIT in this program";
	return strcmp(name, "teardown") == 0 ? "is entered by no PROCS_TEARDOWN in this program"
					     : NULL;
}

/* What is wrong with an option, behind "options.NAME ". */
static const char *px_option_wrong(const struct procs_options *options, const char *name, int error)
{
	const char *wrong;

	if (strcmp(name, "size") == 0)
		return "is out of range: it is sizeof(struct procs_options), which PROCS_OPTIONS sets";
	if (strcmp(name, "pool") == 0)
		return error == -EBUSY   ? "is busy: another stream has its workers"
		       : error == -EPERM ? "belongs to another process"
					 : "is no pool that is open";
	if (options != NULL && options->pool != NULL && error == -EINVAL &&
	    px_option_is_pools(name))
		return "is the pool's, given to procs_pool_open";
	wrong = px_option_unnamed(options, name);
	return wrong != NULL ? wrong : "is out of range";
}

int px_open_config(const char *call, const struct procs_options *options, struct px_config *config)
{
	const char *why = NULL;
	int error;

	if (px_owner_depth() >= PX_DEPTH_MOST) {
		px_refuse(ELOOP, "%s: more than %d workers deep", call, PX_DEPTH_MOST - 1);
		return -ELOOP;
	}
	if (px_config_is_unattached()) {
		px_refuse(ELOOP,
			  "%s: this program was executed to be a worker, and has not called "
			  "procs_worker_hook",
			  call);
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
