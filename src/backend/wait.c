/*
 * wait.c - the parent asleep: until a worker rings, or is marked as ended, or it
 * is time to look at those whose end does not ring.
 */
#include "backend/life.h"
#include "backend/local.h"
#include "base/clock.h"
#include "shm/doorbell.h"
#include "shm/take.h"

#define PX_SWEEP       (100 * PX_MILLISECOND) /* between two looks at a pidfd */
#define PX_SWEEP_BLIND (10 * PX_MILLISECOND)  /* where no life word is watched */

/* Blind, each wait ends by then, and life words are looked at after each: a death is
 * known in 10 ms, one whose word was silenced in 20. A word that is still 0 is that of
 * a worker just born, or of one that could not register. */
uint64_t px_sweep_interval(uint32_t life)
{
	return life != 0 && px_doorbell_watches_words() ? PX_SWEEP : PX_SWEEP_BLIND;
}

uint32_t px_backend_seen(const struct px_backend *backend)
{
	return px_doorbell_seen(&px_arena_shared(&backend->arena)->bell);
}

/* Every worker that may ring finds the ticket in its own slot, also one that is on
 * its way out: a ring that moves the bell past what the ticket names, and does not see
 * it, would take the wake-up away from the next. */
static bool px_announce(struct px_backend *backend, uint32_t seen)
{
	bool ill = false;

	px_doorbell_announce(&backend->ticket, seen);
	for (uint32_t i = 0; i < backend->n_slots; i++) {
		const enum px_worker_state state = backend->workers[i].state;

		ill |= state == PX_WORKER_SUSPECT || state == PX_WORKER_DYING;
		if (state != PX_WORKER_VACANT)
			px_doorbell_announce(&px_backend_slot(backend, i).control->asleep, seen);
	}
	return ill;
}

/* Says what is waited for; true if it is there already. */
static bool px_ask(const struct px_backend *backend, struct px_slot slot, uint64_t want)
{
	const uint64_t sequence = want >> 32;

	if (want == UINT64_MAX || backend->order.one_shot)
		return false;
	px_doorbell_want(&slot.control->want, want);
	return px_slot_position(sequence, px_take_done(slot, sequence)) >= want;
}

void px_backend_wait(struct px_backend *backend, uint32_t seen, const struct px_watch *watches,
		     uint32_t n, uint64_t deadline)
{
	struct px_sleeper *sleepers = backend->sleepers;
	uint64_t latest = px_deadline(px_now(), PX_SWEEP);
	bool there = false;
	size_t count = 1;

	if (backend->start == PROCS_START_INLINE) {
		px_inline_step(backend);
		return;
	}
	/* An ill worker's end may come without a ring. */
	if (px_announce(backend, seen))
		latest = px_deadline(px_now(), PX_MILLISECOND);
	for (uint32_t i = 0; i < n; i++) {
		const struct px_slot slot = px_backend_slot(backend, watches[i].slot);
		const uint32_t life = px_take_life(slot);

		there |= px_ask(backend, slot, watches[i].want);
		latest = px_min(latest, px_deadline(px_now(), px_sweep_interval(life)));
		/* The word of one that is ill may be marked for as long as its end takes. */
		if (count == 1 + PX_SLEEPERS_MOST ||
		    backend->workers[watches[i].slot].state != PX_WORKER_WELL)
			continue;
		there |= !px_life_is_well(life, backend->workers[watches[i].slot].pid);
		sleepers[count++] = px_doorbell_on(&slot.control->life.word, life);
	}
	sleepers[0] = px_doorbell_on_bell(&px_arena_shared(&backend->arena)->bell, seen);
	if (!there)
		px_doorbell_sleep(sleepers, count, px_min(latest, deadline));
}

void px_backend_interrupt(struct px_backend *backend)
{
	px_doorbell_ring(&px_arena_shared(&backend->arena)->bell, &backend->ticket);
}
