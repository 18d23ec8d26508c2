/*
 * room.c - where results go in a slot's output area.
 *
 * Each range is given a room in the lower half, the lowest gap between those
 * that are in use, so that pages are used again while they are warm. A room is
 * as large as the range's tables and its share of the window; when the range is
 * finished it shrinks to what is really in it, and when all of it is taken it
 * is free. What does not fit goes over to the upper half, which a worker fills
 * upwards, behind what still lies there.
 */
#include "pool/local.h"

enum {
	PX_ROOM_PROBES = 8 /* gaps looked at before settling above everything */
};

uint64_t px_room_tables(const struct procs_stream *stream, uint32_t count)
{
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

/* The end of what a span holds of its room: all of it while its worker may
 * write there. */
static uint64_t px_room_end(const struct procs_stream *stream, const struct px_span *span)
{
	const struct px_region *region = &span->region;
	uint64_t end;

	if (span->state == PX_SPAN_POSTED || !region->placed)
		return span->room_end;
	end = px_max(region->heap, region->base + px_room_tables(stream, region->count));
	return px_min(px_align(end, PX_LINE), span->room_end);
}

/* The first span that lies in [at, at + need), or NULL. */
static const struct px_span *px_room_taken(const struct procs_stream *stream,
					   const struct px_desk *desk, uint64_t at, uint64_t need)
{
	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
		if (span->room_start < at + need && px_room_end(stream, span) > at)
			return span;
	return NULL;
}

/* The end of all rooms in use. */
static uint64_t px_room_top(const struct procs_stream *stream, const struct px_desk *desk)
{
	uint64_t top = 0;

	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
		top = px_max(top, px_room_end(stream, span));
	return top;
}

/* The lowest gap of `need` bytes, from the desk's floor on. */
static uint64_t px_room_gap(const struct procs_stream *stream, const struct px_desk *desk,
			    uint64_t need)
{
	const struct px_span *taken;
	uint64_t at = desk->floor;

	for (int probe = 0; probe < PX_ROOM_PROBES; probe++) {
		taken = px_room_taken(stream, desk, at, need);
		if (taken == NULL)
			return at;
		at = px_room_end(stream, taken);
	}
	return px_max(at, px_room_top(stream, desk));
}

/* Where the upper half is free: behind what went over and is not taken. */
static uint64_t px_room_over(const struct procs_stream *stream, const struct px_desk *desk)
{
	uint64_t over = desk->over;

	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
		if (span->region.placed && span->region.heap > stream->half)
			over = px_max(over, span->region.heap);
	return over;
}

/* What a range will take, as far as one can know: its tables, its share, and
 * the result with which it exceeds that. One larger than any before goes over,
 * which therefore happens a few times and not again and again. */
static uint64_t px_room_need(const struct procs_stream *stream, const struct px_post *post)
{
	const uint64_t slack = px_min(PX_ROOM_SLACK, stream->half / 32);

	return px_align(px_room_tables(stream, post->count) +
				px_min(post->share, px_stream_share(stream)) +
				stream->largest + stream->largest / 4 + slack,
			PX_LINE);
}

bool px_room_place(const struct procs_stream *stream, uint32_t slot, struct px_post *post)
{
	const struct px_desk *desk = &stream->desks[slot];
	const uint64_t need = px_room_need(stream, post);

	post->over = px_room_over(stream, desk);
	/* Alone in the slot it may have all of it. */
	if (desk->oldest == NULL) {
		post->start = desk->floor;
		post->limit = px_stream_maps(stream) ? px_min(desk->floor + need, stream->half)
						     : stream->half;
		return true;
	}
	post->start = px_room_gap(stream, desk, need);
	post->limit = px_min(post->start + need, stream->half);
	return post->start < stream->half &&
	       px_room_tables(stream, post->count) <= post->limit - post->start;
}

bool px_room_is_half_empty(const struct procs_stream *stream, uint32_t slot)
{
	return px_room_top(stream, &stream->desks[slot]) <= stream->half / 2;
}

struct px_leftover px_room_leftover(struct procs_stream *stream, uint32_t slot)
{
	struct px_desk *desk = &stream->desks[slot];
	uint64_t top = 0;

	desk->over = stream->half;
	if (desk->oldest != NULL) {
		top = px_align(px_room_top(stream, desk), stream->page);
		desk->over = px_align(px_room_over(stream, desk), stream->page);
	}
	desk->floor = px_min(top, stream->half);
	return (struct px_leftover){
		.low = desk->floor, .half = stream->half, .over = desk->over
	};
}
