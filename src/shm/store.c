#include "shm/store.h"

#include <string.h>

#include "base/px.h"
#include "shm/arena.h"
#include "shm/layout.h"

#define PX_BLOCK UINT64_C(65536)

struct px_store_block {
	_Alignas(PX_LINE) struct px_store_block *next;
	uint64_t size; /* whole pages, this struct at their beginning */
};

static struct px_store_block *px_store_grow(struct px_store *store, uint64_t need)
{
	const uint64_t size = px_max(px_align(need, PX_BLOCK), PX_BLOCK);
	struct px_store_block *block = px_pages_map(size);

	if (block == NULL)
		return NULL;
	block->next = store->blocks;
	block->size = size;
	store->blocks = block;
	store->used = sizeof(*block);
	return block;
}

void *px_store_take(struct px_store *store, size_t size)
{
	struct px_store_block *block = store->blocks;
	uint64_t need;
	void *taken;

	if (!px_add(size, sizeof(*block) + PX_LINE, &need) || need > PTRDIFF_MAX)
		return NULL;
	if (block == NULL || block->size - store->used < size)
		block = px_store_grow(store, need);
	if (block == NULL)
		return NULL;
	taken = (unsigned char *)block + store->used;
	store->used = px_min(px_align(store->used + size, PX_LINE), block->size);
	return taken;
}

void px_store_clear(struct px_store *store)
{
	struct px_store_block *block = store->blocks;

	if (block == NULL || block->next != NULL) {
		px_store_free(store);
		return;
	}
	memset(block + 1, 0, store->used - sizeof(*block));
	store->used = sizeof(*block);
}

void px_store_free(struct px_store *store)
{
	while (store->blocks != NULL) {
		struct px_store_block *block = store->blocks;

		store->blocks = block->next;
		px_pages_unmap(block, block->size);
	}
}
