/*
 * worker.c - the life of a worker process: waits for ranges, runs them, leaves.
 */
#include <unistd.h>

#include "backend/crash.h"
#include "backend/life.h"
#include "backend/local.h"
#include "base/clock.h"
#include "base/raw.h"
#include "shm/doorbell.h"

/* An idle worker looks around this often, in case a ring was lost with a stray
 * write, or the parent was. */
#define PX_WORKER_REST (100 * PX_MILLISECOND)

/* One a process. Not on the stack: exit may be called when that is unwound. */
PX_WORKER_WRITES static struct px_runner px_own;
PX_WORKER_WRITES static struct px_plans px_own_plans; /* the parent's are read-only */
PX_WORKER_WRITES static pid_t px_own_pid;
static struct px_tidy px_own_tidy; /* of a pool's */

/* Without a range: sleeps, or says that it is time to leave. Who waits for the next
 * call of a pool sleeps without end, and costs nothing: the lifeline ends it with the
 * host, and what is posted rings. */
static bool px_worker_rest(struct px_runner *runner, pid_t parent, bool without_end)
{
	const struct px_slot slot = runner->slot;
	const uint32_t seen = px_doorbell_seen(&slot.control->bell);
	struct px_post post;

	if (px_slot_stopped(slot) != PX_STOP_NO || getppid() != parent)
		return false;
	if (px_slot_read_post(slot, runner->sequence, &post))
		return true;
	px_alarm_off(&runner->alarm);
	/* Probably the end of a stream: now, while nobody waits for it. */
	if (runner->post.flags & PX_POST_LAST)
		(void)px_runner_tidy(runner);
	if (without_end)
		px_runner_shut(runner);
	px_slot_rest(slot, seen, without_end ? PX_NEVER : px_deadline(px_now(), PX_WORKER_REST));
	return true;
}

/* True if it leaves in order: nobody waits for anything from it. */
static bool px_worker_run(struct px_runner *runner, pid_t parent, bool pooled)
{
	uint32_t rests = 0;

	for (;;) {
		switch (px_runner_step(runner)) {
		case PX_STEP_IDLE:
			if (!px_worker_rest(runner, parent, pooled && rests > 0))
				return true;
			rests = 1;
			break;
		case PX_STEP_WORK:
			rests = 0;
			break;
		case PX_STEP_LAST:
			return true;
		case PX_STEP_LOST:
			return false;
		}
	}
}

void px_worker_last_words(void)
{
	/* Not in a child of the task, which has inherited the guard. */
	if (px_own.own_process && getpid() == px_own_pid)
		px_runner_last_words(&px_own);
}

/* False: the hook failed, and there will be no items here. Until it returns, its end
 * however it comes is a failure of the hook. */
static bool px_worker_init(struct px_runner *runner, const struct px_hooks *hooks)
{
	struct px_control *control = runner->slot.control;
	int code;

	if (hooks->init == NULL)
		return true;
	px_crash_floor();
	code = hooks->init(hooks->user);
	/* relaxed, both: read when this worker has ended, or is known to have gone on */
	atomic_store_explicit(&control->init_code, code, memory_order_relaxed);
	if (code == 0)
		atomic_fetch_and_explicit(&control->flags, ~(uint32_t)PX_WORKER_IN_INIT,
					  memory_order_relaxed);
	return code == 0;
}

void px_worker_live(struct px_birth *birth)
{
	struct px_backend *backend = birth->backend;
	const struct px_slot slot = px_backend_slot(backend, birth->slot);
	struct px_runner *runner = &px_own;
	const pid_t parent = birth->parent;

	px_own_plans = *backend->plans;
	px_runner_open(runner, slot, &px_arena_shared(&backend->arena)->bell, &px_own_plans);
	runner->own_process = true;
	runner->remote = birth->remote;
	px_own_pid = (pid_t)px_raw(SYS_getpid, 0, 0, 0, 0);
	/* A pool's parent may be writing the first order by now, which comes with a post. */
	if (!backend->pooled)
		px_runner_order(runner);
	if (runner->order.one_shot)
		px_clock_plainly();
	if (!px_worker_init(runner, &backend->hooks))
		px_entry_leave(0);
	if (backend->pooled) {
		px_tidy_note(&px_own_tidy);
		runner->tidy = &px_own_tidy;
	}
	/* Nothing is freed: the process ends. Results are in the slot, text is written. */
	if (px_worker_run(runner, parent, backend->pooled && birth->lifeline >= 0)) {
		if (backend->hooks.teardown != NULL)
			backend->hooks.teardown(backend->hooks.user);
		px_life_resign();
	}
	px_entry_leave(0);
}
