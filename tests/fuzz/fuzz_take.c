/*
 * fuzz_take.c - bytes as what a worker left in its slot: control words, tables
 * and payloads. Everything goes through the door (shm/take.h) and, when it
 * passes, through the decoders behind it; the region must never move backwards
 * or out of bounds, whatever the words say.
 */
#include <procs/procs.h>
#include <stdlib.h>
#include <string.h>

#include "base/px.h"
#include "codec/failed.h"
#include "codec/image.h"
#include "fuzz.h"
#include "shm/arena.h"
#include "shm/layout.h"
#include "shm/output.h"
#include "shm/take.h"

enum {
	COUNT = 6,
	OUTPUT = 4096 /* bytes of the input that become output area */
};

static struct px_arena arena;
static struct px_slot slot;

static PROCS_DEFINE0(const char *, text) { return "some text"; }

static void open_slot(void)
{
	if (arena.base != NULL)
		return;
	if (px_arena_open(&arena, 1, 8192, 4096) != 0)
		abort();
	slot = px_arena_slot(&arena, 0);
}

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void look_at_frame(const struct px_region *region, uint32_t row, uint32_t item)
{
	struct px_codec codec = { 0 };
	struct px_failure failure;
	struct px_frame frame;
	struct px_plan plan;
	const char *culprit;
	unsigned char *payload;

	if (px_take_frame(slot, region, row, item, &frame) != 0)
		return;
	demand(frame.stored <= slot.output_size && frame.offset <= slot.output_size);
	payload = malloc(frame.stored + 1);
	if (payload != NULL && px_take_payload(slot, &frame, payload) == 0) {
		px_plan_result(&plan, procs_function_of(text), &culprit);
		(void)px_image_decode(&codec, &plan, payload, frame.stored);
		(void)px_failure_decode(&codec, payload, frame.stored, &failure);
	}
	demand(px_take_view(slot, &frame) != NULL);
	free(payload);
	px_codec_free(&codec);
}

static void look(uint32_t value_size, uint32_t end)
{
	struct px_region region = { .count = COUNT, .value_size = value_size }, before;
	unsigned char values[64 * COUNT];
	struct px_news news;

	for (int turn = 0; turn < 2; turn++) {
		before = region;
		if (px_take_news(slot, &region, end, &news) != 0) {
			demand(memcmp(&before, &region, sizeof(region)) == 0);
			continue;
		}
		demand(region.done <= end && region.done >= before.done);
		if (!region.placed)
			continue;
		demand(region.base <= slot.output_size && region.heap <= slot.output_size);
		if (value_size > 0)
			px_take_values(slot, &region, 0, region.done, values);
		for (uint32_t row = 0; row < region.done; row++)
			look_at_frame(&region, row, value_size > 0 ? PX_ANY_ITEM : row);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct px_progress *words;
	uint32_t value_size, end;

	open_slot();
	if (size < 2 + sizeof(*words))
		return 0;
	value_size = data[0] % 3 * 8;
	end = data[1] % (COUNT + 1);
	memset(slot.output, 0, slot.output_size);
	words = &slot.control->entry[0].progress;
	memcpy(words, data + 2, sizeof(*words));
	size -= 2 + sizeof(*words);
	memcpy(slot.output, data + 2 + sizeof(*words), px_min(size, OUTPUT));
	look(value_size, end);
	(void)px_take_passed(slot, 1, 3);
	(void)px_take_done(slot, 7);
	return 0;
}

/* What a worker leaves when all is well. */
size_t fuzz_seed(int number, uint8_t *data, size_t room)
{
	const struct px_order order = { 0 };
	struct px_post post = { .count = COUNT, .limit = 4096, .over = 4096 };
	struct px_output output;
	const size_t size = 2 + sizeof(struct px_progress) + OUTPUT;

	open_slot();
	if (number >= 2 || room < size)
		return 0;
	px_slot_reset(slot, &order, 0);
	px_output_init(&output, slot);
	px_slot_post(slot, 0, &post);
	(void)px_output_begin(&output, 0, &post, number == 0 ? 0 : 8);
	for (uint32_t item = 0; item < COUNT; item++) {
		struct px_frame frame = { .kind = PX_FRAME_VALUE,
					  .encoding = PX_FRAME_RAW,
					  .packing = PX_FRAME_PLAIN,
					  .flags = PX_FRAME_CHECKED,
					  .item = item,
					  .stored = 20,
					  .size = 20 };
		unsigned char *payload;

		if (number == 1 && item != 2)
			continue;
		payload = px_output_reserve(&output, 20);
		memset(payload, (int)item, 20);
		px_output_frame(&output, frame, payload);
	}
	px_output_done(&output, COUNT);
	data[0] = (uint8_t)number;
	data[1] = COUNT;
	memcpy(data + 2, &slot.control->entry[0].progress, sizeof(struct px_progress));
	memcpy(data + 2 + sizeof(struct px_progress), slot.output, OUTPUT);
	return size;
}
