/*
 * PROCS_PURE tasks whose items end in some other way than with a value: the one
 * that did it is found, in whatever block it was, and the others have values.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum {
	N = 100000,
	MIDDLE = 50000
};

enum deed {
	FINE,
	CRASH,
	RAISE_KILL,
	EXIT_3,
	FAIL,
	FAIL_THEN_EXIT,
	KILL_ONCE, /* these only the first time */
	STAY_ONCE,
	STAY /* for ever */
};

static unsigned char deeds[N];
static int xs[N];

PXT_SHARED(_Atomic unsigned char, ran, N); /* how often each item was begun */
PXT_SHARED(_Atomic uint64_t, pid, 1);      /* who stays */
PXT_SHARED(_Atomic uint64_t, marks, 1);    /* how often something happened */

static const volatile int nothing;

__attribute__((no_sanitize("undefined"), noinline)) static void act(int deed, int x)
{
	switch (deed) {
	case CRASH:
		*(volatile int *)(uintptr_t)nothing = x;
		break;
	case RAISE_KILL:
		raise(SIGKILL);
		break;
	case EXIT_3:
		exit(3);
	case FAIL_THEN_EXIT:
		procs_fail(ERANGE, "%d leaves", x);
		exit(3);
	case FAIL:
		procs_fail(EDOM, "not %d", x);
		break;
	case KILL_ONCE:
		if (atomic_fetch_add(marks, 1) == 0)
			raise(SIGKILL);
		break;
	case STAY_ONCE:
	case STAY:
		atomic_store(pid, (uint64_t)getpid());
		if (atomic_fetch_add(marks, 1) > 0 && deed == STAY_ONCE)
			break;
		for (;;)
			pause();
	default:
		break;
	}
}

static PROCS_PURE2(long, twist, unsigned char, deed, int, x)
{
	atomic_fetch_add_explicit(&ran[x], 1, memory_order_relaxed);
	if (deed != FINE)
		act(deed, x);
	return 7L * x + 1;
}

static int before(void **state)
{
	for (int i = 0; i < N; i++) {
		deeds[i] = FINE;
		xs[i] = i;
	}
	return pxt_before(state);
}

static void count_runs(void)
{
	memset((void *)(uintptr_t)ran, 0, N);
	atomic_store(pid, 0);
	atomic_store(marks, 0);
}

/* One range, so that the middle lies nowhere near an end of what a worker has. */
#define ONE_WORKER PROCS_OPTIONS(.workers = 1, .window_items = 2 * N, .traceback_fd = -1)

/* The next outcome; that of an item that fails is what its deed says. */
static void expect(struct procs_stream *stream, struct procs_result *result)
{
	long value;
	char text[32];

	pxt_equal(procs_next(stream, result), 1);
	if (deeds[result->index] >= KILL_ONCE || deeds[result->index] == FINE) {
		if (procs_value(result, &value) != 0)
			pxt_failed(__FILE__, __LINE__, "item %d: %s", (int)result->index,
				   procs_text(result));
		pxt_equal(value, 7 * (long)result->index + 1);
		return;
	}
	pxt_check(result->failed != NULL);
	pxt_equal(result->failed->index, result->index);
	switch (deeds[result->index]) {
	case FAIL:
		pxt_equal(result->failed->code, EDOM);
		snprintf(text, sizeof(text), "not %d", (int)result->index);
		pxt_text(result->failed->message, text);
		break;
	case FAIL_THEN_EXIT:
		pxt_equal(result->failed->code, ERANGE);
		break;
	case EXIT_3:
		pxt_equal(result->failed->cause, PROCS_CAUSE_EXIT);
		pxt_equal(result->failed->code, 3);
		break;
	default:
		pxt_equal(result->failed->cause, PROCS_CAUSE_SIGNAL);
		pxt_equal(result->failed->code, deeds[result->index] == CRASH ? SIGSEGV : SIGKILL);
	}
}

