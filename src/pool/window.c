#include "pool/window.h"

#include <errno.h>
#include <stdlib.h>

#include "base/px.h"

enum {
	PX_ARGUMENTS_KEPT = 1024 /* bytes of buffer a spare span holds on to */
};

int px_window_prepare(struct px_window *window, uint64_t n)
{
	while (window->n_spare < n) {
		struct px_span *span = px_store_take(window->store, sizeof(*span));

		if (span == NULL)
			return -ENOMEM;
		*span = (struct px_span){ .next = window->spare };
		window->spare = span;
		window->n_spare++;
	}
	return 0;
}

static struct px_span *px_window_spare(struct px_window *window)
{
	struct px_span *span = window->spare;

	px_assert(span != NULL);
	window->spare = span->next;
	window->n_spare--;
	return span;
}

/* After `where`, or at the head if that is NULL. */
static void px_window_insert(struct px_window *window, struct px_span *where, struct px_span *span)
{
	span->previous = where;
	span->next = where != NULL ? where->next : window->head;
	if (span->next != NULL)
		span->next->previous = span;
	else
		window->tail = span;
	if (where != NULL)
		where->next = span;
	else
		window->head = span;
}

struct px_span *px_window_append(struct px_window *window, uint32_t count)
{
	struct px_span *span = px_window_spare(window);

	*span = (struct px_span){
		.state = PX_SPAN_WAITING,
		.first = window->fresh,
		.count = count,
		.arguments = span->arguments,
	};
	px_window_insert(window, window->tail, span);
	window->fresh += count;
	window->items += count;
	window->waiting++;
	return span;
}

struct px_span *px_window_split(struct px_window *window, struct px_span *span, uint32_t at)
{
	struct px_span *rest = px_window_spare(window);
	const struct px_buffer buffer = rest->arguments;

	px_assert(at > 0 && at < span->count);
	*rest = *span;
	rest->older = rest->newer = NULL;
	rest->seated = false;
	rest->bytes = 0;
	rest->first = span->first + at;
	rest->count = span->count - at;
	rest->taken = 0;
	/* Arguments belong to spans of one item, which are never split. */
	rest->arguments = buffer;
	rest->arguments_size = 0;
	span->count = at;
	px_window_insert(window, span, rest);
	if (rest->state == PX_SPAN_WAITING)
		window->waiting++;
	return rest;
}

void px_window_remove(struct px_window *window, struct px_span *span)
{
	if (span->previous != NULL)
		span->previous->next = span->next;
	else
		window->head = span->next;
	if (span->next != NULL)
		span->next->previous = span->previous;
	else
		window->tail = span->previous;
	if (span->state == PX_SPAN_WAITING)
		window->waiting--;
	window->items -= span->count;
	free(span->verdict.crash);
	span->verdict.crash = NULL;
	if (span->arguments.capacity > PX_ARGUMENTS_KEPT)
		px_buffer_free(&span->arguments);
	span->next = window->spare;
	window->spare = span;
	window->n_spare++;
}

void px_window_mark(struct px_window *window, struct px_span *span, enum px_span_state state)
{
	window->waiting += state == PX_SPAN_WAITING;
	window->waiting -= span->state == PX_SPAN_WAITING;
	span->state = state;
}

struct px_span *px_window_find(const struct px_window *window, struct px_span *from, uint64_t index)
{
	struct px_span *span = from != NULL && from->first <= index ? from : window->head;

	while (span != NULL && index >= span->first + span->count)
		span = span->next;
	return span != NULL && index >= span->first ? span : NULL;
}

struct px_span *px_window_waiting(const struct px_window *window)
{
	struct px_span *span = window->waiting > 0 ? window->head : NULL;

	while (span != NULL && span->state != PX_SPAN_WAITING)
		span = span->next;
	return span;
}

static void px_window_free_list(struct px_span *span)
{
	while (span != NULL) {
		struct px_span *next = span->next;

		px_buffer_free(&span->arguments);
		free(span->verdict.crash);
		span = next;
	}
}

void px_window_free(struct px_window *window)
{
	px_window_free_list(window->head);
	px_window_free_list(window->spare);
	*window = (struct px_window){ 0 };
}
