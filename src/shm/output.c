#include "shm/output.h"

#include <errno.h>
#include <string.h>

#include "base/checksum.h"
#include "base/px.h"

#define PX_STRIP_BYTES (UINT64_C(1) << 20) /* half of a small cache of a core */

void px_output_init(struct px_output *output, struct px_slot slot)
{
	*output = (struct px_output){ .slot = slot };
}

static bool px_output_fits(uint64_t at, uint64_t size, uint64_t limit)
{
	return at <= limit && size <= limit - at;
}

/* Puts `next` where `size` bytes fit in the strip in work. */
static bool px_output_here(struct px_output *output, uint64_t size)
{
	const uint64_t here = px_align(output->next, PX_LINE);

	if (!px_output_fits(here, size, output->limit))
		return false;
	output->next = here;
	return true;
}

/* Whether as much as is to be lies in the strip in work. */
static bool px_output_is_full(const struct px_output *output)
{
	return output->next - output->strip[output->at].start >= output->strip_bytes;
}

/* A strip whose results are taken, all of them. */
static bool px_output_again(struct px_output *output, uint64_t size)
{
	const uint64_t taken = px_slot_taken(output->slot, output->sequence);

	/* The parent cannot have taken what is not finished. */
	if (taken > output->item)
		return false;
	for (uint32_t i = 0; i < output->n_strips; i++) {
		const struct px_strip *strip = &output->strip[i];

		if (strip->last >= taken || !px_output_fits(strip->start, size, strip->end))
			continue;
		output->at = i;
		output->next = strip->start;
		output->limit = strip->end;
		return true;
	}
	return false;
}

/* On with what lies above all: with the topmost strip until it is full, then
 * with another, the last of them for good. */
static void px_output_rise(struct px_output *output)
{
	const struct px_strip *last =
		output->n_strips > 0 ? &output->strip[output->n_strips - 1] : NULL;

	if (last == NULL || last->end != output->top ||
	    last->end - last->start >= output->strip_bytes) {
		output->top = px_align(output->top, PX_LINE);
		output->n_strips = (uint32_t)px_min(output->n_strips + 1, PX_STRIPS);
		output->strip[output->n_strips - 1] =
			(struct px_strip){ .start = output->top, .end = output->top };
	}
	output->at = output->n_strips - 1;
	output->next = output->top;
	output->limit = output->room_end;
}

/* Puts `next` where `size` bytes fit, aligned to a line. */
static int px_output_find(struct px_output *output, uint64_t size)
{
	const uint64_t over = px_align(output->over, PX_LINE);

	if (!px_output_is_full(output) && px_output_here(output, size))
		return 0;
	if (px_output_again(output, size))
		return 0;
	/* Nothing is changed in vain: what was reserved before may yet be committed. */
	if (!px_output_fits(px_align(output->top, PX_LINE), size, output->room_end) &&
	    (output->went_over || !px_output_fits(over, size, output->slot.output_size)))
		return -ENOSPC;
	px_output_rise(output);
	if (px_output_here(output, size))
		return 0;
	output->top = over;
	output->room_end = output->slot.output_size;
	output->went_over = true;
	px_output_rise(output);
	return 0;
}

static void px_output_rises_to(struct px_output *output, uint64_t to)
{
	output->top = px_max(output->top, to);
	if (output->went_over)
		output->over = output->ends[output->sequence % PX_RING] = output->top;
}

/* The payload of `item` lies in front of `to`. */
static void px_output_advance(struct px_output *output, uint32_t item, uint64_t to)
{
	struct px_strip *strip = &output->strip[output->at];

	output->next = to;
	strip->last = item;
	strip->end = px_max(strip->end, to);
	px_output_rises_to(output, to);
}

