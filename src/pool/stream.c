/*
 * stream.c - opens, turns and closes a stream. One turn: look, carry out, hand
 * over, deliver; and wait if there is nothing to deliver.
 */
#include "pool/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/owner.h"
#include "base/clock.h"
#include "pool/local.h"

enum {
	PX_SPARE_SLOTS = 2 /* beyond twice the workers of a call, or the workers of a map */
};

#define PX_LOOK_NS      (50 * PX_MICROSECOND) /* what is ready is delivered that long unseen */
#define PX_NO_SLOT_NS   (250 * PX_MICROSECOND)
#define PX_OUTPUT_LEAST (UINT64_C(1) << 20) /* of a slot, where there is no address space */
#define PX_AREA_PARTS   8                   /* of an output area, one may be full */

/* Slots: a worker that has ended keeps its own until its process is gone and
 * its results are taken; the spare ones hide the wait. */
static uint32_t px_slots_for(const struct px_config *config, const struct px_input *input)
{
	if (config->start == PROCS_START_INLINE)
		return 1;
	if (input->kind == PX_INPUT_MAP)
		return config->workers + config->workers / 2 + PX_SPARE_SLOTS;
	return 2 * config->workers + PX_SPARE_SLOTS;
}

/* Makes workers of its own, or borrows them. */
static int px_stream_equip(struct procs_stream *stream)
{
	const struct px_wish wish = {
		.start = stream->config.start,
		.program = stream->config.program,
		.n_slots = stream->n_slots,
		.reserve = stream->config.reserve_bytes,
		.least = px_min(PX_OUTPUT_LEAST, stream->config.reserve_bytes),
		.order = px_plan_order(stream),
		.plans = &stream->plans,
		.store = &stream->store,
		.hooks = stream->config.hooks,
	};

	int error = -ENOMEM;

	if (stream->pool != NULL) {
		px_pool_enter(stream);
		px_backend_reorder(stream->backend, &wish.order);
		error = 0;
	} else {
		stream->desks =
			px_store_take(&stream->store, stream->n_slots * sizeof(*stream->desks));
		if (stream->desks != NULL)
			error = px_backend_open(&stream->backend, &wish);
	}
	if (error == 0 && stream->names != NULL)
		px_names_tell(stream);
	return error;
}

static void px_stream_return(struct procs_stream *stream)
{
	if (stream->pool != NULL)
		px_pool_leave(stream);
	else
		px_backend_close(stream->backend);
}

static int px_stream_start(struct procs_stream *stream)
{
	int error = px_stream_equip(stream);

	if (error != 0)
		return error;
	stream->half =
		px_align_down(px_backend_slot(stream->backend, 0).output_size / 2, stream->page);
	/* A slot must have room for the oldest item whatever waits in it to be taken. */
	stream->config.window_bytes =
		px_min(stream->config.window_bytes,
		       px_backend_slot(stream->backend, 0).output_size / PX_AREA_PARTS);
	stream->watches = px_store_take(&stream->store, stream->n_slots * sizeof(*stream->watches));
	error = stream->watches != NULL ? px_copy_possible(stream) : -ENOMEM;
	if (error == 0)
		error = px_post_all(stream, px_now());
	if (error != 0)
		px_stream_return(stream);
	return error;
}

static void px_stream_free(struct procs_stream *stream)
{
	struct procs_pool *pool = stream->pool;
	struct px_store store;

	px_traces_free(stream);
	px_cancels_free(&stream->cancels);
	px_window_free(&stream->window);
	px_plans_free(&stream->plans);
	px_codec_free(&stream->codec);
	px_buffer_free(&stream->ahead.values);
	px_buffer_free(&stream->payload);
	px_buffer_free(&stream->unpacked);
	/* The stream itself lies in it. */
	store = stream->store;
	if (pool != NULL)
		px_pool_return(pool, store);
	else
		px_store_free(&store);
}

int px_stream_open(struct procs_stream **stream_out, const struct px_config *config,
		   const struct px_input *input, const char **culprit)
{
	struct px_store store = { .blocks = NULL };
	struct procs_stream *stream;
	int error = -ENOMEM;

	*culprit = NULL;
	if (config->pool != NULL)
		store = px_pool_lend(config->pool);
	stream = px_store_take(&store, sizeof(*stream));
	if (stream == NULL)
		return error;
	stream->store = store;
	stream->window.store = &stream->store;
	px_cancels_init(&stream->cancels);
	stream->config = *config;
	stream->pool = config->pool;
	stream->input = *input;
	stream->page = (uint64_t)sysconf(_SC_PAGESIZE);
	atomic_init(&stream->items, input->n);
	/* Not more workers than items. */
	if (input->n < stream->config.workers && config->pool == NULL)
		stream->config.workers = (uint32_t)px_max(input->n, 1);
	stream->n_slots = px_slots_for(&stream->config, input);
	stream->owner = px_owner_self();
	if (stream->owner != 0)
		error = px_plan_map(stream, culprit);
	if (error == 0 && px_start_attaches(config->start))
		error = px_names_open(stream, culprit);
	if (error == 0)
		error = px_stream_start(stream);
	if (error != 0)
		px_stream_free(stream);
	else
		*stream_out = stream;
	return error;
}

