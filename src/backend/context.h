/*
 * context.h - what a running task may ask and say: its index, its scratch
 * memory, its failure. One per thread that runs items; the rest of the worker
 * hands items in and reads failures out.
 */
#ifndef PROCS_BACKEND_CONTEXT_H
#define PROCS_BACKEND_CONTEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <procs/task.h>

#include "backend/alarm.h"
#include "codec/failed.h"
#include "shm/layout.h"
#include "shm/output.h"

struct px_scratch; /* a list of blocks */

/* A random stream: number `count` is what the seed, the stream's index and the
 * count make of each other, see base/philox.h. */
struct px_draws {
	uint64_t index; /* whose stream it is */
	uint64_t count; /* numbers drawn */
	uint64_t spare; /* the next one, if count is odd: they come in pairs */
};

struct px_context {
	uint64_t first; /* index of the range's item 0 */
	uint32_t item;  /* in the range; of several run in one loop, the first */
	uint32_t attempt;
	bool failed;               /* procs_fail was called for this item */
	struct px_failure failure; /* what it said; points into the buffers */
	struct px_buffer message;
	struct px_buffer data;
	char where[PX_WHERE_MOST];
	struct px_scratch *scratch; /* owned, freed when the item is over */
	uint64_t scratch_index;     /* whose it is */
	uint64_t seed;              /* of all items' random streams */
	struct px_draws draws;      /* from that of the item */
	struct procs_loop *loop;    /* told of a failure, or of a question; or NULL */
	/* For an item that is made of many calls, see fold.c: */
	struct procs_loop *inner; /* those in work, told too, or NULL */
	uint64_t inner_step;      /* of their number 0 */
	struct px_inside *inside; /* the worker's word on it */
	struct px_alarm *alarm;   /* the worker's */
	bool own_process;
	struct px_context *outer; /* that of the item inside which this one runs inline */
};

/* A raw task at work; to it an opaque struct procs_task. */
struct procs_task {
	size_t n_arguments;
	struct procs_bytes argument[PX_SEQUENCES];
	struct px_output *output;
	unsigned char *reserved; /* or NULL */
	uint64_t room;           /* bytes of it */
	uint64_t committed;
	bool is_committed;
	bool no_room;    /* a reserve was refused */
	uint64_t wanted; /* how much it asked for */
};

/* The context of the item that this thread runs, or NULL. */
struct px_context *px_context_current(void);

/* Makes the context current until px_context_end, which frees what the last
 * item left. */
void px_context_begin(struct px_context *context);
void px_context_end(struct px_context *context);

/* Readies it for item `item` of a range that starts at index `first`; frees
 * what the last one left. */
void px_context_item(struct px_context *context, uint64_t first, uint32_t item, uint32_t attempt);

/* Whether a block of items runs, where nobody knows which of them it is; if so its
 * loop is told to run them again one by one. */
bool px_context_defer(const struct px_context *context);

/* The index of the item that runs, also inside a loop over several, or in a block of a
 * reduction; in a block of a pure task, of its first. */
uint64_t px_context_index(const struct px_context *context);

/* Gives all memory back. */
void px_context_free(struct px_context *context);

/* Where the next failure of this thread is raised; strings of the program. */
void px_context_place(const char *file, int line, const char *function);

/* The first failure of an item decides; others return without a trace, as all do
 * inside a block, where each will come again. Also used by the worker itself, for
 * ENCODE and the like. */
void px_context_fail(struct px_context *context, enum procs_cause cause, int code, const void *data,
		     size_t size, const char *format, va_list arguments) PX_PRINTF(6, 0);
void px_context_blame(struct px_context *context, enum procs_cause cause, int code,
		      const char *format, ...) PX_PRINTF(4, 5);

/* Memory until the item is over, or in a block, until that is; NULL without. */
void *px_context_scratch(struct px_context *context, size_t size);

/* The next number of the item's own random stream; of the thread's, without an
 * item. */
uint64_t px_context_random(struct px_context *context);

/* The thread's last failure outside any item. */
void px_last_failure_set(enum procs_cause cause, int code, const void *data, size_t size,
			 const char *format, va_list arguments) PX_PRINTF(5, 0);

/* A failed item becomes it: copied, message and data cut, without its traceback. */
void px_last_failure_keep(const struct procs_failed *failed);
const struct procs_failed *px_last_failure(void);

#endif /* PROCS_BACKEND_CONTEXT_H */
