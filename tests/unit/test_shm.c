/*
 * shm/: the arena's geometry, the words of a slot, the pen and the door. Both
 * sides are played by one process here; stress/test_threads.c has them race.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/px.h"
#include "pxt.h"
#include "shm/arena.h"
#include "shm/doorbell.h"
#include "shm/layout.h"
#include "shm/output.h"
#include "shm/slot.h"
#include "shm/take.h"

static void geometry_is_exact_or_overflows(void **state)
{
	struct px_geometry g;

	(void)state;
	pxt_equal(px_arena_geometry(3, 5000, 70000, 4096, &g), 0);
	pxt_equal(g.input, 8192);
	pxt_equal(g.output, 73728);
	pxt_check(g.control >= sizeof(struct px_control) && g.control % 4096 == 0);
	pxt_equal(g.stride, g.control + g.input + g.output);
	pxt_equal(g.size, (3 + PX_BELL_PAGES) * 4096 + 3 * g.stride);
	pxt_equal(px_arena_geometry(0, 1, 1, 4096, &g), -EINVAL);
	pxt_equal(px_arena_geometry(1, 0, 1, 4096, &g), -EINVAL);
	pxt_equal(px_arena_geometry(1, 1, 0, 4096, &g), -EINVAL);
	pxt_equal(px_arena_geometry(1, UINT64_MAX, 1, 4096, &g), -EOVERFLOW);
	pxt_equal(px_arena_geometry(1, 1, UINT64_MAX, 4096, &g), -EOVERFLOW);
	pxt_equal(px_arena_geometry(UINT64_MAX / 2, 1, 1, 4096, &g), -EOVERFLOW);
	pxt_equal(px_arena_geometry(1 << 20, 1, UINT64_C(1) << 43, 4096, &g), -EOVERFLOW);
}

static void an_arena_is_halved_until_it_fits(void **state)
{
	struct px_arena arena = { 0 };

	(void)state;
	/* 2^47 bytes are more than there is. */
	pxt_equal(px_arena_open(&arena, 2, UINT64_C(1) << 47, 1 << 20), 0);
	pxt_check(arena.geometry.output < UINT64_C(1) << 47);
	pxt_check(arena.geometry.output >= 1 << 20);
	px_arena_close(&arena);
	pxt_equal(px_arena_open(&arena, 2, UINT64_C(1) << 47, UINT64_C(1) << 47),
		  pxt_is_valgrind() ? -EINVAL : -ENOMEM);
	px_arena_close(&arena);
}

struct part {
	struct px_arena *arena;
	unsigned char *address;
};

static void touch(void *argument)
{
	struct part *part = argument;
	const uint64_t page = part->arena->geometry.page;

	px_arena_keep(part->arena, 1);
	px_arena_hide(part->arena, 1, 0, 2 * page);
	px_arena_hide(part->arena, 1, 8 * page - 1, 10 * page + 1);
	px_arena_hide(part->arena, 1, 12 * page, 12 * page);
	*part->address = 1;
}

static void a_worker_keeps_its_own_slot_only(void **state)
{
	struct px_arena arena = { 0 };
	struct px_slot slots[3];
	struct part part = { .arena = &arena };

	(void)state;
	pxt_equal(px_arena_open(&arena, 3, 16 * 4096, 4096), 0);
	for (uint64_t i = 0; i < 3; i++)
		slots[i] = px_arena_slot(&arena, i);

	struct {
		unsigned char *address;
		bool there;
	} parts[] = {
		{ (unsigned char *)px_arena_shared(&arena), true },
		{ (unsigned char *)slots[1].control, true },
		{ slots[1].input, true },
		{ slots[1].output, false },
		{ slots[1].output + 2 * 4096 - 1, false },
		{ slots[1].output + 2 * 4096, true },
		{ slots[1].output + 8 * 4096 - 1, true },
		{ slots[1].output + 8 * 4096, false },
		{ slots[1].output + 10 * 4096, true },
		{ slots[1].output + slots[1].output_size - 1, true },
		{ slots[1].output + slots[1].output_size, false },
		{ (unsigned char *)slots[1].control - 1, false },
		{ (unsigned char *)slots[0].control, false },
		{ slots[2].output, false },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int status;

		part.address = parts[i].address;
		status = pxt_run(touch, &part);
		if (parts[i].there != (status == 0))
			pxt_failed(__FILE__, __LINE__, "part %zu: status %#x", i, status);
	}
	px_arena_close(&arena);
}

