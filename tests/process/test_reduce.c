/*
 * Reductions: the same answer for every way to run them, in the order that is
 * promised; and whoever fails is named.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum {
	BLOCKS = 4096
};

/* Ways to run that must not change the answer. */
static const struct procs_options ways[] = {
	{ .start = PROCS_START_INLINE },
	{ .workers = 1 },
	{ .workers = 2 },
	{ .workers = 3, .window_items = 1 },
	{ .workers = 3, .window_items = 5, .order = PROCS_ORDER_COMPLETED },
	{ .workers = 7 },
	{ .workers = 2, .window_bytes = 4096, .reserve_bytes = 65536 },
	{ .workers = 2, .timeout_ns = UINT64_C(30000000000) },
	{ .workers = 2, .encoding = PROCS_ENCODING_TPL },
	{ .workers = 2,
	  .checksum = PROCS_CHECKSUM_ALWAYS,
	  .compression = PROCS_COMPRESSION_ALWAYS },
};

enum {
	WAYS = sizeof(ways) / sizeof(ways[0])
};

static struct procs_options way(int number)
{
	struct procs_options options = ways[number];

	options.size = sizeof(options);
	return options;
}

static PROCS_DEFINE1(double, third, double, x)
{
	return x / 3;
}

static PROCS_DEFINE2(double, add, double, a, double, b)
{
	return a + b;
}

/* By the rule of blocks, in one loop. */
static double third_summed(const double *xs, uint64_t n)
{
	const uint64_t grain = (n + BLOCKS - 1) / BLOCKS;
	double all = 0;

	for (uint64_t first = 0; first < n; first += grain) {
		double block = third(xs[first]);

		for (uint64_t i = first + 1; i < first + grain && i < n; i++)
			block = add(block, third(xs[i]));
		all = first == 0 ? block : add(all, block);
	}
	return all;
}

static void sums_are_the_same_to_the_last_bit(void **state)
{
	static const uint64_t counts[] = { 1,    2,    3,    63,   64,   65,    4095,
					   4096, 4097, 8191, 8192, 8193, 100000 };
	double *xs = malloc(100000 * sizeof(*xs));
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++)
		xs[i] = ldexp((double)pxt_random(&seed), (int)(pxt_random(&seed) % 80) - 100);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		const double expected = third_summed(xs, counts[c]);

		for (int w = 0; w < WAYS; w++) {
			const struct procs_options options = way(w);
			double sum = -1;

			pxt_equal(procs_reduce(third, add, counts[c], &sum, &options, xs), 0);
			if (memcmp(&sum, &expected, sizeof(sum)) != 0)
				pxt_failed(__FILE__, __LINE__, "n %llu, way %d: %a is not %a",
					   (unsigned long long)counts[c], w, sum, expected);
		}
	}
	free(xs);
}

static PROCS_DEFINE2(uint64_t, weigh, uint32_t, x, uint32_t, weight)
{
	return (uint64_t)x * weight;
}

static PROCS_DEFINE2(uint64_t, plus, uint64_t, a, uint64_t, b)
{
	return a + b;
}

static void a_million_items_of_two_arrays(void **state)
{
	enum {
		N = 1000000
	};

	uint32_t *xs = malloc(N * sizeof(*xs)), *weights = malloc(N * sizeof(*weights));
	uint64_t expected = 0, seed = 9;

	(void)state;
	for (int i = 0; i < N; i++) {
		xs[i] = (uint32_t)pxt_random(&seed);
		weights[i] = (uint32_t)pxt_random(&seed);
		expected += weigh(xs[i], weights[i]);
	}
	for (int w = 0; w < WAYS; w++) {
		const struct procs_options options = way(w);
		uint64_t sum = 0;

		pxt_equal(procs_reduce(weigh, plus, N, &sum, &options, .weight = weights, .x = xs),
			  0);
		pxt_check(sum == expected);
	}
	free(xs);
	free(weights);
}

static PROCS_DEFINE1(double, third_but_777, double, x)
{
	if (procs_index() == 777)
		raise(SIGKILL);
	return third(x);
}

