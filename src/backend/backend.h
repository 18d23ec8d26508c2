/*
 * backend.h - who runs items: the door to this floor. The pool above hires
 * workers, posts ranges, looks how they are and waits; it never sees a pid.
 *
 * A slot holds one worker at a time:
 *
 *	state      meaning                      on: hire   suspicion  kill     end known   overdue
 *	VACANT     no process                   -> WELL    nothing    nothing  nothing     nothing
 *	WELL       works, or waits for work     refused    -> SUSPECT -> DYING -> LOST     nothing
 *	SUSPECT    its life word is marked      refused    nothing    -> DYING -> LOST     kill, -> DYING
 *	DYING      was killed                   refused    nothing    nothing  -> LOST     -> LOST
 *	LOST       told to the pool, once       refused    nothing    nothing  -> LEAVING  nothing
 *	LEAVING    done; its process may still  refused    nothing    nothing  -> VACANT   kill
 *	           be there
 *
 * LOST is left by the very call that reports it. A LEAVING worker whose process
 * is collected already is VACANT.
 */
#ifndef PROCS_BACKEND_BACKEND_H
#define PROCS_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include <procs/procs.h>

#include "codec/plans.h"
#include "shm/slot.h"

struct px_backend;

/* What each worker calls before its first item, and when it leaves; or NULL. */
struct px_hooks {
	procs_init *init;
	procs_teardown *teardown;
	void *user;
};

/* Whether workers of such a start attach to their slot, instead of inheriting it with all
 * memory of their parent: they have arrays, find tasks by name, and no address of the parent
 * means anything to them. */
static inline bool px_start_attaches(enum procs_start start)
{
	return start == PROCS_START_SPAWN || start == PROCS_START_FORKSERVER;
}

/* Whether this process has one thread, by what the C library knows. */
bool px_backend_is_alone(void);

/* A program to execute; strings are borrowed. */
struct px_program {
	const char *path;           /* NULL: this one, or with modules, procs-worker */
	const char *const *modules; /* its arguments, NULL behind the last; or NULL */
};

/* What a backend is to be. Borrowed for the call, but for plans and program. */
struct px_wish {
	enum procs_start start;
	struct px_program program;
	uint32_t n_slots;
	uint64_t reserve; /* bytes of output of each slot */
	uint64_t least;   /* if that much cannot be had */
	struct px_order order;
	struct px_plans *plans; /* borrowed until close */
	struct px_store *store; /* likewise; the backend lies in it */
	bool pooled;            /* workers wait for work without end */
	struct px_hooks hooks;
};

/* 0 or a negative errno, as px_arena_open. */
int px_backend_open(struct px_backend **backend_out, const struct px_wish *wish);

/* Kills what lives, waits until it is gone, at most a second, gives all back. */
void px_backend_close(struct px_backend *backend);

/* Ranges from now on are of another order; those of the old one are finished. */
void px_backend_reorder(struct px_backend *backend, const struct px_order *order);

/* The slot as pointers and sizes; for take.h, and for posting arguments. */
struct px_slot px_backend_slot(const struct px_backend *backend, uint32_t slot);

/* Whether a worker may be hired into the slot now. Collects one that left. */
bool px_backend_vacant(struct px_backend *backend, uint32_t slot, uint64_t now);

/* The parts of the output area that a new worker must not see, because they
 * hold results of an earlier one; empty ones have equal ends. */
struct px_leftover {
	uint64_t low_from, low_to;
	uint64_t over_from, over_to;
};

/* Readies a vacant slot: its first range may be posted before its worker is
 * made, who then need not wait for it. */
void px_backend_ready(struct px_backend *backend, uint32_t slot);

/* Makes a worker for a slot that is ready. 0 or the negative errno of fork, or of what
 * stands in its place. */
int px_backend_hire(struct px_backend *backend, uint32_t slot, struct px_leftover leftover);

/* Hands a range over, with the order if its worker does not have that yet;
 * returns its sequence number in the slot. The caller keeps to PX_RING. */
uint64_t px_backend_post(struct px_backend *backend, uint32_t slot, const struct px_post *post);

