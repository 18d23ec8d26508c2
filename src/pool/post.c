/*
 * post.c - decides what is handed over, to whom, and how much.
 *
 * The window bounds what is in flight or finished and not yet taken, in items
 * and in bytes. The first item not delivered is always in somebody's hands,
 * window or not: without it nothing moves. What a worker lost or handed back is
 * posted before anything new; a worker without work gets the tail of another's.
 */
#include <errno.h>

#include "base/clock.h"
#include "pool/local.h"

enum {
	PX_TRICKLE = 8,       /* less than this part of the window is not worth a post */
	PX_UNKNOWN_ITEMS = 16 /* of a range, before anything is known about their results */
};

#define PX_HIRE_AGAIN    (10 * PX_MILLISECOND)
#define PX_HIRE_PATIENCE PX_SECOND
#define PX_WINDOW_NS     (8 * PX_MILLISECOND) /* of work, that the window should hold a worker */
#define PX_WINDOW_DIRECT (UINT64_C(1) << 60)
#define PX_WINDOW_GROWN  (UINT64_C(1) << 20) /* items a worker, at most */

/* Items that the window may hold. One that the caller left to us grows with
 * items that turn out to be short: 1,024 of 5 ns are no work at all. */
static uint64_t px_window_items(const struct procs_stream *stream)
{
	const uint64_t workers = stream->config.workers;
	const uint64_t item = px_stream_item_ns(stream);

	/* Values that go where they belong wait for nobody. */
	if (stream->direct)
		return PX_WINDOW_DIRECT;
	if (!stream->config.window_grows || item == 0 || !px_stream_maps(stream))
		return stream->config.window_items;
	return px_clamp(PX_WINDOW_NS / item * workers, stream->config.window_items,
			PX_WINDOW_GROWN * workers);
}

/* Bytes that are spoken for: finished ones, and what is in work may still fill. */
static uint64_t px_bytes_promised(const struct procs_stream *stream)
{
	return stream->bytes + stream->open * px_stream_share(stream) - stream->open_bytes;
}

static bool px_bytes_left(const struct procs_stream *stream)
{
	return px_bytes_promised(stream) + px_stream_share(stream) <= stream->config.window_bytes;
}

/* Whether a worker that has a range may have another, though each of those that are open
 * may exceed its share by a result. The first of a worker is allowed that. */
static bool px_bytes_ample(const struct procs_stream *stream)
{
	const uint64_t each = px_max(px_stream_share(stream), stream->largest);

	return stream->bytes - stream->open_bytes + (stream->open + 1) * each <=
	       stream->config.window_bytes;
}

/* Without an open range, or with the first item lying about, it is posted in
 * any case. */
static bool px_is_urgent(const struct procs_stream *stream, const struct px_span *span)
{
	return span == stream->window.head;
}

/* The size of a map's next range: a part of the window, so that each worker has
 * one in work and others waiting; not more than its part of what is left. */
static uint32_t px_range_size(const struct procs_stream *stream, uint64_t left)
{
	const uint64_t workers = stream->config.workers;
	const uint64_t item = px_stream_item_bytes(stream);
	uint64_t size = px_divide_up(px_window_items(stream), workers * PX_OPEN_RANGES);
	const uint64_t area = px_backend_slot(stream->backend, 0).output_size;

	size = px_min(size, px_divide_up(left, workers));
	/* No more than its share of bytes will hold, by what items took so far. */
	if (stream->direct)
		size = px_divide_up(left, px_max(workers - px_min(stream->busy, workers), 1));
	else if (stream->value_size > 0)
		size = px_min(size, px_stream_share(stream) / stream->value_size);
	else
		size = px_min(size, item > 0 ? px_stream_share(stream) / item : PX_UNKNOWN_ITEMS);
	if (stream->copies != 0)
		size = px_min(size, px_copy_most(stream));
	/* The tables must fit, with room for payload. */
	size = px_min(size, area / 4 / (sizeof(struct px_frame) + stream->value_size));
	return (uint32_t)px_clamp(size, 1, PX_RANGE_MOST);
}