struct rig {
	struct px_arena arena;
	struct px_slot slot;
	struct px_order order;
};

static struct rig rig;

static int open_rig(void **state)
{
	pxt_before(state);
	if (px_arena_open(&rig.arena, 1, 1 << 20, 4096) != 0)
		return -1;
	rig.slot = px_arena_slot(&rig.arena, 0);
	px_slot_reset(rig.slot, &rig.order, 0);
	return 0;
}

static int close_rig(void **state)
{
	px_arena_close(&rig.arena);
	return pxt_after(state);
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)

static struct px_chunk held(uint32_t from, uint32_t to)
{
	return (struct px_chunk){ from, to };
}

static struct px_post post_of(uint32_t count)
{
	return (struct px_post){
		.count = count, .limit = 1 << 19, .over = 1 << 19, .kind = PX_KIND_MAP
	};
}

static void items_are_carved_from_the_front_and_taken_back_from_the_end(void **state)
{
	const struct px_post post = post_of(100);
	struct px_chunk chunk;

	(void)state;
	px_slot_post(rig.slot, 0, &post);
	chunk = px_slot_carve(rig.slot, 0, 10, false);
	pxt_check(chunk.from == 0 && chunk.to == 10);
	chunk = px_slot_take_back(rig.slot, 0, held(0, 100), false);
	pxt_check(chunk.from == 55 && chunk.to == 100);
	/* A wrong idea of the end takes nothing. */
	pxt_check(px_chunk_empty(px_slot_take_back(rig.slot, 0, held(0, 100), false)));
	pxt_check(!px_slot_take_back_from(rig.slot, 0, held(0, 55), 9));
	pxt_check(px_slot_take_back_from(rig.slot, 0, held(0, 55), 50));
	chunk = px_slot_carve(rig.slot, 0, 1000, true);
	pxt_check(chunk.from == 10 && chunk.to == 20);
	chunk = px_slot_carve(rig.slot, 0, 1000, false);
	pxt_check(chunk.from == 20 && chunk.to == 50);
	pxt_check(px_chunk_empty(px_slot_carve(rig.slot, 0, 1, false)));
	pxt_check(px_chunk_empty(px_slot_take_back(rig.slot, 0, held(50, 50), true)));
	px_slot_post(rig.slot, 1, &post);
	chunk = px_slot_take_back(rig.slot, 1, held(0, 100), true);
	pxt_check(chunk.from == 0 && chunk.to == 100);
}

/* A stray write has put `next` back: what is finished already is not to be had. */
static void what_is_finished_is_not_taken_back(void **state)
{
	const struct px_post post = post_of(48);
	_Atomic uint64_t *range = &rig.slot.control->entry[0].range;

	(void)state;
	px_slot_post(rig.slot, 0, &post);
	(void)px_slot_carve(rig.slot, 0, 21, false);
	atomic_store(range, (uint64_t)48 << 32);
	pxt_check(px_chunk_empty(px_slot_take_back(rig.slot, 0, held(21, 48), false)));
	pxt_check(px_chunk_empty(px_slot_take_back(rig.slot, 0, held(21, 48), true)));
	for (uint32_t from = 0; from < 48; from++)
		pxt_check(!px_slot_take_back_from(rig.slot, 0, held(21, 48), from));
	pxt_equal(atomic_load(range), (uint64_t)48 << 32);
	/* Nor is it where the word is right. */
	atomic_store(range, (uint64_t)48 << 32 | 21);
	pxt_check(!px_slot_take_back_from(rig.slot, 0, held(21, 48), 20));
	pxt_check(px_slot_take_back_from(rig.slot, 0, held(21, 48), 21));
}