/* From ordinary memory, which is copied for the pool's workers, and from arrays. */
static void pools_reduce(void **state)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));
	double *plain = malloc(20000 * sizeof(*plain)), *shared = procs_array(double, 20000);

	(void)state;
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < 20000; i++)
			plain[i] = shared[i] = i / (double)round;
		for (size_t n = 1; n <= 20000; n = n * 3 + 1) {
			const double expected = third_summed(plain, n);
			double sums[2] = { -1, -1 };

			pxt_equal(procs_reduce(third, add, n, &sums[0], PROCS_OPTIONS(.pool = pool),
					       plain),
				  0);
			pxt_equal(procs_reduce(third, add, n, &sums[1], PROCS_OPTIONS(.pool = pool),
					       shared),
				  0);
			pxt_check(memcmp(&sums[0], &expected, sizeof(expected)) == 0);
			pxt_check(memcmp(&sums[1], &expected, sizeof(expected)) == 0);
		}
		pxt_equal(procs_reduce(third_but_777, add, 20000, &(double){ 0 },
				       PROCS_OPTIONS(.pool = pool), plain),
			  -ECANCELED);
		pxt_equal(procs_last_failure()->index, 777);
		pxt_equal(procs_last_failure()->cause, PROCS_CAUSE_SIGNAL);
	}
	procs_array_free(shared);
	free(plain);
	pxt_equal(procs_pool_close(pool), 0);
}

static PROCS_DEFINE0(uint64_t, own_index)
{
	return procs_attempt() == 1 ? procs_index() : UINT64_MAX;
}

/* No array at all: each item is its index. */
static void many_cheap_items(void **state)
{
	const uint64_t n = pxt_is_instrumented() ? 3000000 : 100000000;
	uint64_t sum = 0;

	(void)state;
	pxt_equal(procs_reduce(own_index, plus, n, &sum, NULL), 0);
	pxt_check(sum == n * (n - 1) / 2);
}

struct summary {
	double least, most, sum;
	uint64_t count;
	bool ordered;
};

PROCS_STRUCT(struct summary, double, least, double, most, double, sum, uint64_t, count, bool,
	     ordered);

static PROCS_DEFINE1(struct summary, summary_of, double, x)
{
	return (struct summary){ x, x, x, 1, true };
}

static PROCS_DEFINE2(struct summary, merge, struct summary, a, struct summary, b)
{
	return (struct summary){ fmin(a.least, b.least), fmax(a.most, b.most), a.sum + b.sum,
				 a.count + b.count, a.ordered && b.ordered && a.most <= b.least };
}

static void structs_are_combined(void **state)
{
	enum {
		N = 30000
	};

	double *xs = malloc(N * sizeof(*xs));

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = i - 100;
	for (int w = 0; w < WAYS; w++) {
		const struct procs_options options = way(w);
		struct summary summary = { 0 };

		pxt_equal(procs_reduce(summary_of, merge, N, &summary, &options, xs), 0);
		pxt_check(summary.least == -100 && summary.most == N - 101);
		pxt_check(summary.sum == (double)N * (N - 1) / 2 - 100.0 * N);
		pxt_equal(summary.count, N);
		pxt_check(summary.ordered);
	}
	free(xs);
}

/* One reduction after another on a pool: the description of each lies where that of the last
 * one did, and is of other types. */
static void other_types_on_one_pool(void **state)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 1));
	double *xs = procs_array(double, 100), sum = 0;
	struct summary all;

	(void)state;
	for (int i = 0; i < 100; i++)
		xs[i] = i;
	for (int round = 0; round < 4; round++) {
		const struct procs_options options = { .size = sizeof(options),
						       .pool = pool,
						       .encoding = PROCS_ENCODING_TPL };

		pxt_equal(procs_reduce(third, add, 100, &sum, &options, xs), 0);
		pxt_equal(sum, 4950 / 3.0);
		pxt_equal(procs_reduce(summary_of, merge, 100, &all, &options, xs), 0);
		pxt_equal(all.count, 100);
		pxt_equal(all.sum, 4950);
	}
	pxt_equal(procs_array_free(xs), 0);
	pxt_equal(procs_pool_close(pool), 0);
}

