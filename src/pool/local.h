/*
 * local.h - the furniture of this room: the stream and its desks, shared by the
 * files of pool/ and by nobody else.
 *
 * Who does what, in one turn of px_stream_next:
 *
 *	pool.c     lends a stream workers that stay
 *	call.c     turns specifications, and elements, into spans
 *	collect.c  takes news from the slots, moves spans on, buries the dead
 *	cancel.c   carries out what procs_cancel asked for
 *	post.c     decides what is handed over to whom, and how much
 *	steal.c    takes work from those who have too much
 *	copy.c     what goes with it in the slot's input area
 *	room.c     where in a slot's output area its results go
 *	deliver.c  makes a result of the span whose turn it is
 *	into.c     or puts many values into an array at once
 *	trace.c    the traceback of one that failed
 *	stream.c   the turn itself
 */
#ifndef PROCS_POOL_LOCAL_H
#define PROCS_POOL_LOCAL_H

#include <pthread.h>

#include "backend/backend.h"
#include "base/buffer.h"
#include "codec/image.h"
#include "codec/plans.h"
#include "pool/pool.h"
#include "pool/stream.h"
#include "pool/window.h"

enum {
	PX_ROOM_SLACK = 65536,   /* bytes by which a room is larger than it should have to be */
	PX_OPEN_RANGES = 3,      /* ranges a worker holds: one in work, two waiting */
	PX_TEXT_MOST = 4096,     /* bytes of procs_text */
	PX_STILLBORN_MOST = 100, /* workers in a row that do nothing before there are no more */
};

/* What the pool knows of a slot. */
struct px_desk {
	struct px_span *oldest, *newest; /* spans with results in it, or to come */
	uint64_t posted;                 /* ranges handed to the present worker */
	uint64_t passed;                 /* and done with */
	uint32_t open;                   /* and not finished */
	bool staffed;                    /* it has a worker that may be given work */
	bool well;                       /* that is not about to be lost */
	bool useful;                     /* that has finished something */
	bool leaves;                     /* when it is done with its range */
	bool full;                       /* one call's arguments have the whole input area */
	uint64_t moved_ns; /* when it was last seen to get on, or to have nothing to do */
	uint64_t floor;    /* the present worker may write from here */
	uint64_t ceiling;  /* to here, and from */
	uint64_t over;     /* here in the upper half */
	uint64_t top;      /* below that results have lain since the last trim, */
	uint64_t over_top; /* and in the upper half */
};

/* Values copied ahead of their delivery, so that most calls only step on. */
struct px_ahead {
	unsigned char *at, *end; /* values left; in `values` */
	uint64_t stride;
	struct px_buffer values;
};

struct px_cancels {
	pthread_mutex_t lock;
	uint64_t *asked; /* by any thread; owned */
	size_t n_asked, room_asked;
	uint64_t *open; /* taken over by the stream's own thread; owned */
	size_t n_open, room_open;
	_Atomic bool pending;
};

struct procs_stream {
	struct px_store store;   /* owned; this struct lies in it, and all that calls write */
	uint64_t owner;          /* px_owner_self of who opened it */
	bool in_source;          /* its source is being called */
	bool by_item;            /* a map whose elements travel as the arguments of calls */
	uint32_t copies;         /* of a map, a bit a sequence: its elements go into the slots */
	bool direct;             /* a map whose workers write the caller's array */
	struct procs_pool *pool; /* whose workers it has, or NULL: its own */
	struct px_config config;
	struct px_input input;
	_Atomic uint64_t items; /* input.n, for procs_cancel from other threads */
	struct px_plans plans;
	struct px_names *names; /* of the store; NULL: workers find tasks by address */
	struct px_codec codec;
	struct px_window window;
	struct px_backend *backend; /* owned, or the pool's */
	uint32_t n_slots;
	uint32_t value_size; /* of dense values; 0: framed */
	uint32_t block;      /* items that a worker may run at a stretch; 0: one by one */
	uint64_t page;
	uint64_t half;            /* of a slot's output area */
	uint32_t busy;            /* slots with open ranges */
	uint32_t staffed;         /* slots with workers that may be given work */
	uint64_t open;            /* ranges posted and not finished */
	struct px_desk *desks;    /* [n_slots], owned, or the pool's */
	struct px_watch *watches; /* [n_slots], owned */
	struct px_cancels cancels;
	int input_error; /* what the source ended with */
	/* Estimates, from sums. */
	uint64_t done_items, spent_ns, done_bytes;
	uint64_t largest; /* bytes of a payload */
	/* Accounts. */
	uint64_t bytes;         /* of results finished and not yet taken */
	uint64_t open_bytes;    /* those of them that are of the share of an open range */
	uint64_t looked;        /* when news was last taken */
	uint64_t next_deadline; /* when an item in flight is overdue */
	/* When no process can be made. */
	bool no_slot;               /* for now: all wait for processes to end */
	uint64_t hire_failed_since; /* 0: it worked last time */
	uint64_t hire_again;
	int hire_error;
	bool stalled;
	struct px_verdict refused; /* cause NONE; or why no worker will ever begin, */
	char refusal[768];         /* in words */
	uint32_t init_failed;      /* workers lost in a row in their init hook */
	uint32_t stillborn;        /* workers lost in a row without having done a thing */
	/* Delivery. */
	struct px_span *current; /* whose item was delivered last, or NULL */
	bool holding;            /* that item is still to be counted as taken */
	struct px_ahead ahead;
	struct px_buffer payload, unpacked;
	struct procs_bytes bytes_value;
	struct procs_failed failed;
	struct procs_bytes where; /* it was raised, as its task said */
	struct px_traces *traces; /* owned; NULL before the first */
	char message[768];
	char text[PX_TEXT_MOST];
};

