#include "shm/slot.h"

#include <string.h>

#include "base/px.h"
#include "shm/doorbell.h"

enum {
	PX_CLAIM_SHIFT = 2,
	PX_TAPER = 4 /* parts of the rest that a worker leaves to others */
};

static struct px_entry *px_slot_entry(struct px_slot slot, uint64_t sequence)
{
	return &slot.control->entry[sequence % PX_RING];
}

static uint64_t px_range_word(uint32_t next, uint32_t end)
{
	return (uint64_t)end << 32 | next;
}

static uint32_t px_range_next(uint64_t word)
{
	return (uint32_t)word;
}

static uint32_t px_range_end(uint64_t word)
{
	return (uint32_t)(word >> 32);
}

void px_slot_reset(struct px_slot slot, const struct px_order *order, uint32_t flags)
{
	/* Plain stores: no worker is there to see them. The birth of the next one orders them. */
	memset(slot.control, 0, offsetof(struct px_control, report));
	px_report_clear(&slot.control->report);
	slot.control->order = *order;
	/* relaxed: as above */
	atomic_store_explicit(&slot.control->flags, flags, memory_order_relaxed);
	/* relaxed: as above; a one-shot worker rings in any case, once */
	atomic_store_explicit(&slot.control->want, order->one_shot ? 0 : UINT64_MAX,
			      memory_order_relaxed);
}

void px_slot_post(struct px_slot slot, uint64_t sequence, const struct px_post *post)
{
	struct px_entry *entry = px_slot_entry(slot, sequence);

	/* Plain stores: until `posted` covers the entry it is the parent's alone. */
	entry->post = *post;
	memset(&entry->progress, 0, sizeof(entry->progress));
	/* relaxed: as above */
	atomic_store_explicit(&entry->range, px_range_word(0, post->count), memory_order_relaxed);
	/* release: pairs with the acquire in px_slot_read_post(); publishes the entry */
	atomic_store_explicit(&slot.control->posted, sequence + 1, memory_order_release);
	px_doorbell_ring(&slot.control->bell, &slot.control->idle);
}

struct px_chunk px_slot_take_back(struct px_slot slot, uint64_t sequence, struct px_chunk held,
				  bool all)
{
	_Atomic uint64_t *range = &px_slot_entry(slot, sequence)->range;
	/* relaxed: the swap below decides */
	uint64_t word = atomic_load_explicit(range, memory_order_relaxed);
	const struct px_chunk none = { held.to, held.to };
	uint32_t next, middle;

	do {
		next = px_range_next(word);
		/* Only the parent lowers end, and next never goes back: another value is a stray
		 * write, and would give items away that are finished or in flight. */
		if (px_range_end(word) != held.to || next < held.from || next >= held.to)
			return none;
		middle = all ? next : next + (held.to - next) / 2;
		/* relaxed: the word hands over items, not memory; what they need was published by
		 * the post, and is the parent's own */
	} while (!atomic_compare_exchange_weak_explicit(range, &word, px_range_word(next, middle),
							memory_order_relaxed,
							memory_order_relaxed));
	return (struct px_chunk){ middle, held.to };
}

void px_slot_revoke(struct px_slot slot)
{
	/* acq_rel: pairs with the swaps of px_slot_claim() and px_slot_publish(): what was
	 * published first is visible, what comes later fails */
	atomic_exchange_explicit(&slot.control->claim, PX_CLAIM_LOST, memory_order_acq_rel);
}

bool px_slot_take_back_from(struct px_slot slot, uint64_t sequence, struct px_chunk held,
			    uint32_t from)
{
	_Atomic uint64_t *range = &px_slot_entry(slot, sequence)->range;
	/* relaxed: the swap below decides */
	uint64_t word = atomic_load_explicit(range, memory_order_relaxed);

	do {
		if (px_range_end(word) != held.to || px_range_next(word) < held.from ||
		    from < held.from || px_range_next(word) > from)
			return false;
		/* relaxed: see px_slot_take_back() */
	} while (!atomic_compare_exchange_weak_explicit(
		range, &word, px_range_word(px_range_next(word), from), memory_order_relaxed,
		memory_order_relaxed));
	return true;
}