/* 2 x 2 matrices of numbers mod 2^32: associative, and nothing commutes. */
struct matrix {
	uint32_t m[4];
};

PROCS_STRUCT(struct matrix, uint32_t, m);

static PROCS_DEFINE1(struct matrix, matrix_of, uint32_t, x)
{
	return (struct matrix){ { x, x + 1, 1, x * x } };
}

static PROCS_DEFINE2(struct matrix, times, struct matrix, a, struct matrix, b)
{
	return (struct matrix){
		{ a.m[0] * b.m[0] + a.m[1] * b.m[2], a.m[0] * b.m[1] + a.m[1] * b.m[3],
		  a.m[2] * b.m[0] + a.m[3] * b.m[2], a.m[2] * b.m[1] + a.m[3] * b.m[3] }
	};
}

static void what_does_not_commute_is_combined_in_order(void **state)
{
	enum {
		N = 20000
	};

	uint32_t *xs = malloc(N * sizeof(*xs));
	struct matrix expected;
	uint64_t seed = 4;

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = (uint32_t)pxt_random(&seed);
	expected = matrix_of(xs[0]);
	for (int i = 1; i < N; i++)
		expected = times(expected, matrix_of(xs[i]));
	for (int w = 0; w < WAYS; w++) {
		const struct procs_options options = way(w);
		struct matrix product = { { 0 } };

		pxt_equal(procs_reduce(matrix_of, times, N, &product, &options, xs), 0);
		pxt_check(memcmp(&product, &expected, sizeof(product)) == 0);
	}
	free(xs);
}

/* As large as values may be, and aligned beyond what malloc gives. */
struct wide {
	_Alignas(32) uint64_t word[8];
};

PROCS_STRUCT(struct wide, uint64_t, word);

static PROCS_DEFINE1(struct wide, wide_of, int, x)
{
	struct wide wide;

	for (uint64_t i = 0; i < 8; i++)
		wide.word[i] = (uint64_t)x + i;
	return wide;
}

static PROCS_DEFINE2(struct wide, add_wide, struct wide, a, struct wide, b)
{
	for (int i = 0; i < 8; i++)
		a.word[i] += b.word[i];
	return a;
}

static PROCS_DEFINE1(size_t, length_of, const char *, text)
{
	return strlen(text);
}

static PROCS_DEFINE2(size_t, plus_lengths, size_t, a, size_t, b)
{
	return a + b;
}

/* Elements that point to memory which only forks of the moment have. */
static void strings_want_forks(void **state)
{
	static const char *const texts[] = { "a", "bc", "def" };
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 1));
	size_t sum = 0;

	(void)state;
	pxt_equal(procs_reduce(length_of, plus_lengths, 3, &sum,
			       PROCS_OPTIONS(.start = PROCS_START_FORK), texts),
		  0);
	pxt_equal(sum, 6);
	pxt_equal(
		procs_reduce(length_of, plus_lengths, 3, &sum, PROCS_OPTIONS(.pool = pool), texts),
		-EPROTOTYPE);
	pxt_check(strstr(procs_last_failure()->message, "strings or bytes") != NULL);
	pxt_equal(procs_reduce(length_of, plus_lengths, 3, &sum, NULL, texts),
		  pxt_forks() ? 0 : -EPROTOTYPE);
	pxt_equal(procs_pool_close(pool), 0);
}

static void values_lie_as_their_type_wants(void **state)
{
	static int xs[9000];
	struct wide sum;

	(void)state;
	for (int i = 0; i < 9000; i++)
		xs[i] = i;
	for (int w = 0; w < WAYS; w++) {
		const struct procs_options options = way(w);

		pxt_equal(procs_reduce(wide_of, add_wide, 9000, &sum, &options, xs), 0);
		for (uint64_t i = 0; i < 8; i++)
			pxt_equal(sum.word[i], 9000 * 8999 / 2 + 9000 * i);
	}
}

/* How often each item ran, and at which item the deed is done. */
PXT_SHARED(_Atomic uint64_t, runs, 1);
PXT_SHARED(uint64_t, chosen, 1);

enum deed {
	FINE,
	FAIL,
	FAIL_THEN_EXIT,
	EXIT,
	SEGV,
	KILL,
	HANG
};

