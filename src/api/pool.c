/*
 * pool.c - workers that outlive a call.
 */
#include "pool/pool.h"

#include <errno.h>
#include <procs/procs.h>
#include <string.h>

#include "api/api.h"
#include "api/open.h"

struct procs_pool *procs_pool_open(const struct procs_options *options)
{
	struct procs_pool *pool = NULL;
	struct px_config config;
	const char *other;
	int error = px_open_config("procs_pool_open", options, &config);

	if (error != 0)
		return NULL;
	other = px_config_not_of_pool(options);
	if (other != NULL) {
		px_refuse(EINVAL, "procs_pool_open: options.%s is given with each stream", other);
		return NULL;
	}
	error = px_pool_open(&pool, &config);
	if (error != 0)
		px_refuse(-error, "procs_pool_open: %s", strerrordesc_np(-error));
	return pool;
}

int procs_pool_close(struct procs_pool *pool)
{
	return pool == NULL ? 0 : px_pool_close(pool);
}
