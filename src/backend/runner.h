/*
 * runner.h - runs the items of posted ranges and writes their results, chunk by
 * chunk. The same code serves a forked worker and the inline backend.
 */
#ifndef PROCS_BACKEND_RUNNER_H
#define PROCS_BACKEND_RUNNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <procs/task.h>

#include "backend/admit.h"
#include "backend/alarm.h"
#include "backend/context.h"
#include "backend/pace.h"
#include "backend/tidy.h"
#include "codec/image.h"
#include "codec/plans.h"
#include "shm/output.h"
#include "shm/slot.h"

struct px_runner {
	struct px_slot slot;
	struct px_order order;  /* private copy */
	_Atomic uint32_t *bell; /* the parent's */
	struct px_plans *plans; /* borrowed */
	struct px_codec codec;  /* owned */
	struct px_context context;
	struct px_output output;
	struct px_pace pace;
	struct px_alarm alarm;
	struct px_tidy *tidy;     /* of a worker that stays, or NULL */
	struct px_remote *remote; /* of a worker that was not forked from its parent, or NULL */
	bool own_process;         /* its stdio and its time are its own */
	uint64_t sequence;        /* range in work, or next */
	uint64_t claims;          /* chunks so far */
	uint64_t items;           /* and items */
	uint64_t measured;        /* bytes of its own memory at first; 0: not yet known */
	uint64_t measure_at;      /* when to look again */
	uint64_t largest;         /* result of the stream, in ranges that are finished */
	uint64_t wary;            /* ranges before this were posted without knowing of it */
	uint64_t stay_until;      /* before that it does not step aside */
	const struct procs_function *talker; /* its items called the library in a block, or NULL */
	/* Of the range in work: */
	bool in_range;
	bool shut; /* the array of its order is, until there is work again */
	struct px_post post;
	uint32_t carved; /* items that this worker has carved off: none comes twice */
	const struct procs_function *function;
	const struct px_task_plans *task;
	const unsigned char *arguments;              /* of a call, as the task's argument struct */
	const unsigned char *argument[PX_SEQUENCES]; /* of item 0 of the range */
	uint64_t stride[PX_SEQUENCES];
	uint64_t argument_size[PX_SEQUENCES];
	size_t n_arguments;
	int argument_error;                   /* -errno if the call's arguments cannot be read, */
	enum procs_cause argument_cause;      /* or there is no such task */
	uint64_t begun_ns;                    /* when the item, or the loop over some, began */
	uint64_t spent_ns;                    /* on the range */
	_Alignas(16) unsigned char small[64]; /* a framed task's result, as a C object, */
	struct px_buffer value;               /* or here */
	struct px_buffer packed;              /* and what LZ4 made of it */
	uint32_t pack_again;                  /* results to go without another try, after */
	uint32_t pack_vain;                   /* so many that saved nothing, as 2^n - 1 */
};

/* A runner for a slot, without an order. */
void px_runner_open(struct px_runner *runner, struct px_slot slot, _Atomic uint32_t *bell,
		    struct px_plans *plans);
void px_runner_close(struct px_runner *runner);

enum px_step {
	PX_STEP_IDLE, /* nothing is posted */
	PX_STEP_WORK, /* a chunk was run; there may be more */
	PX_STEP_LAST, /* the range of a one-shot worker is finished */
	PX_STEP_LOST  /* the parent gave this worker up: leave, write nothing */
};

/* Runs one chunk, if anything is posted. */
enum px_step px_runner_step(struct px_runner *runner);

/* Puts the process back to what it was at its birth, if it stays; or says that it is
 * tired: false. In begin.c. */
bool px_runner_tidy(struct px_runner *runner);

/* Nothing comes for a while: no array is open any more. In begin.c. */
void px_runner_shut(struct px_runner *runner);

/* Says something of this worker to the parent. */
static inline void px_runner_flag(struct px_runner *runner, enum px_worker_flag flag)
{
	/* relaxed: a hint, or ordered by what is published after it */
	atomic_fetch_or_explicit(&runner->slot.control->flags, flag, memory_order_relaxed);
}

/* What lies in the slot is nothing that a parent would have written: ends the process. In
 * begin.c. */
PX_NORETURN void px_runner_reject(struct px_runner *runner);

/* Takes the order that lies in the slot: nothing is known of its items yet. In
 * begin.c. */
void px_runner_order(struct px_runner *runner);

/* Wakes the parent; or does if it waits for the item before `done`, which is visible
 * by now. In ring.c. */
void px_runner_ring(struct px_runner *runner);
void px_runner_tell(struct px_runner *runner, uint32_t done);

/* In the thread that runs an item, which will not return: publishes what failed
 * it so far, if anything did. */
void px_runner_last_words(struct px_runner *runner);

/* Readies it for the range in runner->post. False: there is no room even for its
 * tables, or the process is not what it was. In begin.c. */
bool px_runner_begin(struct px_runner *runner);

/* Of a worker: its text is written before what it says. In entry.c. */
void px_entry_flush(void);

/* Writes the outcome of the item just run: the value at `object` (of the
 * task's result type, or a raw task's committed bytes), or its failure. */
void px_runner_emit_value(struct px_runner *runner, uint32_t item, const void *object,
			  uint64_t elapsed_ns);
void px_runner_emit_raw(struct px_runner *runner, uint32_t item, const struct procs_task *task,
			uint64_t elapsed_ns);
void px_runner_emit_failure(struct px_runner *runner, uint32_t item, uint64_t elapsed_ns);

#endif /* PROCS_BACKEND_RUNNER_H */
