/*
 * room.c - where results go in a slot's output area.
 *
 * The worker writes upwards. Its pages are warm only if they are used again, so
 * as soon as the results at the low end are taken and what is free there will
 * do, the next range is told to start at 0 again: a new lap. It may not reach
 * the oldest result of the lap before (`limit`); what does not fit goes above
 * everything of either lap. A third lap waits until the first is taken, so the
 * spans of a slot are of at most two laps, the older one first in the list.
 */
#include "pool/local.h"

#define PX_ROOM_LEAST UINT64_C(65536) /* free bytes that make a new lap worth it */

uint64_t px_room_tables(const struct procs_stream *stream, uint32_t count)
{
	/* Not a parameter of the span: all ranges of a stream have the same form. */
	const uint64_t value = stream->value_size;

	return px_align((uint64_t)count * value, PX_LINE) +
	       (uint64_t)count * sizeof(struct px_frame);
}

void px_room_enter(struct procs_stream *stream, struct px_span *span, uint32_t slot)
{
	struct px_desk *desk = &stream->desks[slot];

	px_assert(!span->seated);
	span->seated = true;
	span->slot = slot;
	span->older = desk->newest;
	span->newer = NULL;
	if (desk->newest != NULL)
		desk->newest->newer = span;
	else
		desk->oldest = span;
	desk->newest = span;
}

void px_room_leave(struct procs_stream *stream, struct px_span *span)
{
	struct px_desk *desk = &stream->desks[span->slot];

	if (!span->seated)
		return;
	span->seated = false;
	if (span->older != NULL)
		span->older->newer = span->newer;
	else
		desk->oldest = span->newer;
	if (span->newer != NULL)
		span->newer->older = span->older;
	else
		desk->newest = span->older;
	stream->bytes -= span->bytes;
	span->bytes = 0;
	if (span->state != PX_SPAN_POSTED)
		return;
	px_assert(desk->open > 0);
	stream->open--;
	if (--desk->open == 0)
		stream->busy--;
}

/* The oldest span that the present worker wrote or will write; results of an
 * earlier one lie below the floor and are in nobody's way. */
static const struct px_span *px_room_oldest(const struct px_desk *desk)
{
	const struct px_span *span = desk->oldest;

	while (span != NULL && span->region.placed && span->region.base < desk->floor)
		span = span->newer;
	return span;
}

/* What a range will take, as far as one can know. */
static uint64_t px_room_need(const struct procs_stream *stream, uint32_t count)
{
	const uint64_t payload = px_stream_item_bytes(stream) * count;
	const uint64_t area = px_backend_slot(stream->backend, 0).output_size;

	return px_max(px_min(PX_ROOM_LEAST, area / 8),
		      px_room_tables(stream, count) + 2 * payload);
}

void px_room_place(struct procs_stream *stream, uint32_t slot, struct px_span *span,
		   struct px_post *post)
{
	struct px_desk *desk = &stream->desks[slot];
	const struct px_span *oldest = px_room_oldest(desk);

	if (oldest == NULL) {
		post->limit = desk->ceiling;
	} else if (oldest->lap == desk->lap && oldest->region.placed &&
		   oldest->region.base - desk->floor >= px_room_need(stream, span->count)) {
		post->limit = oldest->region.base;
	} else {
		span->lap = desk->lap;
		return;
	}
	post->flags |= PX_POST_REWIND;
	post->rewind = desk->floor;
	span->lap = ++desk->lap;
}

/* The end of what the slot's spans hold: the worker's word, kept in bounds. */
static uint64_t px_room_top(const struct procs_stream *stream, const struct px_desk *desk)
{
	uint64_t top = 0;

	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer) {
		const struct px_region *region = &span->region;

		if (region->placed)
			top = px_max(top, px_max(region->heap,
						 region->base +
							 px_room_tables(stream, region->count)));
	}
	return top;
}

struct px_leftover px_room_leftover(struct procs_stream *stream, uint32_t slot, uint32_t count)
{
	struct px_desk *desk = &stream->desks[slot];
	const uint64_t area = px_backend_slot(stream->backend, slot).output_size;
	struct px_leftover leftover = { .limit = area };
	uint64_t low = UINT64_MAX;

	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
		if (span->region.placed)
			low = px_min(low, span->region.base);
	if (desk->oldest != NULL) {
		leftover.top = px_align(px_room_top(stream, desk), stream->page);
		leftover.top = leftover.to = px_min(leftover.top, area);
		leftover.start = leftover.top;
		low = px_align_down(px_min(low, area), stream->page);
		/* A worker of one range may go below the old results; one that stays would have
		 * to remember the hole. */
		if (!px_stream_maps(stream) && low >= px_room_need(stream, count)) {
			leftover.start = 0;
			leftover.limit = leftover.from = low;
		}
	}
	desk->floor = leftover.start;
	desk->ceiling = leftover.limit;
	return leftover;
}