static void act(int deed)
{
	switch (deed) {
	case FAIL:
		procs_fail(77, "item %llu", (unsigned long long)procs_index());
		break;
	case FAIL_THEN_EXIT:
		procs_fail(77, "item %llu", (unsigned long long)procs_index());
		exit(3);
	case EXIT:
		exit(9);
	case SEGV:
		raise(SIGSEGV);
		break;
	case KILL:
		raise(SIGKILL);
		break;
	case HANG:
		for (;;)
			pause();
	default:
		break;
	}
}

static PROCS_DEFINE1(uint64_t, do_deed, int, deed)
{
	unsigned char *scratch = procs_scratch(100);

	memset(scratch, 1, 100);
	if (procs_index() == *chosen) {
		atomic_fetch_add(runs, 1);
		act(deed);
	}
	return procs_index();
}

PXT_SHARED(int, combine_deed, 1);

static PROCS_DEFINE2(uint64_t, follow, uint64_t, a, uint64_t, b)
{
	unsigned char *scratch = procs_scratch(100);

	memset(scratch, 1, 100);
	/* The index is that of the value that is added, or of its first item. */
	if (b != procs_index() && b < UINT64_C(1) << 40)
		procs_fail(EDOM, "%llu of %llu", (unsigned long long)b,
			   (unsigned long long)procs_index());
	if (procs_index() == *chosen)
		act(*combine_deed);
	/* The value of a block is none of an item. */
	return (a + b) | UINT64_C(1) << 40;
}

struct failure {
	enum deed deed;
	enum procs_cause cause;
	int code;
	bool inline_too;
};

static const struct failure failures[] = {
	{ FAIL, PROCS_CAUSE_ERROR, 77, true },
	{ FAIL_THEN_EXIT, PROCS_CAUSE_ERROR, 77, false },
	{ EXIT, PROCS_CAUSE_EXIT, 9, false },
	{ SEGV, PROCS_CAUSE_SIGNAL, SIGSEGV, false },
	{ KILL, PROCS_CAUSE_SIGNAL, SIGKILL, false },
};

enum {
	FAILURES = sizeof(failures) / sizeof(failures[0])
};

/* n, the item. 300,000 have blocks of 74: two pieces. */
static const uint64_t places[][2] = {
	{ 1, 0 },     { 10, 3 },       { 4096, 4095 }, { 4097, 4096 },
	{ 10000, 1 }, { 10000, 5000 }, { 300000, 64 }, { 300000, 299999 },
};

static void check_failure(const struct failure *failure, uint64_t index, const char *function)
{
	const struct procs_failed *failed = procs_last_failure();
	char line[200];

	procs_failed_text(failed, line, sizeof(line));
	if (failed->index != index || strcmp(failed->function, function) != 0 ||
	    failed->cause != failure->cause || failed->code != failure->code)
		pxt_failed(__FILE__, __LINE__, "item %llu of %s, not %llu: %s",
			   (unsigned long long)failed->index, failed->function,
			   (unsigned long long)index, line);
	if (failure->cause == PROCS_CAUSE_ERROR) {
		snprintf(line, sizeof(line), "item %llu", (unsigned long long)index);
		pxt_text(failed->message, line);
	} else {
		pxt_check(strstr(failed->message, function) != NULL);
	}
	pxt_equal(failed->attempt, 1);
	pxt_check(failed->pid > 0);
	pxt_text(failed->traceback, "");
}

/* Fails item `index` of n in each way, in map or in combine. */
static void fail_at(uint64_t n, uint64_t index, bool in_combine)
{
	const char *function = in_combine ? "follow" : "do_deed";
	int *deeds = calloc(n, sizeof(*deeds));

	*chosen = index;
	for (int f = 0; f < FAILURES; f++) {
		struct procs_options options = { .size = sizeof(options), .traceback_fd = -1 };
		uint64_t value = 5;

		if (in_combine)
			*combine_deed = failures[f].deed;
		else
			deeds[index] = failures[f].deed;
		atomic_store(runs, 0);
		for (options.workers = 1; options.workers < 4; options.workers += 2) {
			pxt_equal(procs_reduce(do_deed, follow, n, &value, &options, deeds),
				  -ECANCELED);
			check_failure(&failures[f], index, function);
		}
		pxt_equal(atomic_load(runs), 2);
		pxt_equal(value, 5);
		if (!failures[f].inline_too)
			continue;
		options.start = PROCS_START_INLINE;
		options.workers = 0;
		pxt_equal(procs_reduce(do_deed, follow, n, &value, &options, deeds), -ECANCELED);
		pxt_equal(procs_last_failure()->index, index);
	}
	*combine_deed = FINE;
	free(deeds);
}

