/*
 * How far workers run ahead: as far as the window says, whether the caller comes,
 * dawdles or stays away, and no further.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum {
	N = 2000,
	WINDOW = 240
};

PXT_SHARED(_Atomic uint64_t, count, 1);
PXT_SHARED(_Atomic uint64_t, gate, 1);
static int xs[N];

static PROCS_DEFINE1(int, counted, int, x)
{
	atomic_fetch_add(count, 1);
	return 3 * x;
}

static PROCS_DEFINE1(int, first_waits, int, x)
{
	if (x == 0)
		pxt_await(gate, 1);
	atomic_fetch_add(count, 1);
	return 3 * x;
}

static struct procs_stream *map(const struct procs_function *task, struct procs_pool *pool)
{
	const struct procs_sequence sequence = { xs, sizeof(xs[0]), 0 };

	atomic_store(count, 0);
	atomic_store(gate, 0);
	for (int i = 0; i < N; i++)
		xs[i] = i;
	return procs_pmap_sequences(task, N,
				    PROCS_OPTIONS(.pool = pool, .workers = pool == NULL ? 2 : 0,
						  .window_items = WINDOW),
				    &sequence, 1);
}

/* Takes items [from, to); what is ahead of each stays within the window. */
static void take(struct procs_stream *stream, int from, int to)
{
	struct procs_result result;
	int value;

	for (int i = from; i < to; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(atomic_load(count) <= (uint64_t)i + 1 + WINDOW);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 3 * i);
	}
}

static void with_and_without_pool(void (*body)(struct procs_pool *pool))
{
	struct procs_pool *pool;

	body(NULL);
	pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));
	pxt_check(pool != NULL);
	body(pool);
	body(pool);
	pxt_equal(procs_pool_close(pool), 0);
}

/* He never asks for a result, and then goes away again in the middle. */
static void stay_away(struct procs_pool *pool)
{
	struct procs_stream *stream = map(procs_function_of(counted), pool);

	pxt_check(stream != NULL);
	pxt_await(count, WINDOW);
	pxt_equal(atomic_load(count), WINDOW);
	take(stream, 0, 1000);
	/* What is being taken, and up to an eighth of the window, is not filled up again. */
	pxt_await(count, 1000 + WINDOW - WINDOW / 6 - WINDOW / 8);
	take(stream, 1000, N);
	pxt_equal(atomic_load(count), N);
	procs_close(stream);
}

static void who_is_away_finds_the_window_full(void **state)
{
	(void)state;
	with_and_without_pool(stay_away);
}

static void *open_the_gate(void *unused)
{
	(void)unused;
	/* All that the window has but for item 0. */
	pxt_await(count, WINDOW - 1);
	atomic_store(gate, 1);
	return NULL;
}

static void wait_for_the_first(struct procs_pool *pool)
{
	struct procs_stream *stream = map(procs_function_of(first_waits), pool);
	pthread_t thread;

	pxt_check(stream != NULL);
	pxt_equal(pthread_create(&thread, NULL, open_the_gate, NULL), 0);
	take(stream, 0, 1);
	pthread_join(thread, NULL);
	take(stream, 1, N);
	procs_close(stream);
}

static void a_slow_first_item_holds_up_a_window(void **state)
{
	(void)state;
	with_and_without_pool(wait_for_the_first);
}

static int huge(struct procs_task *task)
{
	const size_t size = 100 << 20;
	unsigned char *bytes = procs_reserve(task, size);

	if (bytes == NULL)
		return errno;
	memset(bytes, (int)procs_index() + 1, size);
	atomic_fetch_add(count, 1);
	return procs_commit(task, size);
}

static PROCS_TASK(huge, huge);

/* Larger than the window by far: one a worker, and the one that is read. */
static void read_huge(struct procs_pool *pool)
{
	enum {
		RESULTS = 6
	};

	struct procs_stream *stream;
	struct procs_result result;

	atomic_store(count, 0);
	stream = procs_pmap_sequences(procs_function_of(huge), RESULTS,
				      PROCS_OPTIONS(.pool = pool, .workers = pool == NULL ? 2 : 0),
				      NULL, 0);
	pxt_check(stream != NULL);
	for (int i = 0; i < RESULTS; i++) {
		const unsigned char *bytes;
		size_t size;

		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		pxt_check(atomic_load(count) <= (uint64_t)i + 1 + 2);
		bytes = procs_view(&result, &size);
		pxt_equal(size, 100 << 20);
		for (size_t at = 0; at < size; at += 4096)
			pxt_equal(bytes[at], i + 1);
	}
	procs_close(stream);
}

static void huge_results_come_one_a_worker(void **state)
{
	(void)state;
	if (!pxt_is_instrumented())
		with_and_without_pool(read_huge);
}

enum {
	SMALL = 300,
	LARGE = 8000000,
	EVERY = 200
};

/* Adds what it is about to make. */
static int now_and_then_large(struct procs_task *task)
{
	const size_t size = procs_index() % EVERY == EVERY - 1 ? LARGE : SMALL;
	unsigned char *bytes = procs_reserve(task, size);

	if (bytes == NULL)
		return errno;
	atomic_fetch_add(count, size);
	memset(bytes, 1, size);
	return procs_commit(task, size);
}

static PROCS_TASK(now_and_then_large, now_and_then_large);

/* Small results tell nothing of a large one: each worker makes one at the most. */
static void read_both(struct procs_pool *pool)
{
	enum {
		ITEMS = 100 * EVERY,
		SOME = 60
	};

	struct procs_stream *stream;
	struct procs_result result;
	uint64_t taken = 0;
	size_t size;

	atomic_store(count, 0);
	stream = procs_pmap_sequences(procs_function_of(now_and_then_large), ITEMS,
				      PROCS_OPTIONS(.pool = pool, .workers = pool == NULL ? 2 : 0,
						    .window_bytes = 1 << 20,
						    .compression = PROCS_COMPRESSION_NEVER),
				      NULL, 0);
	for (int i = 0; i < SOME; i++) {
		/* A caller who stays away for a while, when large ranges are posted. */
		if (i % 20 == 19)
			usleep(50000);
		pxt_check(atomic_load(count) - taken <= (1 << 20) + 3 * (uint64_t)LARGE);
		pxt_equal(procs_next(stream, &result), 1);
		(void)procs_view(&result, &size);
		pxt_equal(size, i % EVERY == EVERY - 1 ? LARGE : SMALL);
		taken += size;
	}
	procs_close(stream);
}

static void small_results_promise_nothing(void **state)
{
	(void)state;
	with_and_without_pool(read_both);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(who_is_away_finds_the_window_full),
		pxt_test(a_slow_first_item_holds_up_a_window),
		pxt_test(small_results_promise_nothing),
		pxt_test(huge_results_come_one_a_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