/* Whether ranges of many items are posted. */
static inline bool px_stream_maps(const struct procs_stream *stream)
{
	return stream->input.kind == PX_INPUT_MAP && !stream->by_item;
}

/* Whether each item has a process of its own. */
static inline bool px_stream_one_shot(const struct procs_stream *stream)
{
	return stream->input.kind != PX_INPUT_MAP && stream->pool == NULL;
}

/* Whether items remain that no span has. */
static inline bool px_stream_has_fresh(const struct procs_stream *stream)
{
	return stream->window.fresh < stream->input.n;
}

static inline bool px_span_ready(const struct px_span *span)
{
	return span->state == PX_SPAN_FAILED ||
	       (span->state != PX_SPAN_WAITING && span->region.done > span->taken);
}

/* How many items the worker of a span may run at a stretch. */
static inline uint32_t px_span_block(const struct procs_stream *stream, const struct px_span *span)
{
	return span->singly || stream->block == 0 ? 1 : stream->block;
}

/* How many items, from the first unfinished one on, may be in flight if that one
 * is. What a worker has carved is not taken from it: with less left it is in no block. */
static inline uint32_t px_span_flight(const struct procs_stream *stream, const struct px_span *span)
{
	const uint32_t block = px_span_block(stream, span);

	return span->count - span->region.done < block ? 1 : block;
}

/* Of a posted span: what its worker may not have carved yet. A worker carves what it
 * runs, and says so before. */
static inline struct px_chunk px_span_held(const struct px_span *span)
{
	return (struct px_chunk){ span->region.done + span->running, span->count };
}

/* ns an item takes, by what is known; 0: nothing is. */
static inline uint64_t px_stream_item_ns(const struct procs_stream *stream)
{
	return stream->done_items > 0 ? px_max(stream->spent_ns / stream->done_items, 1) : 0;
}

static inline uint64_t px_stream_item_bytes(const struct procs_stream *stream)
{
	return stream->done_items > 0 ? px_divide_up(stream->done_bytes, stream->done_items) : 0;
}

/* Bytes that one range may fill before its worker hands the rest back. */
static inline uint64_t px_stream_share(const struct procs_stream *stream)
{
	const uint64_t ranges = (uint64_t)stream->config.workers * PX_OPEN_RANGES;

	return px_max(stream->config.window_bytes / ranges, 1);
}

/* What an open range has of its share already. */
static inline uint64_t px_span_of_share(const struct procs_stream *stream,
					const struct px_span *span)
{
	return span->state == PX_SPAN_POSTED ? px_min(span->bytes, px_stream_share(stream)) : 0;
}

/* Spans that must be at hand, so that deaths, thefts and cancels cannot fail. */
static inline uint64_t px_stream_spans_needed(const struct procs_stream *stream)
{
	return (uint64_t)stream->staffed * (PX_OPEN_RANGES + 2) + 8;
}

/* plan.c. Of a map, how elements and values travel: 0, -ENOMEM, or as px_plan_result. And what
 * workers are told of it. */
int px_plan_map(struct procs_stream *stream, const char **culprit);
struct px_order px_plan_order(const struct procs_stream *stream);

/* verdict.c: what became of an item without a result, in stream->message. */
void px_verdict_text(struct procs_stream *stream, const struct px_verdict *verdict,
		     const char *function);

/* stream.c. One look at the world: 0 or -ENOMEM; a sleep until there is news; the
 * end; and then the workers go home. */
int px_stream_turn(struct procs_stream *stream, uint64_t now);
void px_stream_wait(struct procs_stream *stream, uint32_t seen, uint64_t deadline);
bool px_stream_at_end(const struct procs_stream *stream);
void px_stream_dismiss(struct procs_stream *stream);

/* stream.c: the desk is left, and its worker goes when it is done. */
void px_stream_dismiss_one(struct procs_stream *stream, uint32_t slot, uint64_t now);

/* collect.c */
void px_collect(struct procs_stream *stream, uint64_t now);

/* After a wake-up: whether the oldest item has come, and nobody is without work
 * meanwhile. Looks at nothing else. */
bool px_collect_head(struct procs_stream *stream, uint64_t now);

/* Makes the span's items Failed. */
void px_span_fail(struct procs_stream *stream, struct px_span *span, struct px_verdict verdict);

/* Removes a span whose items are all taken. */
void px_span_retire(struct procs_stream *stream, struct px_span *span);