static void a_post_is_read_once_it_is_there(void **state)
{
	struct px_post post = post_of(3), read;

	(void)state;
	post.first = 77;
	pxt_check(!px_slot_read_post(rig.slot, 0, &read));
	px_slot_post(rig.slot, 0, &post);
	pxt_check(px_slot_read_post(rig.slot, 0, &read));
	pxt_equal(read.first, 77);
	pxt_check(!px_slot_read_post(rig.slot, 1, &read));
	pxt_equal(px_slot_stopped(rig.slot), PX_STOP_NO);
	px_slot_stop(rig.slot, PX_STOP_NOW);
	pxt_equal(px_slot_stopped(rig.slot), PX_STOP_NOW);
}

static void a_verdict_ends_all_claims(void **state)
{
	(void)state;
	pxt_check(px_slot_claim(rig.slot, 0));
	pxt_check(!px_slot_claim(rig.slot, 0));
	pxt_check(px_slot_publish(rig.slot, 0));
	pxt_check(!px_slot_publish(rig.slot, 0));
	pxt_check(px_slot_claim(rig.slot, 1));
	px_slot_revoke(rig.slot);
	pxt_check(!px_slot_publish(rig.slot, 1));
	pxt_check(!px_slot_claim(rig.slot, 1));
	pxt_check(!px_slot_claim(rig.slot, 2));
}

/* Writes `count` items of a range as a worker would: values for even items if
 * dense, frames with a payload of item bytes otherwise; item 3 fails. */
static void write_range(uint32_t count, uint32_t value_size, bool checked)
{
	struct px_post post = post_of(count);
	struct px_output output;

	px_output_init(&output, rig.slot);
	px_slot_post(rig.slot, 0, &post);
	pxt_equal(px_output_begin(&output, 0, &post, value_size), 0);
	for (uint32_t item = 0; item < count; item++) {
		struct px_frame frame = { .kind = item == 3 ? PX_FRAME_FAILED : PX_FRAME_VALUE,
					  .encoding = PX_FRAME_RAW,
					  .packing = PX_FRAME_PLAIN,
					  .flags = checked ? PX_FRAME_CHECKED : 0,
					  .item = item,
					  .stored = item,
					  .size = item };
		unsigned char *room;

		px_output_running(&output, item, 5);
		if (value_size > 0 && item != 3) {
			memset(px_output_values(&output) + (uint64_t)item * value_size,
			       (int)item + 1, value_size);
			continue;
		}
		room = px_output_reserve(&output, item);
		memset(room, (int)item + 1, item);
		px_output_frame(&output, frame, room);
	}
	px_output_done(&output, count);
}

static void what_the_pen_writes_passes_the_door(void **state)
{
	struct px_region region = { .count = 9, .value_size = 0 };
	unsigned char payload[16];
	struct px_frame frame;
	struct px_news news;

	(void)state;
	write_range(9, 0, true);
	pxt_equal(px_take_news(rig.slot, &region, 9, &news), 0);
	pxt_equal(region.done, 9);
	pxt_check(!news.running && !news.handed_back);
	pxt_equal(news.payload, 36);
	pxt_equal(news.largest, 8);
	for (uint32_t item = 0; item < 9; item++) {
		pxt_equal(px_take_frame(rig.slot, &region, item, item, &frame), 0);
		pxt_equal(frame.stored, item);
		pxt_equal(frame.kind, item == 3 ? PX_FRAME_FAILED : PX_FRAME_VALUE);
		pxt_equal(px_take_payload(rig.slot, &frame, payload), 0);
		for (uint32_t i = 0; i < item; i++)
			pxt_equal(payload[i], item + 1);
		if (item > 0)
			pxt_equal(*(const unsigned char *)px_take_view(rig.slot, &frame), item + 1);
	}
	/* A frame that speaks of another item. */
	pxt_equal(px_take_frame(rig.slot, &region, 4, 5, &frame), -EBADMSG);
}

static void dense_values_lie_side_by_side(void **state)
{
	struct px_region region = { .count = 9, .value_size = 4 };
	unsigned char values[4 * 9];
	struct px_frame frame;
	struct px_news news;

	(void)state;
	write_range(9, 4, false);
	pxt_equal(px_take_news(rig.slot, &region, 9, &news), 0);
	pxt_equal(region.failures, 1);
	px_take_values(rig.slot, &region, 4, 9, values);
	for (uint32_t i = 0; i < 20; i++)
		pxt_equal(values[i], i / 4 + 5);
	pxt_equal(px_take_frame(rig.slot, &region, 0, PX_ANY_ITEM, &frame), 0);
	pxt_equal(frame.item, 3);
}

