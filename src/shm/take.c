#include "shm/take.h"

#include <errno.h>
#include <string.h>

#include "base/checksum.h"
#include "base/px.h"

/* The door itself: [size] bytes at `offset` of the output area, which the
 * caller has bounded by private numbers. */
static void px_take(struct px_slot slot, uint64_t offset, void *private_out, uint64_t size)
{
	px_assert(offset <= slot.output_size && size <= slot.output_size - offset);
	if (size > 0)
		memcpy(private_out, slot.output + offset, size);
}

static uint64_t px_region_values(const struct px_region *region)
{
	return px_align((uint64_t)region->count * region->value_size, PX_LINE);
}

static uint64_t px_region_tables(const struct px_region *region)
{
	return px_region_values(region) + (uint64_t)region->count * sizeof(struct px_frame);
}

/* Whether tables of the region's size may begin at `base` and payloads end at
 * `heap`. */
static bool px_region_fits(const struct px_slot *slot, const struct px_region *region,
			   uint64_t base, uint64_t heap)
{
	const uint64_t tables = px_region_tables(region);

	return base % PX_LINE == 0 && base <= slot->output_size &&
	       tables <= slot->output_size - base && heap <= slot->output_size &&
	       heap >= region->heap && (!region->placed || region->base == base);
}

int px_take_news(struct px_slot slot, struct px_region *region, uint32_t end,
		 struct px_news *news_out)
{
	struct px_progress *words = &slot.control->entry[region->sequence % PX_RING].progress;
	/* acquire: pairs with the release in px_output_hand_back(); before progress, so that a
	 * range handed back shows its last progress */
	const bool back = atomic_load_explicit(&words->handed_back, memory_order_acquire) != 0;
	/* acquire: pairs with the release stores of progress, in output.c and in the loops of
	 * task_macros.h; makes visible what was written for the finished items */
	const uint64_t progress = atomic_load_explicit(&words->progress, memory_order_acquire);
	/* relaxed, all: published by progress */
	const uint64_t base = atomic_load_explicit(&words->base, memory_order_relaxed);
	const uint64_t heap = atomic_load_explicit(&words->heap, memory_order_relaxed);
	const uint32_t failures = atomic_load_explicit(&words->failures, memory_order_relaxed);
	const uint64_t done = progress >> 1;
	const bool running = progress & 1;

	if (done > end || done < region->done || (running && done == end))
		return -EBADMSG;
	if (progress != 0) {
		/* More failures than items are finished may be true for a moment, for the item
		 * that is just failing. */
		if (failures < region->failures || failures > done + running ||
		    !px_region_fits(&slot, region, base, heap))
			return -EBADMSG;
		region->placed = true;
		region->base = base;
		region->heap = heap;
		region->failures = failures;
		region->done = (uint32_t)done;
	}
	*news_out = (struct px_news){
		.running = running,
		.handed_back = back,
		/* relaxed, all: hints */
		.started_ns = atomic_load_explicit(&words->started_ns, memory_order_relaxed),
		.spent_ns = atomic_load_explicit(&words->spent_ns, memory_order_relaxed),
		.largest = px_min(atomic_load_explicit(&words->largest, memory_order_relaxed),
				  slot.output_size),
		.payload = px_min(atomic_load_explicit(&words->payload, memory_order_relaxed),
				  slot.output_size),
	};
	return 0;
}

void px_take_values(struct px_slot slot, const struct px_region *region, uint32_t from, uint32_t to,
		    void *values_out)
{
	px_assert(region->placed && from <= to && to <= region->done);
	px_take(slot, region->base + (uint64_t)from * region->value_size, values_out,
		(uint64_t)(to - from) * region->value_size);
}

