#include "shm/output.h"

#include <errno.h>
#include <string.h>

#include "base/checksum.h"
#include "base/px.h"

void px_output_init(struct px_output *output, struct px_slot slot)
{
	*output = (struct px_output){ .slot = slot };
}

static bool px_output_fits(uint64_t at, uint64_t size, uint64_t limit)
{
	return at <= limit && size <= limit - at;
}

/* Puts `next` where `size` bytes fit, aligned to a line. */
static int px_output_find(struct px_output *output, uint64_t size)
{
	const uint64_t here = px_align(output->next, PX_LINE);
	const uint64_t over = px_align(output->over, PX_LINE);

	if (px_output_fits(here, size, output->limit)) {
		output->next = here;
		return 0;
	}
	if (output->went_over || !px_output_fits(over, size, output->slot.output_size))
		return -ENOSPC;
	output->next = over;
	output->limit = output->slot.output_size;
	output->went_over = true;
	return 0;
}

static void px_output_advance(struct px_output *output, uint64_t to)
{
	output->next = to;
	if (output->went_over)
		output->over = output->ends[output->sequence % PX_RING] = to;
}

int px_output_begin(struct px_output *output, uint64_t sequence, const struct px_post *post,
		    uint32_t value_size)
{
	/* 2^30 items of less than 2^32 bytes, and of a line each: no overflow. */
	const uint64_t values = px_align((uint64_t)post->count * value_size, PX_LINE);
	const uint64_t tables = values + (uint64_t)post->count * sizeof(struct px_frame);

	output->next = post->start;
	output->limit = px_min(post->limit, output->slot.output_size);
	output->over = post->over;
	for (uint64_t back = 1; back <= px_min(post->before, PX_RING - 1); back++)
		output->over = px_max(output->over, output->ends[(sequence - back) % PX_RING]);
	output->ends[sequence % PX_RING] = 0;
	output->sequence = sequence;
	output->went_over = false;
	output->progress = &output->slot.control->entry[sequence % PX_RING].progress;
	if (px_output_find(output, tables) != 0)
		return -ENOSPC;
	output->base = output->next;
	output->payload = output->largest = 0;
	output->frames = output->base + values;
	output->value_size = value_size;
	output->count = post->count;
	output->failures = 0;
	px_output_advance(output, output->base + tables);
	/* relaxed, both: published by the first store of progress */
	atomic_store_explicit(&output->progress->base, output->base, memory_order_relaxed);
	atomic_store_explicit(&output->progress->heap, output->next, memory_order_relaxed);
	return 0;
}

bool px_output_has_room(const struct px_output *output)
{
	const uint64_t end = output->slot.output_size;
	const uint64_t over = output->went_over ? output->next : output->over;

	return end - px_min(over, end) >= end / 4;
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
		px_output_advance(output, frame.offset + frame.stored);
		output->payload += frame.stored;
		output->largest = px_max(output->largest, frame.stored);
	}
	frame.pad = frame.head = 0;
	frame.checksum = frame.flags & PX_FRAME_CHECKED ? px_checksum(payload, frame.stored) : 0;
	frame.head = px_checksum(&frame, sizeof(frame));
	*at = frame;
	/* relaxed, all: published by the store of progress that follows */
	atomic_store_explicit(&output->progress->heap, output->next, memory_order_relaxed);
	atomic_store_explicit(&output->progress->payload, output->payload, memory_order_relaxed);
	atomic_store_explicit(&output->progress->largest, output->largest, memory_order_relaxed);
	if (output->value_size > 0)
		atomic_store_explicit(&output->progress->failures, ++output->failures,
				      memory_order_relaxed);
}

void px_output_running(const struct px_output *output, uint32_t item, uint64_t now)
{
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
