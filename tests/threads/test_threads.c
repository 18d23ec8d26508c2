/*
 * The protocol of slots and doorbell with threads for workers, so that
 * ThreadSanitizer sees both sides at once: ranges are posted, carved, taken
 * back, claimed, published, rung for and read, under random delays; every item
 * must come out once, with its own value. Also run without the sanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/px.h"
#include "pxt.h"
#include "shm/arena.h"
#include "shm/doorbell.h"
#include "shm/layout.h"
#include "shm/output.h"
#include "shm/slot.h"
#include "shm/take.h"

enum {
	WORKERS = 3,
	N = 20000
};

struct worker {
	struct px_slot slot;
	_Atomic uint32_t *bell;
	uint64_t seed;
	uint32_t value_size;
	pthread_t thread;
	_Atomic uint64_t *ran; /* how often each item ran */
};

static void dawdle(uint64_t *seed)
{
	const uint64_t how = pxt_random(seed) % 64;

	if (how == 0)
		usleep((useconds_t)(pxt_random(seed) % 200));
	else if (how < 4)
		sched_yield();
}

static uint64_t value_of(uint64_t index)
{
	return index * 2654435761u + 12345;
}

static void write_item(struct worker *worker, struct px_output *output, const struct px_post *post,
		       uint32_t item)
{
	const uint64_t index = post->first + item, value = value_of(index);
	struct px_frame frame = { .kind = PX_FRAME_VALUE,
				  .encoding = PX_FRAME_RAW,
				  .packing = PX_FRAME_PLAIN,
				  .flags = PX_FRAME_CHECKED,
				  .item = item,
				  .stored = sizeof(value),
				  .size = sizeof(value) };
	unsigned char *room;

	px_output_running(output, item, 1);
	/* relaxed: a count, read after the threads have ended */
	atomic_fetch_add_explicit(&worker->ran[index], 1, memory_order_relaxed);
	dawdle(&worker->seed);
	if (worker->value_size > 0) {
		memcpy(px_output_values(output) + (uint64_t)item * sizeof(value), &value,
		       sizeof(value));
		return;
	}
	room = px_output_reserve(output, sizeof(value));
	memcpy(room, &value, sizeof(value));
	px_output_frame(output, frame, room);
}

static void run_range(struct worker *worker, struct px_output *output, uint64_t sequence,
		      const struct px_post *post, uint64_t *claims)
{
	struct px_chunk chunk;

	pxt_equal(px_output_begin(output, sequence, post, worker->value_size), 0);
	for (;;) {
		chunk = px_slot_carve(worker->slot, sequence,
				      (uint32_t)(pxt_random(&worker->seed) % 9 + 1),
				      post->flags & PX_POST_LAST);
		if (px_chunk_empty(chunk))
			break;
		pxt_check(px_slot_claim(worker->slot, *claims));
		for (uint32_t item = chunk.from; item < chunk.to; item++)
			write_item(worker, output, post, item);
		px_output_done(output, chunk.to);
		pxt_check(px_slot_publish(worker->slot, (*claims)++));
		if (px_doorbell_wanted(&worker->slot.control->want,
				       px_slot_position(sequence, chunk.to)))
			px_doorbell_ring(worker->bell, &worker->slot.control->asleep);
	}
	px_slot_pass(worker->slot, sequence + 1);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct px_output output;
	uint64_t sequence = 0, claims = 0;
	struct px_post post;

	px_output_init(&output, worker->slot);
	for (;;) {
		const uint32_t seen = px_doorbell_seen(&worker->slot.control->bell);

		if (px_slot_read_post(worker->slot, sequence, &post)) {
			run_range(worker, &output, sequence++, &post, &claims);
			if (!px_slot_read_post(worker->slot, sequence, &post))
				px_doorbell_ring(worker->bell, &worker->slot.control->asleep);
			continue;
		}
		if (px_slot_stopped(worker->slot) != PX_STOP_NO)
			return NULL;
		/* No bound: a lost wake-up is a hang, and a hang is a failure. */
		px_slot_rest(worker->slot, seen, PX_NEVER);
	}
}

/* What the parent knows of one posted range. */
struct range {
	struct px_region region;
	uint64_t first;
	uint32_t end;
	uint32_t taken;
	bool open;
};

