/*
 * local.h - the furniture of this room: shared by supervisor, launch, entry,
 * worker and inline, and by nobody else.
 */
#ifndef PROCS_BACKEND_LOCAL_H
#define PROCS_BACKEND_LOCAL_H

#include <signal.h>

#include "backend/admit.h"
#include "backend/backend.h"
#include "backend/forkserver.h"
#include "backend/handover.h"
#include "backend/reaper.h"
#include "backend/runner.h"
#include "backend/spawn.h"
#include "base/px.h"
#include "shm/arena.h"
#include "shm/doorbell.h"
#include "shm/store.h"

enum px_worker_state {
	PX_WORKER_VACANT = 0,
	PX_WORKER_WELL,
	PX_WORKER_SUSPECT,
	PX_WORKER_DYING,
	PX_WORKER_LEAVING
};

/* The parent's private record of the worker in a slot. */
struct px_worker {
	enum px_worker_state state;
	struct px_child child;
	int64_t pid;             /* also after the child is collected */
	uint64_t posted;         /* ranges handed over */
	uint64_t order;          /* number of the order that it has */
	uint64_t overdue;        /* when the state has lasted too long */
	uint64_t swept;          /* when its pidfd was last asked */
	enum procs_cause reason; /* why we killed it, or NONE */
	struct px_status status; /* once known */
	int lifeline;            /* of the slot, whoever works in it; -1: none */
	int file;                /* the slot lies in, if workers are to attach; -1: none yet */
	uint64_t hello_by;       /* when one that is to attach must have; 0: it has */
};

struct px_backend {
	enum procs_start start;
	struct px_arena arena;
	struct px_order order;
	uint64_t n_orders; /* this is which one */
	struct px_plans *plans;
	struct px_store *store;
	bool pooled;
	struct px_hooks hooks;
	struct px_program program;   /* of workers that are executed */
	int bell_file;               /* the doorbell lies in, if workers are to attach; or -1 */
	struct px_reply reply;       /* of the last worker that could not begin */
	struct px_foreign *foreign;  /* of the store; NULL: workers are forks */
	struct px_task_name task[2]; /* of the order, if workers are to attach */
	uint32_t n_slots;
	struct px_worker *workers;       /* [n_slots], of the store */
	struct px_runner *inline_runner; /* owned; NULL unless inline */
	_Atomic uint32_t ticket;         /* as in a slot, for px_backend_interrupt */
	struct px_sleeper
		sleepers[1 + PX_SLEEPERS_MOST]; /* of a wait; not on the stack, see store.h */
};

/* What a child needs to become the worker of a slot. */
struct px_birth {
	struct px_backend *backend;
	struct px_remote *remote; /* NULL: forked from its parent */
	uint32_t slot;
	struct px_leftover leftover;
	sigset_t mask;     /* to be in force while items run */
	void *robust_list; /* px_life_list of the parent's thread, or NULL: ask again */
	uint32_t bell;     /* of the slot before a plain fork; it moves when the child is adopted */
	bool cloned;       /* raw: handlers are reset, nothing is told of the fork; it is adopted */
	bool fresh;        /* raw: robust_list is still as in whoever cloned it */
	uint32_t depth;    /* of its parent */
	int lifeline;      /* what ties it to its host */
	pid_t host;        /* px_lifeline_host() */
	pid_t parent;      /* whose death ends it */
};

/* How often to look at the pidfd of a worker whose life word says this. */
uint64_t px_sweep_interval(uint32_t life);

/* hire.c. Has a slot lie in a file, if its workers are to attach and it does not yet. Makes a
 * worker in any way: 0 or a negative errno. */
void px_hire_ready(struct px_backend *backend, uint32_t slot);
int px_hire(struct px_birth *birth, struct px_child *child_out);

/* Writes the names of the order's tasks into the slot. */
void px_hire_name(struct px_backend *backend, uint32_t slot);

/* The frames of a crash, as addresses that px_symbols_find knows. */
void px_hire_translate(struct px_backend *backend, uint32_t slot, struct px_crash *crash);

/* Whether nothing is wrong with a worker that is still to attach; else it is killed. And of
 * one that is lost, why it never did. */
bool px_hire_is_well(struct px_backend *backend, uint32_t slot, uint64_t now);
struct px_loss px_hire_loss(struct px_backend *backend, uint32_t slot, struct px_loss loss);

/* Forks. In the parent: 0 and the child, or a negative errno. The child becomes
 * a worker and never returns. */
int px_launch_fork(struct px_birth *birth, struct px_child *child_out);

/* A child as it comes: 1 in it; in the parent 0, or a negative errno. All signals are
 * blocked by the caller. */
int px_launch_apart(struct px_child *child_out);

/* A child of this process's own parent, whose pid the kernel writes to *pid_out before it
 * runs; or a child as fork makes it. 0 in the child, its pid, or a negative errno, -ENOSYS
 * where it is not to be had. */
int px_launch_sibling(int32_t *pid_out);
int px_launch_copy(void);

/* Runs a function in a child of its own and waits for its end; false if there
 * was no child, or it had to be killed at the deadline. `adopted`: a shared word,
 * 0, on which the child waits for its pidfd to be open. */
bool px_launch_helper(void (*run)(void *), void *argument, _Atomic uint32_t *adopted,
		      uint64_t deadline);

/* The rules of a worker's entry, RELIABILITY of a fork: see entry.c. All
 * signals are blocked; on return the caller's mask is back. */
void px_entry(struct px_birth *birth);

/* In a fork that becomes the forkserver: nothing of the host that would outlast its use
 * there; the descriptors fds become seat, and others than the standard ones are closed. */
void px_entry_serve(const int fds[PX_SEAT_N], int seat[PX_SEAT_N]);

/* Whether ended children are to be waited for. */
void px_entry_heed_children(bool heed);

/* Leaves: no handlers of the host run, no text of the host is written. */
PX_NORETURN void px_entry_leave(int status);

/* A worker's life, from after px_entry to its end. */
PX_NORETURN void px_worker_live(struct px_birth *birth);

/* The process ends inside an item by exit: what procs_fail said is its outcome. */
void px_worker_last_words(void);

/* The inline backend: the runner of slot 0 in this process. */
int px_inline_open(struct px_backend *backend);
void px_inline_close(struct px_backend *backend);
void px_inline_step(struct px_backend *backend);

#endif /* PROCS_BACKEND_LOCAL_H */