void px_slot_take(struct px_slot slot, uint64_t sequence, uint32_t taken)
{
	/* release: pairs with the acquire in px_slot_taken(); what was read there is read */
	atomic_store_explicit(&slot.control->taken, px_slot_position(sequence, taken),
			      memory_order_release);
}

void px_slot_stop(struct px_slot slot, enum px_stop how)
{
	/* relaxed: the ring behind it orders it */
	atomic_store_explicit(&slot.control->stop, how, memory_order_relaxed);
	px_doorbell_ring(&slot.control->bell, &slot.control->idle);
}

uint64_t px_slot_posted(struct px_slot slot)
{
	/* relaxed: a number; who reads a post looks again */
	return atomic_load_explicit(&slot.control->posted, memory_order_relaxed);
}

bool px_slot_read_post(struct px_slot slot, uint64_t sequence, struct px_post *post_out)
{
	/* acquire: pairs with the release in px_slot_post() */
	if (atomic_load_explicit(&slot.control->posted, memory_order_acquire) <= sequence)
		return false;
	*post_out = px_slot_entry(slot, sequence)->post;
	return true;
}

enum px_stop px_slot_stopped(struct px_slot slot)
{
	/* relaxed: a flag of its own */
	return atomic_load_explicit(&slot.control->stop, memory_order_relaxed);
}

void px_slot_pass(struct px_slot slot, uint64_t passed)
{
	/* release: pairs with the acquire in px_take_passed(); this worker writes no more to the
	 * entries below */
	atomic_store_explicit(&slot.control->passed, passed, memory_order_release);
}

uint64_t px_slot_taken(struct px_slot slot, uint64_t sequence)
{
	/* acquire: pairs with the release in px_slot_take() */
	const uint64_t position = atomic_load_explicit(&slot.control->taken, memory_order_acquire);

	return position >> 32 == sequence ? position & UINT32_MAX : 0;
}

void px_slot_rest(struct px_slot slot, uint32_t seen, uint64_t deadline)
{
	px_doorbell_announce(&slot.control->idle, seen);
	struct px_sleeper bell = px_doorbell_on_bell(&slot.control->bell, seen);

	px_doorbell_sleep(&bell, 1, deadline);
}

struct px_chunk px_slot_carve(struct px_slot slot, uint64_t sequence, uint32_t most, uint32_t taper)
{
	_Atomic uint64_t *range = &px_slot_entry(slot, sequence)->range;
	/* relaxed: the swap below decides */
	uint64_t word = atomic_load_explicit(range, memory_order_relaxed);
	uint32_t next, end, take;

	do {
		next = px_range_next(word);
		end = px_range_end(word);
		if (next >= end)
			return (struct px_chunk){ next, next };
		take = (uint32_t)px_min(most, end - next);
		if (taper > 0)
			take = (uint32_t)px_min(
				take, px_max(taper, (end - next + PX_TAPER - 1) / PX_TAPER));
		/* relaxed: see px_slot_take_back() */
	} while (!atomic_compare_exchange_weak_explicit(
		range, &word, px_range_word(next + take, end), memory_order_relaxed,
		memory_order_relaxed));
	return (struct px_chunk){ next, next + take };
}

static bool px_slot_swap_claim(struct px_slot slot, uint64_t from, uint64_t to)
{
	/* acq_rel: pairs with the exchange in px_slot_revoke(): one of the two is first, and both
	 * sides agree which */
	return atomic_compare_exchange_strong_explicit(&slot.control->claim, &from, to,
						       memory_order_acq_rel, memory_order_relaxed);
}

bool px_slot_claim(struct px_slot slot, uint64_t number)
{
	const uint64_t free = number << PX_CLAIM_SHIFT | PX_CLAIM_FREE;

	return px_slot_swap_claim(slot, free, free | PX_CLAIM_CLAIMED);
}

bool px_slot_publish(struct px_slot slot, uint64_t number)
{
	const uint64_t claimed = number << PX_CLAIM_SHIFT | PX_CLAIM_CLAIMED;

	return px_slot_swap_claim(slot, claimed, (number + 1) << PX_CLAIM_SHIFT | PX_CLAIM_FREE);
}