static bool px_frame_plausible(const struct px_slot *slot, const struct px_region *region,
			       const struct px_frame *frame)
{
	struct px_frame copy = *frame;
	uint64_t end;

	copy.head = 0;
	if (px_checksum(&copy, sizeof(copy)) != frame->head || frame->pad != 0)
		return false;
	if (frame->kind != PX_FRAME_VALUE && frame->kind != PX_FRAME_FAILED)
		return false;
	if (frame->encoding != PX_FRAME_RAW && frame->encoding != PX_FRAME_TPL)
		return false;
	if (frame->packing != PX_FRAME_PLAIN && frame->packing != PX_FRAME_LZ4)
		return false;
	if (frame->packing == PX_FRAME_PLAIN && frame->stored != frame->size)
		return false;
	if (frame->flags & ~PX_FRAME_CHECKED)
		return false;
	/* Behind the tables, and nowhere beyond what was published. */
	return frame->offset >= region->base + px_region_tables(region) &&
	       px_add(frame->offset, frame->stored, &end) && end <= region->heap &&
	       end <= slot->output_size;
}

int px_take_frame(struct px_slot slot, const struct px_region *region, uint32_t row, uint32_t item,
		  struct px_frame *frame_out)
{
	const uint64_t frames = region->base + px_region_values(region);

	px_assert(region->placed && row < region->count);
	px_take(slot, frames + (uint64_t)row * sizeof(*frame_out), frame_out, sizeof(*frame_out));
	if (!px_frame_plausible(&slot, region, frame_out))
		return -EBADMSG;
	if (item == PX_ANY_ITEM ? frame_out->item >= region->count : frame_out->item != item)
		return -EBADMSG;
	return 0;
}

int px_take_payload(struct px_slot slot, const struct px_frame *frame, void *payload_out)
{
	px_take(slot, frame->offset, payload_out, frame->stored);
	if ((frame->flags & PX_FRAME_CHECKED) &&
	    px_checksum(payload_out, frame->stored) != frame->checksum)
		return -EBADMSG;
	return 0;
}

const void *px_take_view(struct px_slot slot, const struct px_frame *frame)
{
	px_assert(frame->offset <= slot.output_size &&
		  frame->stored <= slot.output_size - frame->offset);
	return slot.output + frame->offset;
}

uint64_t px_take_done(struct px_slot slot, uint64_t sequence)
{
	/* acquire: as in px_take_news(); masked to what a position has room for */
	return (atomic_load_explicit(&slot.control->entry[sequence % PX_RING].progress.progress,
				     memory_order_acquire) >>
		1) &
	       UINT32_MAX;
}

uint64_t px_take_passed(struct px_slot slot, uint64_t known, uint64_t posted)
{
	/* acquire: pairs with the release in px_slot_pass() */
	return px_clamp(atomic_load_explicit(&slot.control->passed, memory_order_acquire), known,
			posted);
}

bool px_take_is_at(struct px_slot slot, uint64_t sequence, uint32_t item, bool running)
{
	/* acquire: as in px_take_news() */
	return atomic_load_explicit(&slot.control->entry[sequence % PX_RING].progress.progress,
				    memory_order_acquire) == ((uint64_t)item << 1 | running);
}

struct px_at px_take_inside(struct px_slot slot)
{
	const struct px_inside *inside = &slot.control->inside;

	/* relaxed, all: hints while the worker lives, final when it is gone */
	return (struct px_at){
		.step = atomic_load_explicit(&inside->step, memory_order_relaxed) +
			(atomic_load_explicit(&inside->calls, memory_order_relaxed) & ~UINT64_C(1)),
		.started_ns = atomic_load_explicit(&inside->started_ns, memory_order_relaxed),
	};
}

uint32_t px_take_flags(struct px_slot slot)
{
	/* relaxed: a hint */
	return atomic_load_explicit(&slot.control->flags, memory_order_relaxed);
}

int64_t px_take_hello(struct px_slot slot)
{
	/* acquire: pairs with the swap in px_attach_hello() */
	return atomic_load_explicit(&slot.control->hello, memory_order_acquire);
}

int px_take_init_code(struct px_slot slot)
{
	/* relaxed: a number, and the worker's word for it */
	return atomic_load_explicit(&slot.control->init_code, memory_order_relaxed);
}

uint32_t px_take_life(struct px_slot slot)
{
	/* acquire: the kernel marks the word after the last store of the thread that ended */
	return atomic_load_explicit(&slot.control->life.word, memory_order_acquire);
}