int px_stream_usable(const struct procs_stream *stream)
{
	if (stream->owner != px_owner_self())
		return -EPERM;
	return stream->in_source ? -EBUSY : 0;
}

/* The span whose item is to be delivered, or NULL. */
static struct px_span *px_stream_pick(const struct procs_stream *stream)
{
	struct px_span *span = stream->current;

	/* What is copied already goes first. */
	if (span != NULL && stream->ahead.at < stream->ahead.end)
		return span;
	span = stream->window.head;
	if (stream->config.order == PROCS_ORDER_COMPLETED)
		while (span != NULL && !px_span_ready(span))
			span = span->next;
	return span != NULL && px_span_ready(span) ? span : NULL;
}

bool px_stream_at_end(const struct procs_stream *stream)
{
	return stream->window.head == NULL && !px_stream_has_fresh(stream);
}

void px_stream_dismiss_one(struct procs_stream *stream, uint32_t slot, uint64_t now)
{
	px_backend_dismiss(stream->backend, slot, now);
	stream->desks[slot].staffed = false;
	stream->staffed--;
}

/* Nothing is left to do: the workers may go home while the caller does. */
void px_stream_dismiss(struct procs_stream *stream)
{
	const uint64_t now = px_now();

	for (uint32_t slot = 0; slot < stream->n_slots && stream->pool == NULL; slot++)
		if (stream->desks[slot].staffed)
			px_stream_dismiss_one(stream, slot, now);
}

/* Which progress is worth a wake-up: that of the item to be delivered next. */
static uint64_t px_stream_want(const struct procs_stream *stream, const struct px_span *span)
{
	/* Whole ranges are taken at once; or nothing is: who runs dry rings. */
	if (stream->input.into)
		return stream->direct ? UINT64_MAX
				      : px_slot_position(span->region.sequence, span->count);
	if (stream->config.order == PROCS_ORDER_COMPLETED)
		return px_slot_position(span->region.sequence, (uint64_t)span->region.done + 1);
	if (span == stream->window.head)
		return px_slot_position(span->region.sequence, (uint64_t)span->taken + 1);
	return UINT64_MAX;
}

void px_stream_wait(struct procs_stream *stream, uint32_t seen, uint64_t deadline)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < stream->n_slots; slot++) {
		const struct px_span *span = stream->desks[slot].oldest;
		struct px_watch watch = { .slot = slot, .want = UINT64_MAX };

		if (stream->desks[slot].open == 0)
			continue;
		for (; span != NULL; span = span->newer)
			if (span->state == PX_SPAN_POSTED)
				watch.want = px_min(watch.want, px_stream_want(stream, span));
		stream->watches[n++] = watch;
	}
	deadline = px_min(deadline, stream->next_deadline);
	if (stream->busy < stream->config.workers && stream->hire_failed_since != 0)
		deadline = px_min(deadline, stream->hire_again);
	/* Processes that only have to end do not ring. */
	if (stream->no_slot)
		deadline = px_min(deadline, px_deadline(px_now(), PX_NO_SLOT_NS));
	px_backend_wait(stream->backend, seen, stream->watches, n, deadline);
}

/* One look at the world. 0 or -ENOMEM. */
int px_stream_turn(struct procs_stream *stream, uint64_t now)
{
	px_collect(stream, now);
	px_cancel_all_asked(stream);
	return px_post_all(stream, now);
}

int px_stream_next(struct procs_stream *stream, struct procs_result *result, uint64_t deadline)
{
	struct px_span *span;
	bool woken = false;
	uint64_t now;
	uint32_t seen;
	int error;

	px_release(stream);
	for (now = px_now();; now = px_now()) {
		span = px_stream_pick(stream);
		error = 0;
		seen = px_backend_seen(stream->backend);
		/* What the caller slept for goes first; the next call looks at the rest. */
		if (!(woken && px_collect_head(stream, now)) &&
		    (span == NULL || now - stream->looked >= PX_LOOK_NS || px_post_is_due(stream)))
			error = px_stream_turn(stream, now);
		span = px_stream_pick(stream);
		if (span != NULL) {
			px_deliver(stream, span, result);
			return 1;
		}
		if (px_stream_at_end(stream)) {
			px_stream_dismiss(stream);
			return stream->input_error;
		}
		if (error != 0 && stream->busy == 0)
			return error;
		if (now >= deadline)
			return -ETIMEDOUT;
		px_stream_wait(stream, seen, deadline);
		woken = true;
	}
}

int px_stream_close(struct procs_stream *stream)
{
	px_stream_return(stream);
	px_stream_free(stream);
	return 0;
}

const struct px_plan *px_stream_plan(struct procs_stream *stream,
				     const struct procs_function *function)
{
	const struct px_task_plans *plans = px_plans_of(&stream->plans, function);

	return plans != NULL && plans->error == 0 ? &plans->result : NULL;
}

char *px_stream_text(struct procs_stream *stream, size_t *room_out)
{
	*room_out = sizeof(stream->text);
	return stream->text;
}
