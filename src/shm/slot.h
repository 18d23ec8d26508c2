/*
 * slot.h - the control words of one slot: handing ranges over, carving chunks,
 * taking tails back, claiming and publishing.
 *
 * One worker and one parent use a slot. Functions are grouped by who may call
 * them; reading what the worker wrote is not here but in take.h.
 */
#ifndef PROCS_SHM_SLOT_H
#define PROCS_SHM_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/layout.h"

/* A slot as pointers and private sizes; copied freely, owns nothing. */
struct px_slot {
	struct px_control *control;
	unsigned char *input;
	unsigned char *output;
	uint64_t input_size;
	uint64_t output_size;
};

/* Items [from, to) of a range. */
struct px_chunk {
	uint32_t from;
	uint32_t to;
};

static inline bool px_chunk_empty(struct px_chunk chunk)
{
	return chunk.from >= chunk.to;
}

/* The place of item `done` in all that a slot was ever given: positions grow,
 * ranges come one after the other. For `want`. */
static inline uint64_t px_slot_position(uint64_t sequence, uint64_t done)
{
	return sequence << 32 | done;
}

/* --- The parent's. --- */

/* Clears the control words for a new worker, of which these flags hold until it says
 * otherwise. Only while the slot has none. */
void px_slot_reset(struct px_slot slot, const struct px_order *order, uint32_t flags);

/* Hands over a range as number `sequence`, counted from 0. The caller knows
 * that fewer than PX_RING posts are unfinished. Wakes the worker if it sleeps. */
void px_slot_post(struct px_slot slot, uint64_t sequence, const struct px_post *post);

/*
 * Takes back items from the end of a posted range, of which `held` were the
 * worker's: from the first that it may not have carved, for all that is known, to
 * the end. Half of what it has not carved, rounded up, or with `all` the whole of
 * it. Returns them, [new end, end), empty if nothing was left or the word is not
 * one that the worker may have made of it.
 */
struct px_chunk px_slot_take_back(struct px_slot slot, uint64_t sequence, struct px_chunk held,
				  bool all);

/* The verdict on a worker that is gone, or as good as: nothing that it claims
 * or publishes from now on counts. */
void px_slot_revoke(struct px_slot slot);

/* Takes back items [from, held.to), if the worker has not carved `from` yet. */
bool px_slot_take_back_from(struct px_slot slot, uint64_t sequence, struct px_chunk held,
			    uint32_t from);

/* The first `taken` items of range `sequence` are taken and read: where their
 * results lie may be written again. */
void px_slot_take(struct px_slot slot, uint64_t sequence, uint32_t taken);

/* Tells the worker to leave, and wakes it. */
void px_slot_stop(struct px_slot slot, enum px_stop how);

/* --- The worker's. --- */

/* Whether range `sequence` is posted; then copies it. */
bool px_slot_read_post(struct px_slot slot, uint64_t sequence, struct px_post *post_out);

/* How many ranges are posted, ever. */
uint64_t px_slot_posted(struct px_slot slot);

/* Whether the parent wants the worker to leave. */
enum px_stop px_slot_stopped(struct px_slot slot);

/* Tells the parent that ranges below `passed` are done with: their entries may
 * be used again. */
void px_slot_pass(struct px_slot slot, uint64_t passed);

/* How many items of range `sequence` the parent has taken, by its word. */
uint64_t px_slot_taken(struct px_slot slot, uint64_t sequence);

/* Sleeps until something is posted or the deadline passes. `seen` is the
 * slot's bell from before the caller found nothing. */
void px_slot_rest(struct px_slot slot, uint32_t seen, uint64_t deadline);

/* Carves up to `most` items, at least one if any are left, off the front of
 * range `sequence`; with a `taper` no more than that or a quarter of the rest,
 * whichever is more. */
struct px_chunk px_slot_carve(struct px_slot slot, uint64_t sequence, uint32_t most,
			      uint32_t taper);

/* Claims chunk `number`, and publishes it; numbers count up from 0. False: the
 * parent has given this worker up, and it must leave. */
bool px_slot_claim(struct px_slot slot, uint64_t number);
bool px_slot_publish(struct px_slot slot, uint64_t number);

#endif /* PROCS_SHM_SLOT_H */
