/*
 * local.h - the furniture of this room: shared by supervisor, launch, entry,
 * worker and inline, and by nobody else.
 */
#ifndef PROCS_BACKEND_LOCAL_H
#define PROCS_BACKEND_LOCAL_H

#include <signal.h>

#include "backend/backend.h"
#include "backend/reaper.h"
#include "backend/runner.h"
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
	uint32_t slot;
	struct px_leftover leftover;
	sigset_t mask;                /* to be in force while items run */
	void *robust_list;            /* px_life_list of the parent's thread, or NULL: ask again */
	uint32_t bell; /* of the slot before a plain fork; it moves when the child is adopted */
	bool cloned;   /* raw: handlers are reset, nothing is told of the fork */
	int lifeline;  /* what ties it to its host */
	pid_t host;    /* px_lifeline_host() */
	pid_t parent;  /* whose death ends it */
};

/* How often to look at the pidfd of a worker whose life word says this. */
uint64_t px_sweep_interval(uint32_t life);

/* Forks. In the parent: 0 and the child, or a negative errno. The child becomes
 * a worker and never returns. */
int px_launch_fork(struct px_birth *birth, struct px_child *child_out);

/* Runs a function in a child of its own and waits for its end; false if there
 * was no child, or it had to be killed at the deadline. `adopted`: a shared word,
 * 0, on which the child waits for its pidfd to be open. */
bool px_launch_helper(void (*run)(void *), void *argument, _Atomic uint32_t *adopted,
		      uint64_t deadline);

/* The rules of a worker's entry, RELIABILITY of a fork: see entry.c. All
 * signals are blocked; on return the caller's mask is back. */
void px_entry(struct px_birth *birth);

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
