/*
 * fold.h - a reduction: the values of items, combined from the left in blocks
 * that n alone decides, and then the values of the blocks likewise.
 *
 * Its blocks are the items of an ordinary stream, over a task that this file
 * provides: item b of it runs the items of block b and combines what they
 * return. Which of them runs is in the worker's slot (struct px_inside), so
 * that exactly one is blamed for a death. That last combining is a stream of one
 * item, for combine may crash too.
 */
#ifndef PROCS_BACKEND_FOLD_H
#define PROCS_BACKEND_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include <procs/task.h>

#include "shm/layout.h"

enum {
	PX_BLOCKS_MOST = 4096,
	PX_FOLD_VALUE_MOST = PROCS_ARGUMENTS_MAX / 2 /* bytes: combine takes two of them */
};

struct px_fold {
	struct procs_function blocks; /* the task whose item b is the value of block b */
	const struct procs_function *map;
	const struct procs_function *combine;
	uint64_t n;                  /* items, at least 1 */
	uint64_t grain;              /* items of a block; the last may have fewer */
	const unsigned char *values; /* of all blocks, side by side, borrowed: the task's one item
	                              * combines them; NULL: it makes them */
	uint32_t n_sequences;
	struct px_array sequence[PX_SEQUENCES]; /* what map takes its arguments from */
};

/* Why combine cannot combine what map, a typed task, returns; or NULL. */
const char *px_fold_wrong(const struct procs_function *map, const struct procs_function *combine);

/* Of typed tasks whose types fit each other; both are borrowed. The caller adds
 * the sequences. */
struct px_fold px_fold_of(const struct procs_function *map, const struct procs_function *combine,
			  uint64_t n);

/* Whether a task is the `blocks` of a fold: one descriptor after another lies at one
 * address. */
bool px_fold_is(const struct procs_function *function);

uint64_t px_fold_blocks(const struct px_fold *fold);

/* Which item is to blame, and which task: by the step that the worker of block
 * `block` told, if it lies in the block, else the first of it. */
struct px_blame {
	uint64_t index;
	const char *function;
};

struct px_blame px_fold_blame(const struct px_fold *fold, uint64_t block, uint64_t step);

#endif /* PROCS_BACKEND_FOLD_H */