/* Each field of the progress line at its edges: what cannot be is refused, and
 * the region stays as it was. */
static void words_that_cannot_be_are_refused(void **state)
{
	struct px_progress *words = &rig.slot.control->entry[0].progress;
	const struct px_region fresh = { .count = 9, .value_size = 0 };
	struct px_region region = fresh;
	struct px_news news;

	(void)state;
	write_range(9, 0, true);
#define BAD(field, value)                                                                          \
 do {                                                                                              \
  const uint64_t good_ = words->field;                                                             \
  words->field = (value);                                                                          \
  region = fresh;                                                                                  \
  pxt_equal(px_take_news(rig.slot, &region, 9, &news), -EBADMSG);                                  \
  pxt_check(memcmp(&region, &fresh, sizeof(region)) == 0);                                         \
  words->field = good_;                                                                            \
 } while (0)
	BAD(progress, 10 << 1);
	BAD(progress, 9 << 1 | 1);
	BAD(progress, UINT64_MAX);
	BAD(progress, UINT64_C(1) << 63);
	BAD(base, 1);
	BAD(base, UINT64_MAX);
	BAD(base, UINT64_MAX - 63);
	BAD(base, 1 << 20);
	BAD(base, (1 << 20) - 64);
	BAD(heap, (1 << 20) + 1);
	BAD(heap, UINT64_MAX);
	BAD(failures, 11);
	region = fresh;
	pxt_equal(px_take_news(rig.slot, &region, 9, &news), 0);
	/* Going back, moving, shrinking. */
#define BAD_NEXT(field, value)                                                                     \
 do {                                                                                              \
  const uint64_t good_ = words->field;                                                             \
  words->field = (value);                                                                          \
  pxt_equal(px_take_news(rig.slot, &region, 9, &news), -EBADMSG);                                  \
  words->field = good_;                                                                            \
 } while (0)
	BAD_NEXT(progress, 8 << 1);
	BAD_NEXT(base, 64);
	BAD_NEXT(heap, words->heap - 1);
	pxt_equal(px_take_news(rig.slot, &region, 9, &news), 0);
	/* Fewer items than the worker says it finished. */
	region = fresh;
	pxt_equal(px_take_news(rig.slot, &region, 8, &news), -EBADMSG);
	pxt_equal(px_take_passed(rig.slot, 3, 5), 3);
	rig.slot.control->passed = UINT64_MAX;
	pxt_equal(px_take_passed(rig.slot, 3, 5), 5);
}

