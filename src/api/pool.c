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
	int error = px_open_config("procs_pool_open", options, &config);

	if (error != 0)
		return NULL;
	error = config.pool != NULL ? -EINVAL : px_pool_open(&pool, &config);
	if (config.pool != NULL)
		px_refuse(EINVAL, "procs_pool_open: options.pool is no option of a pool");
	else if (error != 0)
		px_refuse(-error, "procs_pool_open: %s", strerrordesc_np(-error));
	return pool;
}

int procs_pool_close(struct procs_pool *pool)
{
	return pool == NULL ? 0 : px_pool_close(pool);
}