/* Specifications are pulled until one can be posted; one that is wrong is
 * Failed already, and takes its place in the window. */
static int px_post_pull(struct procs_stream *stream, struct px_span **span_out)
{
	struct px_window *window = &stream->window;
	int error = 0;

	while (error == 0 && *span_out == NULL && px_stream_has_fresh(stream) &&
	       (window->head == NULL ||
		(window->items < px_window_items(stream) && px_bytes_left(stream)))) {
		error = px_window_prepare(window, px_stream_spans_needed(stream));
		if (error == 0)
			error = px_call_pull(stream);
		*span_out = px_window_waiting(window);
		if (error == 0 && *span_out != NULL)
			error = px_cancel_fresh(stream, span_out);
	}
	return error == -ENODATA ? 0 : error;
}

/* New items of a map, if the window has room: a range, or nothing. */
static int px_post_extend(struct procs_stream *stream, struct px_span **span_out)
{
	struct px_window *window = &stream->window;
	const uint64_t room = px_window_items(stream);
	uint64_t size;

	if (!px_stream_has_fresh(stream))
		return 0;
	size = px_range_size(stream, stream->input.n - window->fresh);
	if (window->head != NULL) {
		if (window->items >= room || !px_bytes_left(stream))
			return 0;
		/* Not item by item as they are taken: that would be a post for each. */
		if (stream->busy > 0 && room - window->items < px_divide_up(room, PX_TRICKLE))
			return 0;
		size = px_min(size, room - window->items);
	}
	if (px_window_prepare(window, px_stream_spans_needed(stream)) != 0)
		return -ENOMEM;
	*span_out = px_window_append(window, (uint32_t)size);
	(*span_out)->function = stream->input.function;
	return px_cancel_fresh(stream, span_out);
}

/* What is to be posted next: WAITING, and of a size for one range. NULL if
 * there is nothing, or no room. */
static int px_post_choose(struct procs_stream *stream, struct px_span **span_out)
{
	struct px_span *span = px_window_waiting(&stream->window);
	uint64_t size;

	*span_out = NULL;
	if (span == NULL)
		return px_stream_maps(stream) ? px_post_extend(stream, span_out)
					      : px_post_pull(stream, span_out);
	if (!px_bytes_left(stream) && !px_is_urgent(stream, span))
		return 0;
	if (px_window_prepare(&stream->window, px_stream_spans_needed(stream)) != 0)
		return -ENOMEM;
	size = px_bytes_left(stream) ? px_range_size(stream, span->count) : 1;
	if (size < span->count)
		(void)px_window_split(&stream->window, span, (uint32_t)size);
	*span_out = span;
	return 0;
}

bool px_post_is_due(const struct procs_stream *stream)
{
	const uint64_t room = px_window_items(stream);

	return px_stream_maps(stream) && px_stream_has_fresh(stream) &&
	       stream->open < (uint64_t)stream->staffed * PX_OPEN_RANGES &&
	       stream->window.items + px_divide_up(room, PX_TRICKLE) <= room &&
	       px_bytes_left(stream);
}

static struct px_post px_post_make(const struct procs_stream *stream, const struct px_span *span)
{
	const bool map = px_stream_maps(stream);
	struct px_post post = {
		.first = span->first,
		.count = span->count,
		.kind = map ? PX_KIND_MAP : PX_KIND_CALL,
		.attempt = 1,
		.share = !map                    ? UINT64_MAX
			 : px_bytes_left(stream) ? px_stream_share(stream)
						 : 1,
	};

