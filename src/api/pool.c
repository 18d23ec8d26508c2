/*
 * pool.c - workers that outlive a call.
 */
#include "pool/pool.h"

#include <errno.h>
#include <procs/procs.h>
#include <string.h>

#include "api/api.h"
#include "api/open.h"
#include "backend/forkserver.h"
#include "backend/spawn.h"

/* If it was for want of a worker: which, and why. */
static void px_pool_refuse(const struct px_config *config, int error)
{
	char said[PX_REPLY_TEXT] = "";

	if (config->start == PROCS_START_FORKSERVER)
		px_forkserver_said(said, sizeof(said));
	if (config->start == PROCS_START_SPAWN && px_spawn_is_final(error))
		px_refuse(-error, "procs_pool_open: no worker from %s: %s",
			  px_program_path(&config->program), strerrordesc_np(-error));
	else if (*said != '\0')
		px_refuse(-error, "procs_pool_open: no worker from the forkserver: %s", said);
	else
		px_refuse(-error, "procs_pool_open: %s", strerrordesc_np(-error));
}

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
		px_pool_refuse(&config, error);
	return pool;
}

int procs_pool_close(struct procs_pool *pool)
{
	return pool == NULL ? 0 : px_pool_close(pool);
}