enum px_health {
	PX_HEALTH_ABSENT, /* no worker */
	PX_HEALTH_WELL,
	PX_HEALTH_ILL, /* suspected or being killed: the verdict follows soon */
	PX_HEALTH_LOST /* reported once; what the slot says now is final */
};

/* How a worker was lost. */
struct px_loss {
	enum procs_cause cause; /* EXIT, SIGNAL, UNKNOWN, or what it was killed for */
	int code;
	bool core_dumped;
	int64_t pid;
	bool unborn; /* it never began: px_backend_said tells why */
	bool killed; /* before it could, by somebody's SIGKILL: nothing is wrong with it */
};

/* What the last worker said that could not begin, and who it was. Borrowed. */
const char *px_backend_said(const struct px_backend *backend);
const char *px_backend_program(const struct px_backend *backend);

/* Whether an error of px_backend_hire will be the same the next time. */
bool px_backend_is_final(const struct px_backend *backend, int error);

/* Ranges from now on are of these tasks, by name; after px_backend_reorder. */
void px_backend_name(struct px_backend *backend, const struct px_task_name *task,
		     const struct px_task_name *combine);

/* Looks after a worker. Call it before taking news: a worker that is lost
 * writes no more, so news taken after LOST are the last. */
enum px_health px_backend_check(struct px_backend *backend, uint32_t slot, uint64_t now,
				struct px_loss *loss_out);

/* What a worker that crashed left in its slot, for a loss with cause SIGNAL whose
 * code may be corrected by it; false if it left nothing. */
bool px_backend_crash(struct px_backend *backend, uint32_t slot, struct px_loss *loss,
		      struct px_crash *crash_out);

/* Objects of workers that this process has not; NULL if they are its own. Borrowed. */
struct px_foreign;
const struct px_foreign *px_backend_foreign(const struct px_backend *backend);

/* Whether a worker does not wait to be given its slot any more; for how long it may,
 * the backend sees to. */
bool px_backend_has_attached(const struct px_backend *backend, uint32_t slot);

/* Whether a worker has not come further than its init hook, by its word; and what
 * that returned, if it did. */
bool px_backend_in_init(const struct px_backend *backend, uint32_t slot);
int px_backend_init_code(const struct px_backend *backend, uint32_t slot);

/* Whether a worker wants to leave. */
bool px_backend_tired(const struct px_backend *backend, uint32_t slot);

/* The worker's pid, for Failed; 0 if there is none. */
int64_t px_backend_pid(const struct px_backend *backend, uint32_t slot);

/* Kills a worker because item `item` of range `sequence` runs, or does not. It
 * is stopped first, and goes on if by now that has changed: no other item is to
 * pay. That may raise SIGCHLD in the host, and takes up to 20 ms. */
void px_backend_kill_for(struct px_backend *backend, uint32_t slot, enum procs_cause cause,
			 uint64_t sequence, uint32_t item, bool running);

/* Kills a worker whatever it does. */
void px_backend_kill(struct px_backend *backend, uint32_t slot, enum procs_cause cause,
		     uint64_t now);

/* Has a worker leave that has nothing left to do; from any state it is LEAVING. */
void px_backend_dismiss(struct px_backend *backend, uint32_t slot, uint64_t now);

/* The doorbell, before looking for news. */
uint32_t px_backend_seen(const struct px_backend *backend);

/* A worker to be watched in a wait: its end wakes, and if it reaches `want`
 * (px_slot_position; UINT64_MAX: no matter) so does that. */
struct px_watch {
	uint32_t slot;
	uint64_t want;
};

/*
 * Waits until the doorbell moves from `seen`, a watched worker reaches its want
 * or is marked, or the deadline; or for no reason. Inline, it runs items.
 */
void px_backend_wait(struct px_backend *backend, uint32_t seen, const struct px_watch *watches,
		     uint32_t n, uint64_t deadline);

/* Gives memory of a slot's output area back to the kernel, whole pages of it. Nothing
 * there is in use. */
void px_backend_trim(const struct px_backend *backend, uint32_t slot, uint64_t from, uint64_t to);

/* Rings the doorbell from another thread, to interrupt a wait. */
void px_backend_interrupt(struct px_backend *backend);

#endif /* PROCS_BACKEND_BACKEND_H */