	if (!px_stream_has_fresh(stream))
		post.flags |= PX_POST_LAST;
	/* A worker for each item: nothing comes after it, and nobody has more to give away. */
	if (map && stream->pool == NULL && stream->input.n <= stream->config.workers)
		post.flags |= PX_POST_LEAVE;
	if (stream->bytes > stream->config.window_bytes / 2)
		post.flags |= PX_POST_SHORT;
	if (span->singly)
		post.flags |= PX_POST_SINGLY;
	return post;
}

/* False if the slot has no room for the range: results must be taken first. */
static bool px_post_span(struct procs_stream *stream, uint32_t slot, struct px_span *span,
			 bool forced, uint64_t now)
{
	struct px_desk *desk = &stream->desks[slot];
	struct px_post post = px_post_make(stream, span);

	if (!px_room_place(stream, slot, forced, &post) ||
	    !px_copy_input(stream, slot, span, &post))
		return false;
	px_room_enter(stream, span, slot);
	px_window_mark(&stream->window, span, PX_SPAN_POSTED);
	span->region = (struct px_region){ .count = span->count, .value_size = stream->value_size };
	span->room_start = post.start;
	span->room_end = post.limit;
	span->failure = 0;
	span->corrupt = span->running = false;
	span->posted_ns = now;
	span->pid = px_backend_pid(stream->backend, slot);
	span->started_ns = span->spent_ns = 0;
	span->region.sequence = px_backend_post(stream->backend, slot, &post);
	if (desk->open == 0)
		desk->moved_ns = now;
	desk->leaves |= (post.flags & PX_POST_LEAVE) != 0;
	desk->posted++;
	stream->open++;
	if (desk->open++ == 0)
		stream->busy++;
	return true;
}

/* No process, no memory for one: counts how long, and in the end gives up on
 * the items that wait. */
static void px_hire_failed(struct procs_stream *stream, int error, uint64_t now)
{
	struct px_span *span = px_window_waiting(&stream->window);

	stream->hire_error = error;
	px_refuse_hire(stream, error);
	stream->hire_again = px_deadline(now, PX_HIRE_AGAIN);
	if (stream->hire_failed_since == 0)
		stream->hire_failed_since = px_max(now, 1);
	if (stream->busy > 0 || stream->staffed > 0)
		return; /* the others go on */
	if (now - stream->hire_failed_since >= PX_HIRE_PATIENCE)
		stream->stalled = true;
	if (!stream->stalled || span == NULL)
		return;
	px_span_fail(stream, span,
		     (struct px_verdict){ .cause = PROCS_CAUSE_RESOURCE, .code = -error });
	stream->hire_again = now; /* each later range has one try */
}

/* A desk for a worker to come. */
static void px_furnish(struct procs_stream *stream, uint32_t slot, uint64_t now)
{
	struct px_desk *desk = &stream->desks[slot];

	px_backend_ready(stream->backend, slot);
	desk->posted = desk->passed = 0;
	desk->open = 0;
	desk->staffed = desk->well = true;
	desk->useful = false;
	desk->leaves = px_stream_one_shot(stream);
	desk->moved_ns = now;
	stream->staffed++;
}

/* A slot for a new worker, best one without results of an earlier one, at least
 * one where they leave room; UINT32_MAX if there is none. */
static uint32_t px_free_slot(struct procs_stream *stream, uint64_t now)
{
	uint32_t second = UINT32_MAX;

	for (uint32_t i = 0; i < stream->n_slots; i++) {
		if (stream->desks[i].staffed || !px_backend_vacant(stream->backend, i, now))
			continue;
		if (stream->desks[i].oldest == NULL)
			return i;
		if (second == UINT32_MAX && px_room_for_worker(stream, i))
			second = i;
	}
	return second;
}

/* Hires a worker for a span, which is posted before he is made: so he finds it
 * when he looks, and need not be woken. 0; -EAGAIN if that cannot be now. */