static void whoever_fails_is_named(void **state)
{
	(void)state;
	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++)
		fail_at(places[p][0], places[p][1], false);
}

/* In a block, and where the values of blocks are combined: their first items. */
static void a_combine_that_fails_too(void **state)
{
	(void)state;
	for (size_t p = 1; p < sizeof(places) / sizeof(places[0]); p++)
		fail_at(places[p][0], places[p][1], true);
	fail_at(300000, 74, true); /* the first of its block */
}

static PROCS_DEFINE1(int, fail_odd, int, x)
{
	return x % 2 ? procs_fail(x, "odd") : x;
}

static PROCS_DEFINE2(int, sum_int, int, a, int, b)
{
	return a + b;
}

static void of_many_failures_it_is_the_lowest(void **state)
{
	enum {
		N = 50000
	};

	int *xs = calloc(N, sizeof(*xs)), sum;

	(void)state;
	for (int first = 1; first < N; first = first * 5 + 2) {
		memset(xs, 0, N * sizeof(*xs));
		for (int i = first; i < N; i++)
			xs[i] = i * 2 + 1;
		for (int w = 0; w < WAYS; w++) {
			struct procs_options options = way(w);

			options.traceback_fd = -1;
			pxt_equal(procs_reduce(fail_odd, sum_int, N, &sum, &options, xs),
				  -ECANCELED);
			pxt_equal(procs_last_failure()->index, first);
			pxt_equal(procs_last_failure()->code, first * 2 + 1);
		}
	}
	free(xs);
}

/* Each item may take its time, a block takes longer than any. */
static PROCS_DEFINE1(int, nap, int, ms)
{
	usleep((useconds_t)ms * 1000);
	return 1;
}

static void a_timeout_is_that_of_an_item(void **state)
{
	enum {
		N = 3 * BLOCKS
	};

	int *ms = calloc(N, sizeof(*ms)), sum = 0;

	(void)state;
	for (int i = 300; i < 303; i++)
		ms[i] = 450;
	pxt_equal(procs_reduce(nap, sum_int, N, &sum,
			       PROCS_OPTIONS(.workers = 2, .timeout_ns = 1000000000), ms),
		  0);
	pxt_equal(sum, N);
	ms[302] = 60000;
	pxt_equal(procs_reduce(
			  nap, sum_int, N, &sum,
			  PROCS_OPTIONS(.workers = 2, .timeout_ns = 1000000000, .traceback_fd = -1),
			  ms),
		  -ECANCELED);
	pxt_equal(procs_last_failure()->cause, PROCS_CAUSE_TIMEOUT);
	pxt_equal(procs_last_failure()->index, 302);
	pxt_check(procs_last_failure()->elapsed_ns >= 1000000000);
	pxt_check(procs_last_failure()->elapsed_ns < UINT64_C(20000000000));
	free(ms);
}

/* In map, in a block, and where blocks are combined. */
static void whoever_hangs_is_named(void **state)
{
	static const struct failure hanging = { HANG, PROCS_CAUSE_TIMEOUT, ETIMEDOUT, false };
	static const uint64_t items[] = { 5000, 5001, 5002 };
	int *deeds = calloc(10000, sizeof(*deeds));

	(void)state;
	for (int i = 0; i < 3; i++) {
		uint64_t value;

		*chosen = items[i];
		deeds[*chosen] = i == 0 ? HANG : FINE;
		*combine_deed = i == 0 ? FINE : HANG;
		pxt_equal(procs_reduce(do_deed, follow, 10000, &value,
				       PROCS_OPTIONS(.workers = 2, .timeout_ns = 1000000000),
				       deeds),
			  -ECANCELED);
		check_failure(&hanging, items[i], i == 0 ? "do_deed" : "follow");
		deeds[items[i]] = FINE;
	}
	*combine_deed = FINE;
	free(deeds);
}

