/*
 * store.h - memory for what the parent writes with every call.
 *
 * Ordinary memory is copied page by page when it is written after a fork: some
 * microseconds each, for each process that is made. These pages are shared, so
 * a fork leaves them alone; and a worker, which would otherwise be able to write
 * to the parent's truth, has them read-only before anything of a task runs
 * (px_arena_seal_others).
 */
#ifndef PROCS_SHM_STORE_H
#define PROCS_SHM_STORE_H

#include <stddef.h>
#include <stdint.h>

struct px_store_block;

struct px_store {
	struct px_store_block *blocks; /* owned */
	uint64_t used;                 /* of the first of them */
};

/* [size] zeroed bytes, aligned to a line, until px_store_free; NULL without
 * memory. */
void *px_store_take(struct px_store *store, size_t size);

/* As good as new: what was taken is gone. Keeps a block, if there was only one. */
void px_store_clear(struct px_store *store);

void px_store_free(struct px_store *store);

#endif /* PROCS_SHM_STORE_H */
