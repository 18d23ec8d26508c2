/*
 * room.c - where results go in a slot's output area.
 *
 * Each range is given a room in the lower half, the lowest gap between those
 * that are in use, so that pages are used again while they are warm. A room is
 * as large as the range's tables and its share of the window; when the range is
 * finished it shrinks to what is really in it, and when all of it is taken it
 * is free. What does not fit goes over to the upper half, which a worker fills
 * upwards, behind what still lies there.
 *
 * A result of a quarter of the area always has room: a range is posted only
 * where so much of the upper half is free, and its worker hands the rest of it
 * back when less is left.
 */
#include "pool/local.h"

#define PX_ROOM_KEPT   (UINT64_C(8) << 20)  /* bytes of a slot that stay warm whatever comes, */
#define PX_WINDOW_KEPT (UINT64_C(16) << 20) /* and of a window, shared by the workers */

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

/* The end of what a span holds of its room: all of it while its worker may write
 * there, or if little is left, so that the next range finds a gap of its size. */
static uint64_t px_room_end(const struct procs_stream *stream, const struct px_span *span)
{
	const struct px_region *region = &span->region;
	uint64_t end;

	if (span->state == PX_SPAN_POSTED || !region->placed)
		return span->room_end;
	end = px_max(region->heap, region->base + px_room_tables(stream, region->count));
	end = px_min(px_align(end, PX_LINE), span->room_end);
	return span->room_end - end < (span->room_end - span->room_start) / 4 ? span->room_end
									      : end;
}

void px_room_trim(const struct procs_stream *stream, uint32_t slot, uint64_t keep)
{
	struct px_desk *desk = &stream->desks[slot];

	if (desk->top > keep)
		px_backend_trim(stream->backend, slot, keep, desk->top);
	if (desk->over_top > stream->half)
		px_backend_trim(stream->backend, slot, stream->half, desk->over_top);
	desk->top = desk->over_top = 0;
}

uint64_t px_room_warm(const struct procs_stream *stream)
{
	return PX_ROOM_KEPT +
	       px_min(stream->config.window_bytes, PX_WINDOW_KEPT) / stream->config.workers;
}

void px_room_note(const struct procs_stream *stream, const struct px_span *span)
{
	struct px_desk *desk = &stream->desks[span->slot];
	const struct px_region *region = &span->region;
	const uint64_t tables = region->base + px_room_tables(stream, region->count);

	if (!region->placed)
		return;
	/* Tables are sparse where values go elsewhere. */
	if (!stream->direct)
		desk->top = px_max(desk->top, tables);
	if (region->heap > stream->half)
		desk->over_top = px_max(desk->over_top, region->heap);
	else if (region->heap > tables)
		desk->top = px_max(desk->top, region->heap);
}

/* What a slot holds of results that are all alike, at the most. */
static uint64_t px_room_most(const struct procs_stream *stream)
{
	return stream->config.window_bytes + 2 * stream->largest + PX_ROOM_KEPT;
}

void px_room_leave(struct procs_stream *stream, struct px_span *span)
{
	struct px_desk *desk = &stream->desks[span->slot];

	if (!span->seated)
		return;
	px_room_note(stream, span);
	span->seated = false;
	if (span->older != NULL)
		span->older->newer = span->newer;
	else
		desk->oldest = span->newer;
	if (span->newer != NULL)
		span->newer->older = span->older;
	else
		desk->newest = span->older;
	stream->open_bytes -= px_span_of_share(stream, span);
	stream->bytes -= span->bytes;
	span->bytes = 0;
	/* More than a window and the slack of its ranges: results that were larger than others. */
	if (desk->oldest == NULL && (desk->top > px_room_most(stream) || desk->over_top > 0))
		px_room_trim(stream, span->slot, PX_ROOM_KEPT);
	if (span->state != PX_SPAN_POSTED)
		return;
	px_assert(desk->open > 0);
	stream->open--;
	if (--desk->open == 0)
		stream->busy--;
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
static uint64_t px_room_need(const struct procs_stream *stream, uint32_t count)
{
	const uint64_t slack = px_min(PX_ROOM_SLACK, stream->half / 32);
	const uint64_t share = px_stream_maps(stream) ? px_stream_share(stream) : 0;
	uint64_t payload = share + stream->largest;

	if (stream->largest > 0 && count < payload / stream->largest)
		payload = count * stream->largest;
	return px_align(px_room_tables(stream, count) + payload + stream->largest / 4 + slack,
			PX_LINE);
}

/* Whether a result of the size that is promised has room in the upper half. */
static bool px_room_is_ample(const struct procs_stream *stream, const struct px_desk *desk)
{
	return 2 * stream->half - px_room_over(stream, desk) >= stream->half / 2;
}

/* Of how many of the worker's last ranges it may not be known yet what went
 * over: all from the oldest open one. */
static uint16_t px_room_unsure(const struct px_desk *desk)
{
	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
		if (span->state == PX_SPAN_POSTED)
			return (uint16_t)(desk->posted - span->region.sequence);
	return 0;
}

bool px_room_place(const struct procs_stream *stream, uint32_t slot, bool forced,
		   struct px_post *post)
{
	const struct px_desk *desk = &stream->desks[slot];
	const uint64_t need = px_room_need(stream, post->count);

	if (!forced && !px_room_is_ample(stream, desk))
		return false;
	if (forced)
		post->flags |= PX_POST_FORCED;
	post->before = px_room_unsure(desk);
	post->over = px_room_over(stream, desk);
	post->start = px_room_gap(stream, desk, need);
	/* The only range of its process may have all there is. */
	post->limit = px_stream_one_shot(stream) ? desk->ceiling
						 : px_min(post->start + need, desk->ceiling);
	return post->start < desk->ceiling &&
	       px_room_tables(stream, post->count) <= post->limit - post->start;
}

/* Where the rooms in use begin, on a page of its own. */
static uint64_t px_room_low(const struct procs_stream *stream, const struct px_desk *desk)
{
	uint64_t low = stream->half;

	for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
		low = px_min(low, span->room_start);
	return px_align_down(low, stream->page);
}

/* Whether a new worker can do with what lies below the rooms in use. A worker
 * that stays wants more than one that has a single range. */
static bool px_room_below(const struct procs_stream *stream, uint64_t low)
{
	return low >= (px_stream_one_shot(stream) ? px_room_need(stream, 1) : stream->half / 4);
}

bool px_room_for_worker(const struct procs_stream *stream, uint32_t slot)
{
	const struct px_desk *desk = &stream->desks[slot];

	return px_room_is_ample(stream, desk) &&
	       (px_room_below(stream, px_room_low(stream, desk)) ||
		px_room_top(stream, desk) <= stream->half / 2);
}

struct px_leftover px_room_leftover(struct procs_stream *stream, uint32_t slot)
{
	struct px_desk *desk = &stream->desks[slot];
	const uint64_t low = px_room_low(stream, desk);
	const uint64_t top =
		px_min(px_align(px_room_top(stream, desk), stream->page), stream->half);

	desk->floor = 0;
	desk->ceiling = desk->over = stream->half;
	if (desk->oldest == NULL)
		return (struct px_leftover){ 0 };
	desk->over = px_align(px_room_over(stream, desk), stream->page);
	if (px_room_below(stream, low))
		desk->ceiling = low;
	else
		desk->floor = top;
	return (struct px_leftover){ .low_from = desk->floor == 0 ? low : 0,
				     .low_to = top,
				     .over_from = stream->half,
				     .over_to = desk->over };
}
