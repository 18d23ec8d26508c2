/*
 * supervisor.c - keeps the books of the workers: hires them, notices their end,
 * says how they ended. The state table is in backend.h.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "base/clock.h"
#include "shm/file.h"
#include "shm/take.h"

#define PX_SUSPECT_LONG (100 * PX_MILLISECOND)
#define PX_HALT_LONG    (20 * PX_MILLISECOND)
#define PX_DYING_LONG   PX_SECOND
#define PX_LEAVING_LONG PX_SECOND

struct px_slot px_backend_slot(const struct px_backend *backend, uint32_t slot)
{
	return px_arena_slot(&backend->arena, slot);
}

int64_t px_backend_pid(const struct px_backend *backend, uint32_t slot)
{
	return backend->workers[slot].pid;
}

bool px_backend_vacant(struct px_backend *backend, uint32_t slot, uint64_t now)
{
	struct px_worker *worker = &backend->workers[slot];

	if (worker->state == PX_WORKER_LEAVING) {
		if (worker->child.pid != 0)
			px_reaper_collect(&worker->child);
		if (worker->child.pid == 0) {
			worker->state = PX_WORKER_VACANT;
		} else if (now >= worker->overdue) {
			px_reaper_kill(&worker->child);
			worker->overdue = px_deadline(now, PX_LEAVING_LONG);
		}
	}
	return worker->state == PX_WORKER_VACANT;
}

void px_backend_ready(struct px_backend *backend, uint32_t slot)
{
	struct px_worker *worker = &backend->workers[slot];

	px_assert(worker->state == PX_WORKER_VACANT);
	*worker = (struct px_worker){ .child = { .pid = 0, .pidfd = -1 },
				      .order = backend->pooled ? UINT64_MAX : backend->n_orders,
				      .lifeline = worker->lifeline,
				      .file = worker->file };
	px_hire_ready(backend, slot);
	px_slot_reset(px_backend_slot(backend, slot), &backend->order,
		      backend->hooks.init != NULL ? PX_WORKER_IN_INIT : 0);
	/* A pool's come with a post, as the order does. */
	if (!backend->pooled)
		px_hire_name(backend, slot);
}

int px_backend_hire(struct px_backend *backend, uint32_t slot, struct px_leftover leftover)
{
	struct px_worker *worker = &backend->workers[slot];
	struct px_birth birth = { .backend = backend, .slot = slot, .leftover = leftover };
	int error = 0;

	if (backend->start == PROCS_START_INLINE)
		error = px_inline_open(backend);
	else
		error = px_hire(&birth, &worker->child);
	if (error != 0)
		return error;
	worker->pid = worker->child.pid;
	worker->state = PX_WORKER_WELL;
	worker->swept = px_now();
	return 0;
}

uint64_t px_backend_post(struct px_backend *backend, uint32_t slot, const struct px_post *post)
{
	struct px_worker *worker = &backend->workers[slot];
	const struct px_slot at = px_backend_slot(backend, slot);
	struct px_post with = *post;

	/* It is done with all ranges of its old order, and looks at the new one only when told. */
	if (worker->order != backend->n_orders) {
		with.flags |= PX_POST_ORDER;
		at.control->order = backend->order;
		px_hire_name(backend, slot);
		px_doorbell_want(&at.control->want, UINT64_MAX);
		worker->order = backend->n_orders;
	}
	px_slot_post(at, worker->posted, &with);
	return worker->posted++;
}

void px_backend_trim(const struct px_backend *backend, uint32_t slot, uint64_t from, uint64_t to)
{
	const uint64_t page = backend->arena.geometry.page;
	const struct px_slot at = px_backend_slot(backend, slot);

	from = px_align(from, page);
	to = px_min(px_align(to, page), at.output_size);
	if (from < to)
		px_pages_drop(at.output + from, to - from);
}

void px_backend_reorder(struct px_backend *backend, const struct px_order *order)
{
	backend->order = *order;
	backend->n_orders++;
}

