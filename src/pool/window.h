/*
 * window.h - what is in flight or finished and not yet taken: spans, which tile
 * the items from the first one not delivered to the first one never touched.
 *
 * Each item from head to fresh is in exactly one span, and each span is in one
 * state, which is how law 1 (one outcome per index) is kept: nothing is counted,
 * so nothing can drift. Spans are split when a worker dies, when a tail is taken
 * back, when an item is cancelled. Their number is bounded by the window and
 * by a few a worker, not by the input.
 */
#ifndef PROCS_POOL_WINDOW_H
#define PROCS_POOL_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include <procs/failed.h>
#include <procs/task.h>

#include "base/buffer.h"
#include "shm/store.h"
#include "shm/take.h"

enum {
	PX_FEW = sizeof(struct px_call) + PROCS_ARGUMENTS_MAX
};

enum px_span_state {
	PX_SPAN_WAITING,  /* to be handed over (again) */
	PX_SPAN_POSTED,   /* a worker has it; items below region.done are finished */
	PX_SPAN_FINISHED, /* all of it */
	PX_SPAN_FAILED    /* the parent's verdict on each of its items */
};

/* Why items failed, where no task said so. */
struct px_verdict {
	enum procs_cause cause;
	int code;
	bool core_dumped;
	const char *culprit; /* what the text is about: a type's name, or NULL; a constant */
	int64_t pid;
	uint64_t elapsed_ns;
	uint64_t step;          /* of a reduction's block, as its worker told */
	struct px_crash *crash; /* what the worker left, or NULL; owned by the span */
};

struct px_span {
	struct px_span *previous, *next; /* in the window, by first */
	struct px_span *older, *newer;   /* in the slot, in the order of posts */
	enum px_span_state state;
	uint64_t first;
	uint32_t count;
	uint32_t taken; /* items delivered, from the front */
	const struct procs_function *function;
	bool singly; /* a worker was lost in a block of it: to be run one by one */
	/* POSTED, FINISHED: where its results lie. */
	bool seated; /* it is in that slot's list */
	uint32_t slot;
	int64_t pid;                   /* of its worker */
	uint64_t room_start, room_end; /* of the slot's output area, see room.c */
	struct px_region region;
	uint32_t failure; /* dense: row of the first failure not yet delivered */
	/* POSTED: */
	bool corrupt; /* its words said what cannot be */
	bool running; /* item region.done is in flight */
	uint64_t posted_ns;
	uint64_t started_ns; /* of that item, believed within bounds */
	uint64_t step;       /* inside that item, if it is a block */
	uint64_t spent_ns;   /* accounted */
	uint64_t bytes;      /* accounted */
	/* FAILED: */
	struct px_verdict verdict;
	/* Of a call, until it is FINISHED or FAILED: its encoded arguments, in `few` if they fit.
	 * The buffer goes with the struct, from item to item. */
	struct px_buffer arguments;
	uint64_t arguments_size;
	_Alignas(16) unsigned char few[PX_FEW];
};

struct px_window {
	struct px_store *store;      /* borrowed; spans come from it */
	struct px_span *head, *tail; /* owned */
	struct px_span *spare;       /* owned, a list by next */
	uint64_t n_spare;
	uint64_t fresh;   /* first item not in any span */
	uint64_t items;   /* in spans */
	uint64_t waiting; /* spans in that state */
};

/* Where the arguments of a call lie, or are to. */
static inline unsigned char *px_span_arguments(struct px_span *span)
{
	return span->arguments_size <= sizeof(span->few) ? span->few : span->arguments.data;
}

/* Has at least `n` spans ready, so that the functions below cannot fail. 0 or
 * -ENOMEM. */
int px_window_prepare(struct px_window *window, uint64_t n);

/* Appends items fresh .. fresh + count as a WAITING span. */
struct px_span *px_window_append(struct px_window *window, uint32_t count);

/* Splits a span before item `at` of it, 0 < at < count; returns the second
 * part, a copy but for first and count, in no slot. */
struct px_span *px_window_split(struct px_window *window, struct px_span *span, uint32_t at);

/* Removes a span that has been delivered, or has become empty. */
void px_window_remove(struct px_window *window, struct px_span *span);

/* Changes the state, and keeps `waiting` right. */
void px_window_mark(struct px_window *window, struct px_span *span, enum px_span_state state);

/* The span that holds an item, or NULL. `from`: a span of the window to begin
 * with, or NULL. */
struct px_span *px_window_find(const struct px_window *window, struct px_span *from,
			       uint64_t index);

/* The first WAITING span, or NULL. */
struct px_span *px_window_waiting(const struct px_window *window);

void px_window_free(struct px_window *window);

#endif /* PROCS_POOL_WINDOW_H */