struct parent {
	struct px_arena arena;
	struct worker workers[WORKERS];
	struct range ranges[WORKERS][2];
	uint64_t posted[WORKERS], passed[WORKERS];
	uint64_t todo[N][2]; /* taken back: first, count */
	size_t n_todo;
	uint64_t fresh, got;
	unsigned char *seen;
	uint64_t seed;
};

static void post(struct parent *p, int w, uint64_t first, uint32_t count)
{
	struct px_slot slot = p->workers[w].slot;
	struct range *range = &p->ranges[w][p->posted[w] % 2];
	const uint64_t half = slot.output_size / 2;
	const struct px_post what = { .first = first,
				      .count = count,
				      .kind = PX_KIND_MAP,
				      .start = p->posted[w] % 2 * half,
				      .limit = p->posted[w] % 2 * half + half,
				      .over = slot.output_size,
				      .flags = p->fresh == N ? PX_POST_LAST : 0 };

	*range = (struct range){
		.region = { .sequence = p->posted[w],
			    .count = count,
			    .value_size = p->workers[w].value_size },
		.first = first,
		.end = count,
		.open = true,
	};
	px_slot_post(slot, p->posted[w]++, &what);
}

static void take(struct parent *p, int w, struct range *range)
{
	struct px_slot slot = p->workers[w].slot;
	struct px_news news;
	uint64_t value;

	pxt_equal(px_take_news(slot, &range->region, range->end, &news), 0);
	for (; range->taken < range->region.done; range->taken++) {
		const uint64_t index = range->first + range->taken;
		struct px_frame frame;

		if (p->workers[w].value_size > 0) {
			px_take_values(slot, &range->region, range->taken, range->taken + 1,
				       &value);
		} else {
			pxt_equal(px_take_frame(slot, &range->region, range->taken, range->taken,
						&frame),
				  0);
			pxt_equal(px_take_payload(slot, &frame, &value), 0);
		}
		pxt_check(value == value_of(index));
		pxt_check(!p->seen[index]);
		p->seen[index] = 1;
		p->got++;
	}
	if (range->region.done == range->end)
		range->open = false;
}

static bool next_range(struct parent *p, uint64_t *first, uint32_t *count)
{
	if (p->n_todo > 0) {
		*first = p->todo[--p->n_todo][0];
		*count = (uint32_t)p->todo[p->n_todo][1];
		return true;
	}
	*first = p->fresh;
	*count = (uint32_t)px_min(pxt_random(&p->seed) % 200 + 1, N - p->fresh);
	p->fresh += *count;
	return *count > 0;
}

static void turn(struct parent *p)
{
	for (int w = 0; w < WORKERS; w++) {
		for (int i = 0; i < 2; i++) {
			struct range *range = &p->ranges[w][i];
			struct px_chunk back = { 0, 0 }, held;

			if (range->open)
				take(p, w, range);
			held = (struct px_chunk){ range->region.done, range->end };
			/* A thief: half, all, or from some item on. */
			if (range->open && pxt_random(&p->seed) % 4 == 0) {
				back = px_slot_take_back(p->workers[w].slot, range->region.sequence,
							 held, pxt_random(&p->seed) % 8 == 0);
			} else if (range->open && pxt_random(&p->seed) % 4 == 0) {
				const uint32_t from = (uint32_t)(pxt_random(&p->seed) % range->end);

				if (px_slot_take_back_from(p->workers[w].slot,
							   range->region.sequence, held, from))
					back = (struct px_chunk){ from, range->end };
			}
			if (px_chunk_empty(back))
				continue;
			range->end = back.from;
			if (range->region.done == range->end)
				range->open = false;
			p->todo[p->n_todo][0] = range->first + back.from;
			p->todo[p->n_todo++][1] = back.to - back.from;
		}
		p->passed[w] = px_take_passed(p->workers[w].slot, p->passed[w], p->posted[w]);
		while (p->posted[w] - p->passed[w] < PX_RING &&
		       !p->ranges[w][p->posted[w] % 2].open) {
			uint64_t first;
			uint32_t count;

			if (!next_range(p, &first, &count))
				break;
			post(p, w, first, count);
		}
	}
}

/* Sleeps without a bound; wants something of some open ranges, nothing of
 * others. */