/* Splits at both ends so that the span is item `index` alone. */
struct px_span *px_span_isolate(struct procs_stream *stream, struct px_span *span, uint64_t index);

/* cancel.c */
void px_cancels_init(struct px_cancels *cancels);
void px_cancels_free(struct px_cancels *cancels);
void px_cancel_all_asked(struct procs_stream *stream);

/* Of items just appended as *span, those that were cancelled before become
 * Failed; *span is what is left at the front, or NULL. 0 or -ENOMEM. */
int px_cancel_fresh(struct procs_stream *stream, struct px_span **span);

/* post.c. 0, or -ENOMEM when nothing could be done for want of memory. */
int px_post_all(struct procs_stream *stream, uint64_t now);

/* Whether the window of a map has room that a worker may have: who takes results
 * quickly and then stays away shall find it full. */
bool px_post_is_due(const struct procs_stream *stream);

/* steal.c. For a worker that has nothing: half of what another has not begun,
 * the whole of a range that waits behind another, now WAITING. NULL if there is
 * nothing. */
struct px_span *px_post_steal(struct procs_stream *stream, uint64_t now);

/* trace.c. The failure about to be delivered is given its traceback: of a crash,
 * or where the task raised it. */
void px_trace(struct procs_stream *stream, const struct px_crash *crash, struct procs_bytes where);
void px_traces_free(struct procs_stream *stream);

/* A copy of what the crashed worker left; NULL if there is nothing, or nobody wants to
 * read it. */
struct px_crash *px_crash_copy(struct procs_stream *stream, uint32_t slot, struct px_loss *loss);

/* room.c */
uint64_t px_room_tables(const struct procs_stream *stream, uint32_t count);
bool px_room_place(const struct procs_stream *stream, uint32_t slot, bool forced,
		   struct px_post *post);
bool px_room_for_worker(const struct procs_stream *stream, uint32_t slot);
struct px_leftover px_room_leftover(struct procs_stream *stream, uint32_t slot);
void px_room_enter(struct procs_stream *stream, struct px_span *span, uint32_t slot);
void px_room_leave(struct procs_stream *stream, struct px_span *span);

/* How far the span's worker has touched the slot, by its word. */
void px_room_note(const struct procs_stream *stream, const struct px_span *span);

/* What a slot may keep between two streams of a pool: the rooms of its part of a window. */
uint64_t px_room_warm(const struct procs_stream *stream);

/* Nothing lies in the slot: what it took beyond `keep` bytes goes back to the kernel. */
void px_room_trim(const struct procs_stream *stream, uint32_t slot, uint64_t keep);

/* copy.c. Puts what a range needs into the slot's input area: a call's arguments, or
 * elements; false if there is no room now. */
bool px_copy_input(struct procs_stream *stream, uint32_t slot, struct px_span *span,
		   struct px_post *post);

/* Items of a range whose elements are copied, at most; whether it is at least one: 0
 * or -EFBIG. */
uint64_t px_copy_most(const struct procs_stream *stream);
int px_copy_possible(const struct procs_stream *stream);

/* Whether a task is one that only workers have which attach. */
static inline bool px_task_is_absent(const struct procs_function *function)
{
	return function->loop == procs_absent || function->raw == procs_absent_raw;
}

/* names.c. For workers that find tasks by name: makes ready to say whom is meant; 0, -ENOMEM,
 * or -ENXIO, -EEXIST, -ENAMETOOLONG with the task's name in *culprit, if it is none that
 * such a worker has, or has twice. Tells the backend, of a map. The name for a call of a task: NULL as
 * well, and why. */
int px_names_open(struct procs_stream *stream, const char **culprit);
void px_names_tell(struct procs_stream *stream);
const struct px_task_name *px_names_of(struct procs_stream *stream,
				       const struct procs_function *function, int *error_out);

/* refuse.c. There will be no worker, for a reason that stays: items that have none fail. */
void px_refuse_hire(struct procs_stream *stream, int error);
void px_refuse_loss(struct procs_stream *stream, const struct px_loss *loss);

/* pool.c: the pool lends its backend and desks to the stream, or none is the
 * stream's own. */
void px_pool_enter(struct procs_stream *stream);
void px_pool_leave(struct procs_stream *stream);

/* Memory for a stream on it, or an empty store, and back. */
struct px_store px_pool_lend(struct procs_pool *pool);
void px_pool_return(struct procs_pool *pool, struct px_store store);

/* call.c: appends the next specification as a span of its own, its arguments
 * encoded, or Failed if that cannot be. 0, -ENODATA at the end of the input,
 * -ENOMEM. */
int px_call_pull(struct procs_stream *stream);

/* deliver.c */
uint32_t px_next_failure(struct procs_stream *stream, struct px_span *span);

/* A value that is none. */
const struct procs_failed *px_corrupt(struct procs_stream *stream, const struct px_span *span,
				      uint64_t index);
void px_deliver(struct procs_stream *stream, struct px_span *span, struct procs_result *result);

/* The item delivered last is taken: its bytes may go. */
void px_release(struct procs_stream *stream);

#endif /* PROCS_POOL_LOCAL_H */
