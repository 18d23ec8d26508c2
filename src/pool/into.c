/*
 * into.c - a map that goes straight into an array: values in whole stretches, or
 * not at all where the workers write them themselves; failed ones are zeroed,
 * counted and listed.
 */
#include <string.h>

#include "base/clock.h"
#include "pool/local.h"

static void px_failures_add(struct procs_failures *failures, const struct procs_failed *failed)
{
	struct procs_failure *entry;

	if (failures == NULL)
		return;
	failures->count++;
	failures->by_cause[failed->cause]++;
	if (failures->n_listed == PROCS_FAILURES_LISTED)
		return;
	entry = &failures->listed[failures->n_listed++];
	*entry = (struct procs_failure){ .index = failed->index,
					 .cause = failed->cause,
					 .code = failed->code };
	/* Cut, if need be, like all texts of a fixed size. */
	memcpy(entry->message, failed->message,
	       px_min(failed->message_size, sizeof(entry->message) - 1));
}

/* The place of a value in the caller's array; NULL for void. */
static unsigned char *px_into_at(const struct procs_stream *stream, uint64_t index)
{
	return stream->input.out != NULL
		       ? stream->input.out + index * stream->input.function->result.size
		       : NULL;
}

/* One item by the way of all results; 1 if it failed. */
static uint64_t px_into_one(struct procs_stream *stream, struct px_span *span,
			    struct procs_failures *failures)
{
	const uint64_t size = stream->input.function->result.size;
	unsigned char *at = px_into_at(stream, span->first + span->taken);
	struct procs_result result;

	px_deliver(stream, span, &result);
	if (result.failed != NULL)
		px_failures_add(failures, result.failed);
	if (at != NULL && result.failed != NULL)
		memset(at, 0, size);
	else if (at != NULL)
		memcpy(at, result.data, size);
	px_release(stream);
	return result.failed != NULL;
}

/* Copies values [span->taken, until), none of which its task failed. Returns how
 * many of them are none: what a stray write left is Failed(CORRUPT). */
static uint64_t px_into_copy(struct procs_stream *stream, const struct px_span *span,
			     uint32_t until, struct procs_failures *failures)
{
	const struct px_task_plans *plans = px_plans_of(&stream->plans, span->function);
	const uint64_t size = span->function->result.size;
	unsigned char *at = px_into_at(stream, span->first + span->taken);
	uint64_t bad = 0;

	px_take_values(px_backend_slot(stream->backend, span->slot), &span->region, span->taken,
		       until, at);
	for (uint32_t i = span->taken; plans->result.checked && i < until; i++, at += size) {
		if (px_plan_valid(&plans->result, at))
			continue;
		memset(at, 0, size);
		px_failures_add(failures, px_corrupt(stream, span, span->first + i));
		bad++;
	}
	return bad;
}

/* All that is ready of a span, which is gone if that was the last of it. */
static uint64_t px_into_take(struct procs_stream *stream, struct px_span *span,
			     struct procs_failures *failures)
{
	uint64_t failed = 0;
	bool last = false;

	while (!last && px_span_ready(span)) {
		const bool dense = span->state != PX_SPAN_FAILED && stream->value_size > 0;
		const uint32_t failure = dense ? px_next_failure(stream, span) : span->taken;
		const uint32_t until = (uint32_t)px_min(failure, span->region.done);

		if (failure == span->taken) {
			last = span->taken + 1 == span->count;
			failed += px_into_one(stream, span, failures);
			continue;
		}
		if (!stream->direct && stream->input.out != NULL)
			failed += px_into_copy(stream, span, until, failures);
		last = until == span->count;
		span->taken = until;
		if (last)
			px_span_retire(stream, span);
	}
	return failed;
}

static uint64_t px_into_take_all(struct procs_stream *stream, struct procs_failures *failures,
				 bool *any)
{
	uint64_t failed = 0;

	for (struct px_span *span = stream->window.head, *next; span != NULL; span = next) {
		next = span->next;
		if (!px_span_ready(span))
			continue;
		*any = true;
		failed += px_into_take(stream, span, failures);
	}
	return failed;
}

int64_t px_stream_drain(struct procs_stream *stream, struct procs_failures *failures)
{
	uint64_t failed = 0;

	while (!px_stream_at_end(stream)) {
		const uint32_t seen = px_backend_seen(stream->backend);
		const int error = px_stream_turn(stream, px_now());
		bool any = false;

		failed += px_into_take_all(stream, failures, &any);
		if (error != 0 && stream->busy == 0)
			return error;
		if (!any && !px_stream_at_end(stream))
			px_stream_wait(stream, seen, PX_NEVER);
	}
	px_stream_dismiss(stream);
	return (int64_t)failed;
}