int px_output_begin(struct px_output *output, uint64_t sequence, const struct px_post *post,
		    uint32_t value_size)
{
	/* 2^30 items of less than 2^32 bytes, and of a line each: no overflow. */
	const uint64_t values = px_align((uint64_t)post->count * value_size, PX_LINE);
	const uint64_t tables = values + (uint64_t)post->count * sizeof(struct px_frame);

	output->top = post->start;
	output->room_end = px_min(post->limit, output->slot.output_size);
	output->strip_bytes = px_max(PX_STRIP_BYTES, (post->limit - post->start) / PX_STRIPS);
	output->n_strips = 0;
	output->item = 0;
	output->over = post->over;
	for (uint64_t back = 1; back <= px_min(post->before, PX_RING - 1); back++)
		output->over = px_max(output->over, output->ends[(sequence - back) % PX_RING]);
	output->ends[sequence % PX_RING] = 0;
	output->sequence = sequence;
	output->went_over = false;
	output->progress = &output->slot.control->entry[sequence % PX_RING].progress;
	px_output_rise(output);
	if (px_output_find(output, tables) != 0)
		return -ENOSPC;
	output->base = output->next;
	output->payload = output->largest = 0;
	output->frames = output->base + values;
	output->value_size = value_size;
	output->count = post->count;
	output->failures = 0;
	/* No strip: they stay. */
	px_output_rises_to(output, output->base + tables);
	output->n_strips = 0;
	px_output_rise(output);
	/* relaxed, both: published by the first store of progress */
	atomic_store_explicit(&output->progress->base, output->base, memory_order_relaxed);
	atomic_store_explicit(&output->progress->heap, output->top, memory_order_relaxed);
	return 0;
}

bool px_output_has_room(const struct px_output *output)
{
	const uint64_t end = output->slot.output_size;

	return end - px_min(output->over, end) >= end / 4;
}

unsigned char *px_output_values(const struct px_output *output)
{
	return output->slot.output + output->base;
}

unsigned char *px_output_reserve(struct px_output *output, uint64_t size)
{
	return px_output_find(output, size) == 0 ? output->slot.output + output->next : NULL;
}

void px_output_frame(struct px_output *output, struct px_frame frame, const unsigned char *payload)
{
	const uint32_t row = output->value_size > 0 ? output->failures : frame.item;
	struct px_frame *at =
		(struct px_frame *)(void *)(output->slot.output + output->frames) + row;

	px_assert(row < output->count);
	frame.offset = output->next;
	if (payload != NULL) {
		frame.offset = (uint64_t)(payload - output->slot.output);
		px_output_advance(output, frame.item, frame.offset + frame.stored);
		output->payload += frame.stored;
		output->largest = px_max(output->largest, frame.stored);
	}
	frame.pad = frame.head = 0;
	frame.checksum = frame.flags & PX_FRAME_CHECKED ? px_checksum(payload, frame.stored) : 0;
	frame.head = px_checksum(&frame, sizeof(frame));
	*at = frame;
	/* relaxed, all: published by the store of progress that follows */
	atomic_store_explicit(&output->progress->heap, output->top, memory_order_relaxed);
	atomic_store_explicit(&output->progress->payload, output->payload, memory_order_relaxed);
	atomic_store_explicit(&output->progress->largest, output->largest, memory_order_relaxed);
	if (output->value_size > 0)
		atomic_store_explicit(&output->progress->failures, ++output->failures,
				      memory_order_relaxed);
}

void px_output_running(struct px_output *output, uint32_t item, uint64_t now)
{
	output->item = item;
	/* relaxed: published by the next line */
	atomic_store_explicit(&output->progress->started_ns, now, memory_order_relaxed);
	/* release: pairs with the acquire in px_take_news(); publishes the items before */
	atomic_store_explicit(&output->progress->progress, (uint64_t)item << 1 | 1,
			      memory_order_release);
}

void px_output_done(const struct px_output *output, uint32_t done)
{
	/* release: pairs with the acquire in px_take_news(); publishes the items before */
	atomic_store_explicit(&output->progress->progress, (uint64_t)done << 1,
			      memory_order_release);
}

void px_output_spent(const struct px_output *output, uint64_t spent_ns)
{
	/* relaxed: an estimate */
	atomic_store_explicit(&output->progress->spent_ns, spent_ns, memory_order_relaxed);
}

void px_output_hand_back(const struct px_output *output)
{
	/* release: pairs with the acquire in px_take_news(); the last progress is final */
	atomic_store_explicit(&output->progress->handed_back, 1, memory_order_release);
}