/* The life word first, which costs nothing; its pidfd now and then, because a
 * stray write may have silenced the word. */
static bool px_worker_is_well(struct px_backend *backend, struct px_worker *worker, uint32_t slot,
			      uint64_t now)
{
	const uint32_t life = px_take_life(px_backend_slot(backend, slot));

	if (backend->start == PROCS_START_INLINE)
		return true;
	/* Another that took its slot marks the word, too. */
	if (!px_hire_is_well(backend, slot, now) || !px_life_is_well(life, worker->pid))
		return false;
	if (now - worker->swept < px_sweep_interval(life))
		return true;
	worker->swept = now;
	worker->status = px_reaper_collect(&worker->child);
	if (worker->status.ending != PX_ENDING_NONE)
		return false;
	/* A process is collected when its last thread has ended; a life word tells of the first. */
	return life != 0 || !px_reaper_headless(&worker->child);
}

static struct px_loss px_loss_of(const struct px_worker *worker)
{
	const struct px_status *status = &worker->status;
	struct px_loss loss = { .code = status->code, .pid = worker->pid };

	/* Our own SIGKILL is told apart by what it was sent for; an end of another kind came
	 * before it. */
	if (worker->reason != PROCS_CAUSE_NONE &&
	    (status->ending == PX_ENDING_NONE || status->ending == PX_ENDING_STOLEN ||
	     (status->ending == PX_ENDING_SIGNAL && status->code == SIGKILL))) {
		loss.cause = worker->reason;
		loss.code = worker->reason == PROCS_CAUSE_TIMEOUT     ? ETIMEDOUT
			    : worker->reason == PROCS_CAUSE_CANCELLED ? ECANCELED
			    : worker->reason == PROCS_CAUSE_CORRUPT   ? EBADMSG
								      : 0;
		return loss;
	}
	loss.core_dumped = status->core_dumped;
	switch (status->ending) {
	case PX_ENDING_EXIT:
		loss.cause = PROCS_CAUSE_EXIT;
		break;
	case PX_ENDING_SIGNAL:
		loss.cause = PROCS_CAUSE_SIGNAL;
		break;
	default:
		loss.cause = PROCS_CAUSE_UNKNOWN;
		break;
	}
	return loss;
}

/* A worker that is ill: whether its end is certain now. */
static bool px_worker_ended(struct px_worker *worker, bool direct, uint64_t now)
{
	if (worker->status.ending == PX_ENDING_NONE && worker->child.pid != 0)
		worker->status = px_reaper_collect(&worker->child);
	/* Another is to write the same array only when this one is gone, with all its threads. */
	if (worker->status.ending == PX_ENDING_NONE && worker->child.pid != 0 && !direct)
		worker->status = px_reaper_foresee(&worker->child);
	if (worker->status.ending != PX_ENDING_NONE || worker->child.pid == 0)
		return true;
	if (now < worker->overdue)
		return false;
	/* Killed a second ago and still not out of the kernel: it runs nothing any more. */
	if (worker->state == PX_WORKER_DYING)
		return true;
	/* Marked, yet alive: its thread is gone, or it became another program. */
	worker->reason = PROCS_CAUSE_EXIT;
	worker->state = PX_WORKER_DYING;
	worker->overdue = px_deadline(now, PX_DYING_LONG);
	px_reaper_kill(&worker->child);
	return false;
}

enum px_health px_backend_check(struct px_backend *backend, uint32_t slot, uint64_t now,
				struct px_loss *loss_out)
{
	struct px_worker *worker = &backend->workers[slot];