static void expect_all(struct procs_stream *stream, uint64_t n)
{
	struct procs_result result;

	for (uint64_t i = 0; i < n; i++) {
		expect(stream, &result);
		pxt_equal(result.index, i);
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static void the_culprit_alone_is_failed(void **state)
{
	(void)state;
	deeds[777] = CRASH;
	for (uint32_t workers = 1; workers <= 3; workers++)
		expect_all(procs_pmap(twist, N,
				      PROCS_OPTIONS(.workers = workers, .traceback_fd = -1), deeds,
				      xs),
			   N);
	/* Two in one block, whichever that is. */
	deeds[778] = deeds[MIDDLE] = deeds[MIDDLE + 9] = CRASH;
	expect_all(procs_pmap(twist, N, ONE_WORKER, deeds, xs), N);
	/* The very first, and the very last. */
	deeds[0] = deeds[N - 1] = EXIT_3;
	expect_all(procs_pmap(twist, N, ONE_WORKER, deeds, xs), N);
}

/* Each culprit at another place of its block. */
static void first_or_last_in_its_block(void **state)
{
	const int step = pxt_is_instrumented() ? 16 : 1;

	(void)state;
	for (int i = 0; i < PROCS_BLOCK_ITEMS; i += step) {
		deeds[5000 + i] = CRASH;
		expect_all(procs_pmap(twist, 8000, ONE_WORKER, deeds, xs), 8000);
		deeds[5000 + i] = FINE;
	}
}

static void every_kind_of_failure_is_exact(void **state)
{
	static const unsigned char kinds[] = { CRASH, RAISE_KILL, EXIT_3, FAIL, FAIL_THEN_EXIT };
	bool seen[20000] = { false };
	struct procs_result result;
	struct procs_stream *stream;
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 60; i++)
		deeds[pxt_random(&seed) % 20000] = kinds[i % 5];
	expect_all(procs_pmap(twist, 20000, PROCS_OPTIONS(.workers = 2, .traceback_fd = -1), deeds,
			      xs),
		   20000);
	stream = procs_pmap(
		twist, 20000,
		PROCS_OPTIONS(.workers = 2, .order = PROCS_ORDER_COMPLETED, .traceback_fd = -1),
		deeds, xs);
	for (int i = 0; i < 20000; i++) {
		expect(stream, &result);
		pxt_check(!seen[result.index]);
		seen[result.index] = true;
	}
	procs_close(stream);
}

/* Nobody does it again: no item fails. That it was a block can be seen by the
 * items that ran twice; a busy machine may have to be asked again. */
static void a_kill_in_a_block_costs_nothing(void **state)
{
	int twice = 0, missed = 0;

	(void)state;
	count_runs();
	deeds[MIDDLE] = KILL_ONCE;
	for (int round = 0; round < 20 && twice < 2; round++) {
		memset((void *)(uintptr_t)ran, twice = 0, N);
		atomic_store(marks, 0);
		expect_all(procs_pmap(twist, N, ONE_WORKER, deeds, xs), N);
		pxt_equal(atomic_load(marks), 2);
		for (int i = 0; i < N; i++) {
			missed += ran[i] == 0;
			twice += ran[i] > 1;
			pxt_check(ran[i] <= 2);
		}
		pxt_check(twice >= 1 && twice <= PROCS_BLOCK_ITEMS);
	}
	pxt_equal(missed, 0);
	pxt_check(twice >= 2);
}

static void a_kill_from_outside_costs_nothing(void **state)
{
	struct procs_stream *stream;

	(void)state;
	count_runs();
	deeds[MIDDLE] = STAY_ONCE;
	stream = procs_pmap(twist, N, ONE_WORKER, deeds, xs);
	pxt_await(marks, 1);
	pxt_equal(kill((pid_t)atomic_load(pid), SIGKILL), 0);
	expect_all(stream, N);
	pxt_equal(atomic_load(marks), 2);
}

/* Where no block has room, nothing is run again: it is known who it was. */
static void outside_blocks_it_is_at_most_once(void **state)
{
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	count_runs();
	deeds[100] = KILL_ONCE;
	stream = procs_pmap(twist, PROCS_BLOCK_ITEMS - 1, ONE_WORKER, deeds, xs);
	for (int i = 0; i < PROCS_BLOCK_ITEMS - 1; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.failed != NULL, i == 100);
		pxt_equal(ran[i], 1);
	}
	procs_close(stream);
}

static void a_timeout_blames_the_one_that_stays(void **state)
{
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	count_runs();
	deeds[3000] = STAY;
	stream = procs_pmap(twist, 4000,
			    PROCS_OPTIONS(.workers = 1, .window_items = N, .timeout_ns = 200000000,
					  .traceback_fd = -1),
			    deeds, xs);
	for (int i = 0; i < 4000; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.failed != NULL, i == 3000);
		if (i == 3000)
			pxt_equal(result.failed->cause, PROCS_CAUSE_TIMEOUT);
		pxt_equal(ran[i], 1);
	}
	procs_close(stream);
}

static struct procs_stream *open_with_a_stayer(int deed)
{
	struct procs_stream *stream;

	deeds[MIDDLE] = (unsigned char)deed;
	atomic_store(marks, 0);
	stream = procs_pmap(twist, N, ONE_WORKER, deeds, xs);
	pxt_await(marks, 1);
	return stream;
}

enum outcome {
	VALUE,
	CANCELLED,
	EITHER
};

/* The next outcome, of item i. If it does not come, the stayer is helped out, and
 * *helped set. */
static void next_is(struct procs_stream *stream, int i, enum outcome outcome, bool *helped)
{
	struct procs_result result;
	long value;
	int got = procs_next_until(stream, &result, procs_deadline(UINT64_C(5000000000)));

	if (got == -ETIMEDOUT) {
		*helped = true;
		pxt_equal(kill((pid_t)atomic_load(pid), SIGKILL), 0);
		got = procs_next(stream, &result);
	}
	pxt_equal(got, 1);
	pxt_equal(result.index, i);
	if (outcome == EITHER)
		outcome = result.failed != NULL ? CANCELLED : VALUE;
	if (outcome == CANCELLED) {
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_CANCELLED);
	} else {
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 7L * i + 1);
	}
}

