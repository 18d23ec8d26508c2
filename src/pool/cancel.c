/*
 * cancel.c - procs_cancel: any thread asks, the stream's own thread carries out.
 *
 * An item that was not begun is taken back and never starts; one in flight
 * costs its worker; one that is finished stays as it is. An item that lies in a
 * chunk its worker has carved, but not begun, is watched until one of the three
 * holds. One that may be in a block that runs costs the worker too: where in the
 * block that is nobody knows, and it may stay there for ever. The others of the
 * block are run again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/owner.h"
#include "pool/local.h"

enum {
	PX_CANCEL_SPANS = 4 /* at most, that one cancel takes */
};

static const struct px_verdict px_cancelled = { .cause = PROCS_CAUSE_CANCELLED, .code = ECANCELED };

void px_cancels_init(struct px_cancels *cancels)
{
	*cancels = (struct px_cancels){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void px_cancels_free(struct px_cancels *cancels)
{
	pthread_mutex_destroy(&cancels->lock);
	free(cancels->asked);
	free(cancels->open);
}

static int px_indexes_add(uint64_t **indexes, size_t *n, size_t *room, uint64_t index)
{
	if (*n == *room) {
		const size_t more = px_max(16, *room * 2);
		uint64_t *grown = realloc(*indexes, more * sizeof(**indexes));

		if (grown == NULL)
			return -ENOMEM;
		*indexes = grown;
		*room = more;
	}
	(*indexes)[(*n)++] = index;
	return 0;
}

int px_stream_cancel(struct procs_stream *stream, uint64_t index)
{
	struct px_cancels *cancels = &stream->cancels;
	int error;

	if (stream->owner != px_owner_self())
		return -EPERM;
	/* relaxed: n only ever shrinks, when a source ends, and then the index is ignored */
	if (index >= atomic_load_explicit(&stream->items, memory_order_relaxed))
		return -ERANGE;
	pthread_mutex_lock(&cancels->lock);
	error = px_indexes_add(&cancels->asked, &cancels->n_asked, &cancels->room_asked, index);
	/* release: pairs with the acquire in px_cancel_all_asked() */
	if (error == 0)
		atomic_store_explicit(&cancels->pending, true, memory_order_release);
	pthread_mutex_unlock(&cancels->lock);
	if (error == 0)
		px_backend_interrupt(stream->backend);
	return error;
}

/* Whether the item is posted and can be taken out of its worker's hands; then
 * it is WAITING, alone. */
static bool px_cancel_take_back(struct procs_stream *stream, struct px_span *span, uint64_t index)
{
	const struct px_slot slot = px_backend_slot(stream->backend, span->slot);
	const uint32_t item = (uint32_t)(index - span->first);

	if (!px_slot_take_back_from(slot, span->region.sequence, px_span_held(span), item))
		return false;
	if (item > 0)
		span = px_window_split(&stream->window, span, item);
	else
		px_room_leave(stream, span);
	px_window_mark(&stream->window, span, PX_SPAN_WAITING);
	return true;
}

/* True when nothing more is to be done about this index. Indexes ascend, and
 * *from is where the last one was: spans split, but do not go. */
static bool px_cancel_one(struct procs_stream *stream, uint64_t index, struct px_span **from)
{
	struct px_span *span = px_window_find(&stream->window, *from, index);
	uint32_t item;

	if (span != NULL)
		*from = span;

	/* Delivered already, or not even begun: px_cancel_fresh will see it. */
	if (span == NULL)
		return index < stream->window.fresh || index >= stream->input.n;
	item = (uint32_t)(index - span->first);
	if (span->state == PX_SPAN_FINISHED || span->state == PX_SPAN_FAILED)
		return true;
	if (span->state == PX_SPAN_POSTED) {
		if (item < span->region.done)
			return true;
		if (!px_cancel_take_back(stream, span, index)) {
			if (span->running &&
			    item - span->region.done < px_span_flight(stream, span))
				px_backend_kill_for(stream->backend, span->slot,
						    PROCS_CAUSE_CANCELLED, span->region.sequence,
						    span->region.done, true);
			return false;
		}
		span = px_window_find(&stream->window, span, index);
	}
	px_span_fail(stream, px_span_isolate(stream, span, index), px_cancelled);
	return true;
}

/* Spans for one cancel, and still those for deaths: with full desks nothing is posted
 * that would have them made again. */
static int px_cancel_prepare(struct procs_stream *stream)
{
	return px_window_prepare(&stream->window, PX_CANCEL_SPANS + px_stream_spans_needed(stream));
}

/* Where `index` is among the open ones, or would be. */
static size_t px_cancels_at(const struct px_cancels *cancels, uint64_t index)
{
	size_t low = 0, high = cancels->n_open;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (cancels->open[middle] < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int px_by_index(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorted, each once: what lies beyond the window is not looked at again and
 * again. */
static void px_cancels_sort(struct px_cancels *cancels)
{
	size_t kept = 0;

	qsort(cancels->open, cancels->n_open, sizeof(cancels->open[0]), px_by_index);
	for (size_t i = 0; i < cancels->n_open; i++)
		if (kept == 0 || cancels->open[kept - 1] != cancels->open[i])
			cancels->open[kept++] = cancels->open[i];
	cancels->n_open = kept;
}

/* What was asked for by other threads becomes ours. */
static void px_cancel_take_over(struct px_cancels *cancels)
{
	bool all = true;

	/* acquire: pairs with the release in px_stream_cancel() */
	if (!atomic_load_explicit(&cancels->pending, memory_order_acquire))
		return;
	pthread_mutex_lock(&cancels->lock);
	while (all && cancels->n_asked > 0) {
		all = px_indexes_add(&cancels->open, &cancels->n_open, &cancels->room_open,
				     cancels->asked[cancels->n_asked - 1]) == 0;
		cancels->n_asked -= all;
	}
	/* relaxed: inside the lock */
	atomic_store_explicit(&cancels->pending, !all, memory_order_relaxed);
	pthread_mutex_unlock(&cancels->lock);
	px_cancels_sort(cancels);
}

void px_cancel_all_asked(struct procs_stream *stream)
{
	struct px_cancels *cancels = &stream->cancels;
	struct px_span *from = NULL;
	size_t kept = 0, begun;

	px_cancel_take_over(cancels);
	if (cancels->n_open == 0)
		return;
	begun = px_cancels_at(cancels, stream->window.fresh);
	for (size_t i = 0; i < begun; i++) {
		/* Without spans to split it waits for the next turn. */
		if (px_cancel_prepare(stream) != 0 ||
		    !px_cancel_one(stream, cancels->open[i], &from))
			cancels->open[kept++] = cancels->open[i];
	}
	if (kept == begun)
		return;
	memmove(cancels->open + kept, cancels->open + begun,
		(cancels->n_open - begun) * sizeof(cancels->open[0]));
	cancels->n_open -= begun - kept;
}

int px_cancel_fresh(struct procs_stream *stream, struct px_span **span)
{
	const struct px_cancels *cancels = &stream->cancels;
	struct px_window *window = &stream->window;
	const uint64_t first = (*span)->first, end = first + (*span)->count;
	struct px_span *from = *span;

	for (size_t i = px_cancels_at(cancels, first);
	     i < cancels->n_open && cancels->open[i] < end; i++) {
		struct px_span *found = px_window_find(window, from, cancels->open[i]);

		if (found == NULL || found->state != PX_SPAN_WAITING)
			continue;
		if (px_cancel_prepare(stream) != 0)
			return -ENOMEM;
		from = px_span_isolate(stream, found, cancels->open[i]);
		px_span_fail(stream, from, px_cancelled);
	}
	*span = px_window_waiting(window);
	return 0;
}