	if (worker->state == PX_WORKER_VACANT || worker->state == PX_WORKER_LEAVING)
		return PX_HEALTH_ABSENT;
	if (worker->state == PX_WORKER_WELL) {
		if (px_worker_is_well(backend, worker, slot, now))
			return PX_HEALTH_WELL;
		/* If it is not being killed already. */
		if (worker->state == PX_WORKER_WELL) {
			worker->state = PX_WORKER_SUSPECT;
			worker->overdue = px_deadline(now, PX_SUSPECT_LONG);
		}
	}
	if (!px_worker_ended(worker, backend->order.direct, now))
		return PX_HEALTH_ILL;
	px_slot_revoke(px_backend_slot(backend, slot));
	*loss_out = px_hire_loss(backend, slot, px_loss_of(worker));
	worker->state = worker->child.pid != 0 ? PX_WORKER_LEAVING : PX_WORKER_VACANT;
	worker->overdue = px_deadline(now, PX_LEAVING_LONG);
	return PX_HEALTH_LOST;
}

bool px_backend_crash(struct px_backend *backend, uint32_t slot, struct px_loss *loss,
		      struct px_crash *crash_out)
{
	const struct px_slot at = px_backend_slot(backend, slot);

	if (loss->cause != PROCS_CAUSE_SIGNAL || !px_report_take(&at.control->report, crash_out))
		return false;
	/* Where the walk over its stack hung, an alarm ended it instead. */
	if (loss->code == SIGALRM)
		loss->code = crash_out->signal;
	px_hire_translate(backend, slot, crash_out);
	return loss->code == crash_out->signal;
}

bool px_backend_in_init(const struct px_backend *backend, uint32_t slot)
{
	return backend->hooks.init != NULL &&
	       px_take_flags(px_backend_slot(backend, slot)) & PX_WORKER_IN_INIT;
}

int px_backend_init_code(const struct px_backend *backend, uint32_t slot)
{
	return px_take_init_code(px_backend_slot(backend, slot));
}

bool px_backend_tired(const struct px_backend *backend, uint32_t slot)
{
	return px_take_flags(px_backend_slot(backend, slot)) & PX_WORKER_TIRED;
}

void px_backend_kill(struct px_backend *backend, uint32_t slot, enum procs_cause cause,
		     uint64_t now)
{
	struct px_worker *worker = &backend->workers[slot];

	if (worker->state != PX_WORKER_WELL && worker->state != PX_WORKER_SUSPECT)
		return;
	worker->state = PX_WORKER_DYING;
	worker->reason = cause;
	worker->overdue = px_deadline(now, PX_DYING_LONG);
	if (backend->start == PROCS_START_INLINE)
		return; /* its verdict follows at once: there is no process */
	/* First so that no item starts that the kill is not meant for. */
	px_slot_stop(px_backend_slot(backend, slot), PX_STOP_NOW);
	px_reaper_kill(&worker->child);
}

/* Whether the item is a block of a reduction, and has begun another inside. */
static bool px_worker_has_time(const struct px_backend *backend, uint32_t slot)
{
	const uint64_t began = px_take_inside(px_backend_slot(backend, slot)).started_ns;
	const uint64_t now = px_now();

	return began <= now && now - began < backend->order.timeout_ns;
}

void px_backend_kill_for(struct px_backend *backend, uint32_t slot, enum procs_cause cause,
			 uint64_t sequence, uint32_t item, bool running)
{
	struct px_worker *worker = &backend->workers[slot];
	const uint64_t now = px_now();

	if (worker->state != PX_WORKER_WELL && worker->state != PX_WORKER_SUSPECT)
		return;
	/* One that does not stand in time is in a call of the kernel that lasts: so does its
	 * item. */
	if (backend->start != PROCS_START_INLINE &&
	    px_reaper_halt(&worker->child, px_deadline(now, PX_HALT_LONG)) &&
	    (!px_take_is_at(px_backend_slot(backend, slot), sequence, item, running) ||
	     (cause == PROCS_CAUSE_TIMEOUT && px_worker_has_time(backend, slot))))
		px_reaper_resume(&worker->child);
	else
		px_backend_kill(backend, slot, cause, now);
}

