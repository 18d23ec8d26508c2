/* Strips: where payloads go while the parent takes them. Both sides are played here. */
#include "base/px.h"
#include "pxt.h"
#include "shm/arena.h"
#include "shm/output.h"
#include "shm/slot.h"

#define MIB  (UINT64_C(1) << 20)
#define ROOM (64 * MIB)

enum {
	N = 2000
};

struct placed {
	uint64_t from, to;
};

static struct {
	struct px_arena arena;
	struct px_order order;
	struct px_slot slot;
	struct px_output output;
	struct placed placed[N];
	uint32_t taken; /* items before are */
} rig;

static int open_rig(void **state)
{
	const struct px_post post = {
		.count = N, .limit = ROOM, .over = 2 * ROOM, .kind = PX_KIND_MAP
	};

	pxt_before(state);
	rig.taken = 0;
	if (px_arena_open(&rig.arena, 1, 4 * ROOM, 4096) != 0)
		return -1;
	rig.slot = px_arena_slot(&rig.arena, 0);
	px_slot_reset(rig.slot, &rig.order, 0);
	px_slot_post(rig.slot, 0, &post);
	px_output_init(&rig.output, rig.slot);
	return px_output_begin(&rig.output, 0, &post, 0);
}

static int close_rig(void **state)
{
	px_arena_close(&rig.arena);
	return pxt_after(state);
}

static void take(uint32_t taken)
{
	rig.taken = taken;
	px_slot_take(rig.slot, 0, taken);
}

/* Item `item` has [size] bytes, on no line of one that is not taken, nor of the tables. */
static void write_item(uint32_t item, uint64_t size)
{
	struct px_frame frame = { .kind = PX_FRAME_VALUE,
				  .encoding = PX_FRAME_RAW,
				  .packing = PX_FRAME_PLAIN,
				  .item = item,
				  .stored = size,
				  .size = size };
	struct placed *here = &rig.placed[item];
	unsigned char *at;

	px_output_running(&rig.output, item, 1);
	at = px_output_reserve(&rig.output, size);
	pxt_check(at != NULL);
	here->from = (uint64_t)(at - rig.slot.output);
	here->to = here->from + size;
	pxt_check(here->from >= rig.output.base + N * sizeof(struct px_frame));
	pxt_equal(here->from % PX_LINE, 0);
	for (uint32_t i = rig.taken; i < item; i++)
		pxt_check(rig.placed[i].to <= here->from || here->to <= rig.placed[i].from);
	px_output_frame(&rig.output, frame, at);
	px_output_done(&rig.output, item + 1);
	pxt_check(rig.output.top >= here->to);
}

static void who_keeps_up_needs_two_strips(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		write_item(i, MIB);
		take(i);
	}
	pxt_check(rig.output.top <= rig.output.base + N * sizeof(struct px_frame) + 6 * MIB);
}

static void who_takes_nothing_gets_all_of_the_room(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		write_item(i, MIB);
	pxt_check(!rig.output.went_over);
	pxt_check(rig.output.top >= 60 * MIB);
	/* And from then on what is taken. */
	take(59);
	for (uint32_t i = 60; i < 100; i++)
		write_item(i, MIB);
	pxt_check(!rig.output.went_over);
}

static void nothing_is_written_over_that_is_not_taken(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		write_item(i, 1 + pxt_random(&seed) %
					      (pxt_random(&seed) % 8 == 0 ? 3 * MIB : MIB / 64));
		if (pxt_random(&seed) % 4 == 0)
			take(rig.taken + (uint32_t)(pxt_random(&seed) % (i + 2 - rig.taken)));
	}
	pxt_check(rig.taken > N / 2);
}

static void more_than_is_finished_is_not_believed(void **state)
{
	(void)state;
	write_item(0, 2 * MIB);
	px_slot_take(rig.slot, 0, 7);
	write_item(1, 2 * MIB);
	px_slot_take(rig.slot, 1, 1); /* of another range */
	write_item(2, 2 * MIB);
	take(2);
	write_item(3, 2 * MIB);
	pxt_check(rig.placed[3].from == rig.placed[0].from);
}

/* The strip that the first reservation is in is still the one that is written. */
static void what_is_reserved_stays_if_more_is_refused(void **state)
{
	struct px_frame frame = { .kind = PX_FRAME_VALUE,
				  .encoding = PX_FRAME_RAW,
				  .packing = PX_FRAME_PLAIN };
	unsigned char *at;

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		const uint64_t size = 2 * MIB / 7 + 64; /* an odd number fills a strip */

		if (i % 2 == 0) {
			write_item(i, size);
			take(i > 8 ? i - 8 : 0);
			continue;
		}
		px_output_running(&rig.output, i, 1);
		at = px_output_reserve(&rig.output, size);
		pxt_check(at != NULL);
		pxt_check(px_output_reserve(&rig.output, 8 * ROOM) == NULL);
		rig.placed[i].from = (uint64_t)(at - rig.slot.output);
		rig.placed[i].to = rig.placed[i].from + size;
		frame.item = i;
		frame.stored = frame.size = size;
		px_output_frame(&rig.output, frame, at);
		px_output_done(&rig.output, i + 1);
	}
}

static void small_results_share_a_strip(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		write_item(i, 1000);
		take(i + 1);
	}
	pxt_equal(rig.output.n_strips, 1);
	pxt_check(rig.placed[N - 1].to <= rig.placed[0].from + 2 * MIB);
}

#define rig_test(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(who_keeps_up_needs_two_strips),
		rig_test(who_takes_nothing_gets_all_of_the_room),
		rig_test(nothing_is_written_over_that_is_not_taken),
		rig_test(more_than_is_finished_is_not_believed),
		rig_test(what_is_reserved_stays_if_more_is_refused),
		rig_test(small_results_share_a_strip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