static PROCS_DEFINE1(const char *, text_of, int, x)
{
	return x ? "a" : "b";
}

static PROCS_DEFINE2(const char *, longer, const char *, a, const char *, b)
{
	return strlen(a) > strlen(b) ? a : b;
}

static PROCS_DEFINE1(void, nothing, int, x)
{
	(void)x;
}

static PROCS_DEFINE2(long, plus_long, int, a, int, b)
{
	return a + b;
}

static PROCS_DEFINE2(int, plus_mixed, int, a, unsigned, b)
{
	return a + (int)b;
}

static PROCS_DEFINE1(int, minus, int, a)
{
	return -a;
}

struct pair {
	uint32_t m[4];
};

PROCS_STRUCT(struct pair, uint32_t, m);

static PROCS_DEFINE2(struct pair, pairs, struct pair, a, struct pair, b)
{
	(void)b;
	return a;
}

struct untaught {
	int x;
};

static PROCS_DEFINE1(struct untaught, untaught_of, int, x)
{
	return (struct untaught){ x };
}

static PROCS_DEFINE2(struct untaught, add_untaught, struct untaught, a, struct untaught, b)
{
	return (struct untaught){ a.x + b.x };
}

static int raw(struct procs_task *task)
{
	return procs_commit(task, 0);
}

static PROCS_TASK(raw, raw);

static void what_does_not_fit_is_refused(void **state)
{
	const struct procs_function *f = procs_function_of(minus), *c = procs_function_of(sum_int);
	const int xs[] = { 1, 2, 3 };
	const void *const arrays[] = { xs };
	struct untaught untaught;
	struct matrix matrix;
	unsigned positive;
	uint32_t us[] = { 1 };
	double real;
	int value = 7;
	const char *text;

	(void)state;
	pxt_equal(procs_reduce(minus, sum_int, 0, &value, NULL, xs), -ENODATA);
	pxt_equal(procs_reduce(minus, sum_int, 0, &value, NULL, NULL), -ENODATA);
	pxt_text(procs_last_failure()->message, "procs_reduce: no items, so no value");
	pxt_equal(procs_last_failure()->code, ENODATA);
	pxt_equal(procs_reduce(minus, plus_long, 3, &value, NULL, xs), -EPROTOTYPE);
	pxt_text(procs_last_failure()->message,
		 "procs_reduce: the result of combine has not the type of the task's result");
	pxt_equal(procs_reduce(minus, plus_mixed, 3, &value, NULL, xs), -EPROTOTYPE);
	pxt_equal(procs_reduce(minus, add, 3, &value, NULL, xs), -EPROTOTYPE);
	pxt_equal(procs_reduce(minus, sum_int, 3, &real, NULL, xs), -EPROTOTYPE);
	pxt_equal(procs_reduce(matrix_of, pairs, 1, &matrix, NULL, us), -EPROTOTYPE);
	pxt_equal(procs_reduce(text_of, longer, 3, &text, NULL, xs), -EPROTOTYPE);
	pxt_text(procs_last_failure()->message,
		 "procs_reduce: a result that is void, or has strings or bytes in it");
	pxt_equal(procs_reduce(nothing, sum_int, 3, &value, NULL, xs), -EPROTOTYPE);
	pxt_equal(procs_reduce(untaught_of, add_untaught, 3, &untaught, NULL, xs), -ENOENT);
	pxt_check(strstr(procs_last_failure()->message, "struct untaught") != NULL);
	pxt_equal(procs_reduce(minus, sum_int, 3, &value, PROCS_OPTIONS(.workers = 9999), xs),
		  -EINVAL);
	pxt_equal(procs_reduce_arrays(NULL, c, 3, &value, 4, 'i', NULL, arrays, 1), -EINVAL);
	pxt_equal(procs_reduce_arrays(f, NULL, 3, &value, 4, 'i', NULL, arrays, 1), -EINVAL);
	pxt_equal(procs_reduce_arrays(f, c, 3, NULL, 4, 'i', NULL, arrays, 1), -EINVAL);
	pxt_equal(procs_reduce_arrays(f, c, 3, &value, 4, 'i', NULL, NULL, 1), -EINVAL);
	pxt_equal(procs_reduce_arrays(f, c, 3, &value, 4, 'i', NULL, arrays, 2), -EINVAL);
	pxt_equal(procs_reduce_arrays(f, c, SIZE_MAX, &value, 4, 'i', NULL, arrays, 1), -EINVAL);
	pxt_equal(procs_reduce_arrays(f, f, 3, &value, 4, 'i', NULL, arrays, 1), -EPROTOTYPE);
	pxt_equal(
		procs_reduce_arrays(f, procs_function_of(raw), 3, &value, 4, 'i', NULL, arrays, 1),
		-EPROTOTYPE);
	pxt_equal(
		procs_reduce_arrays(procs_function_of(raw), c, 3, &value, 4, 'i', NULL, arrays, 1),
		-EINVAL);
	pxt_equal(value, 7);
	/* Of the other sign, if it fits. */
	pxt_equal(procs_reduce(minus, sum_int, 3, &positive, NULL, xs), -ERANGE);
	pxt_equal(procs_reduce(nap, sum_int, 3, &positive, NULL, xs), 0);
	pxt_equal(positive, 3);
}