void px_backend_dismiss(struct px_backend *backend, uint32_t slot, uint64_t now)
{
	struct px_worker *worker = &backend->workers[slot];

	if (worker->state == PX_WORKER_VACANT || worker->state == PX_WORKER_LEAVING)
		return;
	/* One that has ended already may look ill; it has nothing to say any more. */
	if (worker->state == PX_WORKER_WELL && backend->start != PROCS_START_INLINE)
		px_slot_stop(px_backend_slot(backend, slot), PX_STOP_IDLE);
	worker->state = PX_WORKER_LEAVING;
	worker->overdue = px_deadline(now, PX_LEAVING_LONG);
}

int px_backend_open(struct px_backend **backend_out, const struct px_wish *wish)
{
	struct px_backend *backend = px_store_take(wish->store, sizeof(*backend));
	struct px_worker *workers = px_store_take(wish->store, wish->n_slots * sizeof(*workers));
	int error;

	if (backend == NULL || workers == NULL)
		return -ENOMEM;
	if (px_start_attaches(wish->start)) {
		backend->foreign = px_store_take(wish->store, sizeof(*backend->foreign));
		if (backend->foreign == NULL)
			return -ENOMEM;
	}
	px_reaper_tidy();
	backend->start = wish->start;
	backend->order = wish->order;
	backend->plans = wish->plans;
	backend->store = wish->store;
	backend->pooled = wish->pooled;
	backend->hooks = wish->hooks;
	backend->n_slots = wish->n_slots;
	backend->workers = workers;
	backend->program = wish->program;
	backend->bell_file = -1;
	for (uint32_t i = 0; i < wish->n_slots; i++)
		workers[i] =
			(struct px_worker){ .child = { .pidfd = -1 }, .lifeline = -1, .file = -1 };
	error = px_arena_open(&backend->arena, wish->n_slots,
			      px_start_attaches(wish->start)
				      ? px_arena_filed(wish->reserve, wish->least)
				      : wish->reserve,
			      wish->least);
	if (error != 0)
		return error;
	if (backend->start != PROCS_START_INLINE)
		px_lifeline_hold();
	*backend_out = backend;
	return 0;
}

/* Waits for all children that are still there, until the deadline. */
static void px_await_children(struct px_backend *backend, uint64_t deadline)
{
	for (uint32_t i = 0; i < backend->n_slots; i++) {
		struct px_child *child = &backend->workers[i].child;
		const struct px_child *one = child;

		for (px_reaper_collect(child); child->pid != 0 && px_now() < deadline;
		     px_reaper_collect(child))
			px_reaper_wait(&one, 1, deadline);
	}
}

static void px_kill_children(struct px_backend *backend, bool leaving_too)
{
	for (uint32_t i = 0; i < backend->n_slots; i++)
		if (leaving_too || backend->workers[i].state != PX_WORKER_LEAVING)
			px_reaper_kill(&backend->workers[i].child);
}

static void px_abandon_children(struct px_backend *backend)
{
	for (uint32_t i = 0; i < backend->n_slots; i++) {
		if (backend->workers[i].child.pid != 0)
			px_reaper_abandon(&backend->workers[i].child);
		px_lifeline_end_close(backend->workers[i].lifeline);
		px_file_close(backend->workers[i].file);
	}
	px_file_close(backend->bell_file);
}

void px_backend_close(struct px_backend *backend)
{
	if (backend->start == PROCS_START_INLINE) {
		px_inline_close(backend);
	} else {
		/* Those that leave by themselves get the time to. */
		px_kill_children(backend, false);
		px_await_children(backend, px_deadline(px_now(), PX_SUSPECT_LONG));
		px_kill_children(backend, true);
		px_await_children(backend, px_deadline(px_now(), PX_DYING_LONG));
		px_abandon_children(backend);
		px_reaper_tidy();
		px_lifeline_release();
	}
	px_arena_close(&backend->arena);
}
