/*
 * inline.c - the backend without processes: the calling thread runs the items,
 * over the same slot and by the same code as a worker. For debugging, and as
 * the honest baseline.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/local.h"
#include "shm/doorbell.h"

int px_inline_open(struct px_backend *backend)
{
	struct px_runner *runner = malloc(sizeof(*runner));

	px_assert(backend->n_slots == 1);
	if (runner == NULL)
		return -ENOMEM;
	px_inline_close(backend);
	px_runner_open(runner, px_backend_slot(backend, 0), &px_arena_shared(&backend->arena)->bell,
		       backend->plans);
	if (!backend->pooled)
		px_runner_order(runner);
	backend->inline_runner = runner;
	return 0;
}

void px_inline_close(struct px_backend *backend)
{
	if (backend->inline_runner == NULL)
		return;
	px_runner_close(backend->inline_runner);
	free(backend->inline_runner);
	backend->inline_runner = NULL;
}

void px_inline_step(struct px_backend *backend)
{
	if (backend->inline_runner != NULL)
		(void)px_runner_step(backend->inline_runner);
}
