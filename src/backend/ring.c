/*
 * ring.c - how a worker wakes the parent.
 */
#include <sys/syscall.h>

#include "backend/runner.h"
#include "base/clock.h"
#include "base/raw.h"
#include "shm/doorbell.h"

enum {
	PX_AWAY_NS = 100000, /* longer than a parent that sleeps on takes for a result */
	PX_AWAY_PAID = 64    /* times as long nobody steps aside then */
};

/* Rings, and steps aside: the parent may have been woken on this very CPU, and
 * would wait there until our turn ends. On a busy CPU somebody else takes the
 * turn instead, a whole slice of it; what that costs is worked off first. */
void px_runner_ring(struct px_runner *runner)
{
	uint64_t began, away;

	/* One that has a single range leaves anyway. */
	if (!px_doorbell_ring(runner->bell, &runner->slot.control->asleep) ||
	    !runner->own_process || runner->order.one_shot || runner->post.flags & PX_POST_LEAVE)
		return;
	began = px_now();
	if (began < runner->stay_until)
		return;
	(void)px_raw(SYS_sched_yield, 0, 0, 0, 0);
	away = px_now() - began;
	if (away > PX_AWAY_NS)
		runner->stay_until = px_deadline(began, PX_AWAY_PAID * away);
}

/* The items before `done` are visible: rings if the parent waits for them. */
void px_runner_tell(struct px_runner *runner, uint32_t done)
{
	if (px_doorbell_wanted(&runner->slot.control->want,
			       px_slot_position(runner->sequence, done)))
		px_runner_ring(runner);
}