static int px_staff(struct procs_stream *stream, struct px_span *span, uint64_t now)
{
	const uint32_t slot = px_free_slot(stream, now);
	struct px_leftover leftover;
	int error = -EAGAIN;

	stream->no_slot = slot == UINT32_MAX;
	if (slot == UINT32_MAX)
		return -EAGAIN;
	leftover = px_room_leftover(stream, slot);
	px_furnish(stream, slot, now);
	if (px_post_span(stream, slot, span, false, now) && stream->stillborn < PX_STILLBORN_MOST)
		error = px_backend_hire(stream->backend, slot, leftover);
	if (error == 0) {
		span->pid = px_backend_pid(stream->backend, slot);
		stream->hire_failed_since = 0;
		stream->stalled = false;
		return 0;
	}
	stream->desks[slot].staffed = false;
	stream->staffed--;
	if (span->state == PX_SPAN_POSTED) {
		px_room_leave(stream, span);
		px_window_mark(&stream->window, span, PX_SPAN_WAITING);
		px_hire_failed(stream, error, now);
	}
	return -EAGAIN;
}

/* As long as there is work that nobody has, and a worker may be had for it. A
 * call's worker has one range, so it may be had as soon as another is done. */
static int px_post_to_new(struct procs_stream *stream, uint64_t now)
{
	struct px_span *span;
	int error = 0;

	while (error == 0 && now >= stream->hire_again &&
	       stream->staffed < stream->config.workers) {
		/* Those who work may go on; nobody comes to help. */
		if (stream->refused.cause != PROCS_CAUSE_NONE && stream->staffed > 0)
			break;
		error = px_post_choose(stream, &span);
		if (error != 0 || span == NULL)
			break;
		if (stream->refused.cause != PROCS_CAUSE_NONE)
			px_span_fail(stream, span, stream->refused);
		else
			error = px_staff(stream, span, now);
	}
	return error == -EAGAIN ? 0 : error;
}

static bool px_desk_takes(const struct px_desk *desk, uint32_t open)
{
	return desk->staffed && desk->well && !desk->leaves && desk->open < open &&
	       desk->posted - desk->passed < PX_RING;
}

/* Each worker gets one range before any gets a second. */
static int px_post_to_idle(struct procs_stream *stream, uint64_t now)
{
	struct px_span *span;
	int error = 0;

	for (uint32_t open = 1; open <= PX_OPEN_RANGES; open++) {
		for (uint32_t i = 0; i < stream->n_slots && error == 0; i++) {
			if (!px_desk_takes(&stream->desks[i], open) ||
			    (open > 1 && !px_bytes_ample(stream)))
				continue;
			error = px_post_choose(stream, &span);
			if (error == 0 && span == NULL && stream->desks[i].open == 0 &&
			    px_bytes_left(stream))
				span = px_post_steal(stream, now);
			if (span != NULL)
				(void)px_post_span(stream, i, span, false, now);
		}
	}
	return error;
}

/* Nothing runs, and no worker has room for the oldest item: later results have
 * it, and wait for that very item. */
static void px_post_oldest(struct procs_stream *stream, uint64_t now)
{
	struct px_span *span = stream->window.head;

	if (stream->open > 0 || span == NULL || span->state != PX_SPAN_WAITING ||
	    px_window_prepare(&stream->window, px_stream_spans_needed(stream)) != 0)
		return;
	if (span->count > 1)
		(void)px_window_split(&stream->window, span, 1);
	for (uint32_t i = 0; i < stream->n_slots; i++)
		if (px_desk_takes(&stream->desks[i], 1) && px_post_span(stream, i, span, true, now))
			return;
}

int px_post_all(struct procs_stream *stream, uint64_t now)
{
	int error;

	stream->no_slot = false;
	error = px_post_to_new(stream, now);
	if (error == 0 && !px_stream_one_shot(stream))
		error = px_post_to_idle(stream, now);
	if (error == 0 && !px_stream_one_shot(stream))
		px_post_oldest(stream, now);
	return error;
}