static void the_one_that_stays_can_be_cancelled(void **state)
{
	struct procs_stream *stream;
	bool helped = false;

	(void)state;
	count_runs();
	stream = open_with_a_stayer(STAY);
	pxt_equal(procs_cancel(stream, MIDDLE), 0);
	for (int i = 0; i < N; i++)
		next_is(stream, i, i == MIDDLE ? CANCELLED : VALUE, &helped);
	procs_close(stream);
	pxt_check(!helped);
}

/* What lies before the one that stays, or behind it, in the same block. A worker
 * that runs one by one for once, on a busy machine, may have no more than that item. */
static void others_of_its_block_can_be_cancelled(void **state)
{
	bool helped = true;

	(void)state;
	count_runs();
	for (int round = 0; round < 3 && helped; round++) {
		struct procs_stream *stream = open_with_a_stayer(STAY_ONCE);

		helped = false;
		for (int i = MIDDLE - 40; i < MIDDLE + 40; i++)
			if (i != MIDDLE)
				pxt_equal(procs_cancel(stream, (uint64_t)i), 0);
		/* Those before it may be of the block before, and finished. */
		for (int i = 0; i < N; i++)
			next_is(stream, i,
				i < MIDDLE - 40 || i == MIDDLE || i >= MIDDLE + 40 ? VALUE
				: i < MIDDLE                                       ? EITHER
										   : CANCELLED,
				&helped);
		procs_close(stream);
	}
	pxt_check(!helped);
}

static void what_is_not_begun_can_be_cancelled(void **state)
{
	struct procs_stream *stream;
	bool helped = false;

	(void)state;
	count_runs();
	stream = open_with_a_stayer(STAY_ONCE);
	pxt_equal(procs_cancel(stream, MIDDLE + 20000), 0);
	next_is(stream, 0, VALUE, &helped);
	pxt_equal(kill((pid_t)atomic_load(pid), SIGKILL), 0);
	for (int i = 1; i < N; i++)
		next_is(stream, i, i == MIDDLE + 20000 ? CANCELLED : VALUE, &helped);
	procs_close(stream);
	pxt_check(!helped);
}

static void *cancel_some(void *stream)
{
	for (uint64_t i = 0; i < N; i += 499)
		procs_cancel(stream, i);
	return NULL;
}

static void cancels_in_passing_fail_no_other(void **state)
{
	struct procs_stream *stream = procs_pmap(twist, N, PROCS_OPTIONS(.workers = 2), deeds, xs);
	struct procs_result result;
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, cancel_some, stream);
	for (uint64_t i = 0; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		pxt_check(result.failed == NULL ||
			  (i % 499 == 0 && result.failed->cause == PROCS_CAUSE_CANCELLED));
	}
	pxt_equal(procs_next(stream, &result), 0);
	pthread_join(thread, NULL);
	procs_close(stream);
}

/* All that a task may ask; each item is told what is its own. */
static PROCS_PURE1(int, which, int, x)
{
	int *scratch = procs_scratch(sizeof(*scratch));

	if (scratch == NULL)
		return procs_fail(errno, "no scratch");
	*scratch = (int)procs_index();
	return *scratch == x && procs_attempt() == 1 ? x : procs_fail(EPROTO, "not my item");
}

static PROCS_PURE1(int, alone, int, x)
{
	return x % 2 == 0 ? x : (int)procs_index();
}

static void items_know_which_they_are(void **state)
{
	struct procs_result result;
	int value;

	(void)state;
	for (int form = 0; form < 4; form++) {
		const struct procs_options *options =
			PROCS_OPTIONS(.workers = 2,
				      .start = form % 2 ? PROCS_START_INLINE : PROCS_START_DEFAULT);
		struct procs_stream *stream = form / 2 ? procs_pmap(alone, N, options, xs)
						       : procs_pmap(which, N, options, xs);

		for (int i = 0; i < N; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, i);
		}
		procs_close(stream);
	}
}

static void failing_inline_is_exact_too(void **state)
{
	(void)state;
	for (int i = 700; i < N; i += 999)
		deeds[i] = FAIL;
	expect_all(procs_pmap(twist, N,
			      PROCS_OPTIONS(.start = PROCS_START_INLINE, .traceback_fd = -1), deeds,
			      xs),
		   N);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
#define TEST(f) cmocka_unit_test_setup_teardown(f, before, pxt_after)
	const struct CMUnitTest tests[] = {
		TEST(the_culprit_alone_is_failed),
		TEST(first_or_last_in_its_block),
		TEST(every_kind_of_failure_is_exact),
		TEST(a_kill_in_a_block_costs_nothing),
		TEST(a_kill_from_outside_costs_nothing),
		TEST(outside_blocks_it_is_at_most_once),
		TEST(a_timeout_blames_the_one_that_stays),
		TEST(the_one_that_stays_can_be_cancelled),
		TEST(others_of_its_block_can_be_cancelled),
		TEST(what_is_not_begun_can_be_cancelled),
		TEST(cancels_in_passing_fail_no_other),
		TEST(items_know_which_they_are),
		TEST(failing_inline_is_exact_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