/* One bit flipped anywhere in a frame, or in a payload that has a checksum. */
static void one_bit_flipped_is_found(void **state)
{
	struct px_region region = { .count = 9, .value_size = 0 };
	struct px_frame good, frame;
	struct px_news news;
	unsigned char *at, payload[16];

	(void)state;
	write_range(9, 0, true);
	pxt_equal(px_take_news(rig.slot, &region, 9, &news), 0);
	for (uint32_t item = 0; item < 9; item++) {
		pxt_equal(px_take_frame(rig.slot, &region, item, item, &good), 0);
		at = rig.slot.output + region.base + item * sizeof(frame);
		for (size_t bit = 0; bit < 8 * sizeof(frame); bit++) {
			at[bit / 8] ^= (unsigned char)(1 << bit % 8);
			pxt_equal(px_take_frame(rig.slot, &region, item, item, &frame), -EBADMSG);
			at[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		at = rig.slot.output + good.offset;
		for (size_t bit = 0; bit < 8 * good.stored; bit++) {
			at[bit / 8] ^= (unsigned char)(1 << bit % 8);
			pxt_equal(px_take_payload(rig.slot, &good, payload), -EBADMSG);
			at[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
	}
}

/* Frames with a right checksum and wrong contents: a hostile worker. */
static void well_summed_lies_are_found(void **state)
{
	struct px_region region = { .count = 9, .value_size = 0 };
	struct px_frame *at, good, frame;
	struct px_news news;

	(void)state;
	write_range(9, 0, true);
	pxt_equal(px_take_news(rig.slot, &region, 9, &news), 0);
	at = (struct px_frame *)(void *)(rig.slot.output + region.base) + 5;
	good = *at;
#define LIE(field, value)                                                                          \
 do {                                                                                              \
  *at = good;                                                                                      \
  at->field = (value);                                                                             \
  at->head = 0;                                                                                    \
  at->head = px_checksum_of(at);                                                                   \
  pxt_equal(px_take_frame(rig.slot, &region, 5, 5, &frame), -EBADMSG);                             \
 } while (0)
#define px_checksum_of(frame) px_checksum(frame, sizeof(*(frame)))
	LIE(kind, 0);
	LIE(kind, 3);
	LIE(encoding, 0);
	LIE(encoding, 3);
	LIE(packing, 0);
	LIE(packing, 3);
	LIE(flags, 2);
	LIE(item, 4);
	LIE(item, 9);
	LIE(offset, 0);
	LIE(offset, region.base + 9 * 64 - 1);
	LIE(offset, region.heap - 4);
	LIE(offset, UINT64_MAX - 2);
	LIE(stored, 6);
	LIE(stored, UINT64_MAX);
	LIE(size, 6);
	LIE(pad, 1);
}

static void a_room_that_is_full_goes_over_and_then_refuses(void **state)
{
	struct px_post post = post_of(4);
	struct px_output output;
	struct px_frame frame = { .kind = PX_FRAME_VALUE,
				  .encoding = PX_FRAME_RAW,
				  .packing = PX_FRAME_PLAIN };
	unsigned char *room;

	(void)state;
	post.start = 4096;
	post.limit = 8192;
	px_output_init(&output, rig.slot);
	px_slot_post(rig.slot, 0, &post);
	pxt_equal(px_output_begin(&output, 0, &post, 0), 0);
	room = px_output_reserve(&output, 1000);
	pxt_check(room >= rig.slot.output + 4096 && room + 1000 <= rig.slot.output + 8192);
	frame.stored = frame.size = 1000;
	px_output_frame(&output, frame, room);
	room = px_output_reserve(&output, 100000);
	pxt_check(room == rig.slot.output + (1 << 19));
	frame.stored = frame.size = 100000;
	frame.item = 1;
	px_output_frame(&output, frame, room);
	pxt_check(px_output_reserve(&output, 1 << 19) == NULL);
	/* The next range starts in its own room again, and goes over behind the last, of which
	 * whoever posted it did not know. */
	post.before = 1;
	px_slot_post(rig.slot, 1, &post);
	pxt_equal(px_output_begin(&output, 1, &post, 0), 0);
	pxt_check(px_output_reserve(&output, 100) < rig.slot.output + 8192);
	pxt_check(px_output_reserve(&output, 100000) >= rig.slot.output + (1 << 19) + 100000);
	/* Later that is known to be free again. */
	post.before = 0;
	px_slot_post(rig.slot, 2, &post);
	pxt_equal(px_output_begin(&output, 2, &post, 0), 0);
	pxt_check(px_output_reserve(&output, 100000) == rig.slot.output + post.over);
	/* Not even its tables fit. */
	post.count = 1 << 20;
	px_slot_post(rig.slot, 3, &post);
	pxt_equal(px_output_begin(&output, 3, &post, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(geometry_is_exact_or_overflows),
		pxt_test(an_arena_is_halved_until_it_fits),
		pxt_test(a_worker_keeps_its_own_slot_only),
		rig_test(items_are_carved_from_the_front_and_taken_back_from_the_end),
		rig_test(what_is_finished_is_not_taken_back),
		rig_test(a_post_is_read_once_it_is_there),
		rig_test(a_verdict_ends_all_claims),
		rig_test(what_the_pen_writes_passes_the_door),
		rig_test(dense_values_lie_side_by_side),
		rig_test(words_that_cannot_be_are_refused),
		rig_test(one_bit_flipped_is_found),
		rig_test(well_summed_lies_are_found),
		rig_test(a_room_that_is_full_goes_over_and_then_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
