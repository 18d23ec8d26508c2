/*
 * doorbell.c - the protocol of bells and tickets, whatever sleeping is: what
 * tests/model has as a model.
 */
#include "shm/doorbell.h"

/* Set in every ticket, so that a ticket of 0 (never announced) matches none. */
#define PX_TICKET (UINT32_C(1) << 31)

uint32_t px_doorbell_seen(const _Atomic uint32_t *bell)
{
	/* acquire: pairs with the increment in px_doorbell_ring(); what was stored before it is
	 * visible */
	return atomic_load_explicit(bell, memory_order_acquire);
}

void px_doorbell_announce(_Atomic uint32_t *ticket, uint32_t seen)
{
	/* seq_cst, with the fence: ordered against the increment in px_doorbell_ring(), see the
	 * head of doorbell.h */
	atomic_store_explicit(ticket, seen | PX_TICKET, memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
}

bool px_doorbell_ring(_Atomic uint32_t *bell, const _Atomic uint32_t *ticket)
{
	/* seq_cst: ordered against the store in px_doorbell_announce(); also releases the news */
	const uint32_t old = atomic_fetch_add_explicit(bell, 1, memory_order_seq_cst);

	/* seq_cst: after the increment in the single order */
	if (atomic_load_explicit(ticket, memory_order_seq_cst) != (old | PX_TICKET))
		return false;
	px_doorbell_wake(bell);
	return true;
}

bool px_doorbell_wanted(const _Atomic uint64_t *want, uint64_t position)
{
	/* seq_cst fence: the position was stored before, the want is loaded after; pairs with the
	 * fence in px_doorbell_want() */
	atomic_thread_fence(memory_order_seq_cst);
	/* relaxed: ordered by the fence */
	return position >= atomic_load_explicit(want, memory_order_relaxed);
}

void px_doorbell_want(_Atomic uint64_t *want, uint64_t position)
{
	/* relaxed: ordered by the fence */
	atomic_store_explicit(want, position, memory_order_relaxed);
	/* seq_cst fence: the want was stored before, the progress is loaded after; pairs with the
	 * fence in px_doorbell_wanted() */
	atomic_thread_fence(memory_order_seq_cst);
}
