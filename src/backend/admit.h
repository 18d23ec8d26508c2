/*
 * admit.h - a worker that does not share its parent's program and memory: what it is
 * told names tasks, and speaks of arrays at the parent's addresses. All of it is input:
 * it is copied, held against the slot, the arrays and the task, and then used.
 *
 * A task that is not to be had fails the items, UNKNOWN_FUNCTION; what no parent would
 * have written ends the worker.
 */
#ifndef PROCS_BACKEND_ADMIT_H
#define PROCS_BACKEND_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/fold.h"
#include "base/buffer.h"
#include "base/px.h"
#include "codec/plans.h"
#include "shm/slot.h"

/* The region of arrays: where the parent has it, and where it is here. */
struct px_border {
	uint64_t base, size;
	unsigned char *here; /* NULL: none was given */
};

struct px_remote {
	struct px_border border;
	struct px_leftover hidden;             /* of the output area: not mapped here */
	struct px_fold fold;                   /* of the order in work, if it is a reduction */
	struct px_task_name name;              /* asked for last, */
	const struct procs_function *function; /* and what it is here, or NULL */
	struct px_buffer arguments;            /* of a call; owned */
	char refusal[1400];                    /* why there is no such task */
};

/* [size] bytes at a parent's address, as an address of this process; 0 if they do not lie
 * in its arrays. */
uint64_t px_border_cross(const struct px_border *border, uint64_t base, uint64_t size);

/* Puts the order, a private copy, into words of this process. 0; -ENOENT for a task that is
 * not to be had, then its function is 0; -EBADMSG for what is no order. */
int px_admit_order(struct px_remote *remote, struct px_slot slot, struct px_plans *plans,
		   struct px_order *order);

/* Whether the range, a private copy, fits the slot and the admitted order. */
bool px_admit_post(const struct px_remote *remote, struct px_slot slot,
		   const struct px_order *order, const struct px_post *post);

/* The task of a call whose name begins at `at` in the input area. */
const struct procs_function *px_admit_call(struct px_remote *remote, struct px_slot slot,
					   uint64_t at, struct px_plans *plans);

#endif /* PROCS_BACKEND_ADMIT_H */