static PROCS_DEFINE1(int, sum_below, int, n)
{
	int *xs = malloc((size_t)n * sizeof(*xs)), sum = 0, error;

	for (int i = 0; i < n; i++)
		xs[i] = -i;
	error = procs_reduce(minus, sum_int, (size_t)n, &sum, NULL, xs);
	free(xs);
	return error != 0 ? procs_fail(-error, "inside") : sum;
}

static void a_reduction_in_a_reduction(void **state)
{
	const int counts[] = { 10, 5000, 3, 9000 };
	int sum = 0;

	(void)state;
	pxt_equal(procs_reduce(sum_below, sum_int, 4, &sum, PROCS_OPTIONS(.workers = 2), counts),
		  0);
	pxt_equal(sum, 10 * 9 / 2 + 5000 * 4999 / 2 + 3 + 9000 * 8999 / 2);
}

static PROCS_DEFINE1(int, crash_quietly, int, x)
{
	return x ? raise(SIGABRT) : 0;
}

/* What a crash prints speaks of the item, not of its block. */
static void the_traceback_names_the_item(void **state)
{
	static int xs[10000];
	char text[4096] = { 0 };
	int pipes[2], sum;

	(void)state;
	pxt_equal(pipe(pipes), 0);
	xs[7777] = 1;
	pxt_equal(procs_reduce(crash_quietly, sum_int, 10000, &sum,
			       PROCS_OPTIONS(.traceback_fd = pipes[1]), xs),
		  -ECANCELED);
	pxt_check(read(pipes[0], text, sizeof(text) - 1) > 0);
	pxt_check(strncmp(text, "procs: item 7777 of crash_quietly, ", 35) == 0);
	pxt_check(strstr(text, "  at crash_quietly") != NULL);
	pxt_check(strstr(text, "px_fold") == NULL);
	close(pipes[0]);
	close(pipes[1]);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(sums_are_the_same_to_the_last_bit),
		pxt_test(a_million_items_of_two_arrays),
		pxt_test(pools_reduce),
		pxt_test(many_cheap_items),
		pxt_test(structs_are_combined),
		pxt_test(other_types_on_one_pool),
		pxt_test(strings_want_forks),
		pxt_test(what_does_not_commute_is_combined_in_order),
		pxt_test(values_lie_as_their_type_wants),
		pxt_test(whoever_fails_is_named),
		pxt_test(a_combine_that_fails_too),
		pxt_test(of_many_failures_it_is_the_lowest),
		pxt_test(a_timeout_is_that_of_an_item),
		pxt_test(whoever_hangs_is_named),
		pxt_test(what_does_not_fit_is_refused),
		pxt_test(a_reduction_in_a_reduction),
		pxt_test(the_traceback_names_the_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