static void sleep_for_news(struct parent *p, uint32_t seen)
{
	_Atomic uint32_t *bell = &px_arena_shared(&p->arena)->bell;
	bool there = false;

	for (int w = 0; w < WORKERS; w++)
		px_doorbell_announce(&p->workers[w].slot.control->asleep, seen);
	for (int w = 0; w < WORKERS; w++)
		for (int i = 0; i < 2; i++) {
			const struct range *range = &p->ranges[w][i];
			const uint64_t sequence = range->region.sequence;

			if (!range->open || pxt_random(&p->seed) % 2)
				continue;
			px_doorbell_want(&p->workers[w].slot.control->want,
					 px_slot_position(sequence, range->region.done + 1));
			there |= px_take_done(p->workers[w].slot, sequence) > range->region.done;
		}
	if (!there)
		px_doorbell_sleep((struct px_sleeper[]){ px_doorbell_on_bell(bell, seen) }, 1,
				  PX_NEVER);
}

static void play(uint32_t value_size, uint64_t seed)
{
	static struct parent p;
	_Atomic uint64_t *ran = calloc(N, sizeof(*ran));
	const struct px_order order = { 0 };

	memset(&p, 0, sizeof(p));
	p.seed = seed;
	p.seen = calloc(N, 1);
	pxt_equal(px_arena_open(&p.arena, WORKERS, 1 << 20, 4096), 0);
	for (int w = 0; w < WORKERS; w++) {
		p.workers[w] = (struct worker){ .slot = px_arena_slot(&p.arena, (uint64_t)w),
						.bell = &px_arena_shared(&p.arena)->bell,
						.seed = seed + (uint64_t)w + 1,
						.value_size = value_size,
						.ran = ran };
		px_slot_reset(p.workers[w].slot, &order, 0);
		pxt_equal(pthread_create(&p.workers[w].thread, NULL, work, &p.workers[w]), 0);
	}
	while (p.got < N) {
		const uint32_t seen = px_doorbell_seen(&px_arena_shared(&p.arena)->bell);
		const uint64_t got = p.got;

		turn(&p);
		if (p.got == got)
			sleep_for_news(&p, seen);
	}
	for (int w = 0; w < WORKERS; w++)
		px_slot_stop(p.workers[w].slot, PX_STOP_IDLE);
	for (int w = 0; w < WORKERS; w++)
		pthread_join(p.workers[w].thread, NULL);
	for (int i = 0; i < N; i++)
		pxt_equal(ran[i], 1);
	px_arena_close(&p.arena);
	free(p.seen);
	free(ran);
}

static void framed_items_come_out_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++)
		play(0, seed);
}

static void dense_items_come_out_once(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 15; seed++)
		play(sizeof(uint64_t), seed);
}

/* Two threads ring and sleep in turn, as fast as they can, without a bound. */
struct pair {
	struct px_arena arena;
	struct px_control *at[2];
	_Atomic uint64_t done[2];
};

enum {
	TURNS = 100000
};

static void play_bells(struct pair *pair, int me)
{
	struct px_control *mine = pair->at[me], *others = pair->at[1 - me];
	const int other = 1 - me;

	for (uint64_t turn = 1; turn <= TURNS; turn++) {
		/* release: pairs with the acquire below */
		atomic_store_explicit(&pair->done[me], turn, memory_order_release);
		px_doorbell_ring(&others->bell, &others->idle);
		for (;;) {
			const uint32_t seen = px_doorbell_seen(&mine->bell);

			/* acquire: pairs with the release above */
			if (atomic_load_explicit(&pair->done[other], memory_order_acquire) >= turn)
				break;
			px_doorbell_announce(&mine->idle, seen);
			px_doorbell_sleep(
				(struct px_sleeper[]){ px_doorbell_on_bell(&mine->bell, seen) }, 1,
				PX_NEVER);
		}
	}
}

static void *second_player(void *pair)
{
	play_bells(pair, 1);
	return NULL;
}

static void no_ring_is_lost(void **state)
{
	static struct pair pair;
	pthread_t thread;

	(void)state;
	pxt_equal(px_arena_open(&pair.arena, 2, 1 << 20, 4096), 0);
	for (uint64_t i = 0; i < 2; i++)
		pair.at[i] = px_arena_slot(&pair.arena, i).control;
	pthread_create(&thread, NULL, second_player, &pair);
	play_bells(&pair, 0);
	pthread_join(thread, NULL);
	px_arena_close(&pair.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(framed_items_come_out_once),
		pxt_test(dense_items_come_out_once),
		pxt_test(no_ring_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
