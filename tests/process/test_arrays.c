/*
 * Maps that go straight into an array: of ordinary memory and of shared pages, from
 * both, with workers of their own, of a pool, and none.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "pxt.h"

#include <procs/procs.h>
#include <procs/worker.h>

static PROCS_DEFINE2(int, f, int, x, int, y)
{
	return 5 * x + 3 * y;
}

static PROCS_DEFINE1(double, half, double, x)
{
	return x / 2;
}

static PROCS_DEFINE1(int, odd, int, x)
{
	if (x % 2 == 0)
		return procs_fail(EDOM, "not odd: %d", x);
	return x;
}

static PROCS_DEFINE1(int, crash_at_777, int, x)
{
	if (x == 777)
		raise(SIGKILL);
	return x + 1;
}

static PROCS_DEFINE1(size_t, length, const char *, text)
{
	return strlen(text);
}

static PROCS_DEFINE1(char *, name_of, int, x)
{
	(void)x;
	return NULL;
}

/* Two arrays, as this process sees them: where workers are no forks they lie elsewhere, but
 * at the same distance. */
static unsigned char *inputs;

PXT_SHARED(ptrdiff_t, distance, 1);

static int see_inputs(void *user)
{
	inputs = user;
	return 0;
}

PROCS_INIT(see_inputs);

static PROCS_DEFINE1(int, write_input, int, x)
{
	if (inputs == NULL)
		return procs_fail(EPROTO, "no init hook");
	((volatile int *)(void *)inputs)[x] = 1;
	return x;
}

static PROCS_DEFINE1(int, write_other, int, x)
{
	if (inputs == NULL)
		return procs_fail(EPROTO, "no init hook");
	if (x == 3)
		*(volatile int *)(void *)(inputs + *distance) = 1;
	return x;
}

static PROCS_DEFINE1(void, nothing, int, x)
{
	if (x == 5)
		procs_fail(EDOM, "five");
}

struct pair {
	int a;
	double b;
};

PROCS_STRUCT(struct pair, int, a, double, b);

static PROCS_DEFINE1(struct pair, pair_of, int, x)
{
	return (struct pair){ x, x / 4.0 };
}

/* The ways to run: own workers, a pool, none; straight, and through the slots. */
struct way {
	struct procs_pool *pool;
	uint32_t start, isolate;
};

enum {
	N_WAYS = 6,
	N = 20000
};

static struct procs_options options_of(const struct way *way)
{
	return (struct procs_options){ .size = sizeof(struct procs_options),
				       .pool = way->pool,
				       .start = way->start,
				       .isolate_output = way->isolate };
}

static void in_all_ways(void (*test)(const struct procs_options *options))
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));
	const struct way ways[N_WAYS] = {
		{ .isolate = 0 },
		{ .isolate = 1 },
		{ .pool = pool },
		{ .pool = pool, .isolate = 1 },
		{ .start = PROCS_START_INLINE },
		{ .start = PROCS_START_INLINE, .isolate = 1 },
	};

	pxt_check(pool != NULL);
	for (int i = 0; i < N_WAYS; i++) {
		const struct procs_options options = options_of(&ways[i]);

		test(&options);
	}
	pxt_equal(procs_pool_close(pool), 0);
}

/* An array of either kind. */
static void *memory(bool shared, size_t size)
{
	void *at = shared ? procs_array(unsigned char, size) : malloc(size);

	pxt_check(at != NULL);
	memset(at, 0xee, size);
	return at;
}

static void unmake(bool shared, void *at)
{
	if (shared)
		pxt_equal(procs_array_free(at), 0);
	else
		free(at);
}

static void map_ints(const struct procs_options *options)
{
	for (int kind = 0; kind < 8; kind++) {
		int *xs = memory(kind & 1, N * sizeof(int)),
		    *ys = memory(kind & 2, N * sizeof(int));
		int *out = memory(kind & 4, (N + 1) * sizeof(int));

		for (int i = 0; i < N; i++) {
			xs[i] = i;
			ys[i] = N - i;
		}
		for (int n = 0; n <= N; n = n < 3 ? n + 1 : n < N ? N : N + 1) {
			memset(out, 0xee, (N + 1) * sizeof(int));
			pxt_equal(procs_pmap_into(f, n, out, options, xs, ys), 0);
			for (int i = 0; i < n; i++)
				pxt_equal(out[i], 5 * i + 3 * (N - i));
			pxt_equal((unsigned)out[n], 0xeeeeeeee);
		}
		unmake(kind & 1, xs);
		unmake(kind & 2, ys);
		unmake(kind & 4, out);
	}
}

static void ints_arrive(void **state)
{
	(void)state;
	in_all_ways(map_ints);
}

static void fail_half(const struct procs_options *options)
{
	static struct procs_failures failures;
	const struct procs_options quiet = { .size = sizeof(quiet),
					     .pool = options->pool,
					     .start = options->start,
					     .isolate_output = options->isolate_output,
					     .traceback_fd = -1 };

	for (int shared = 0; shared < 2; shared++) {
		int *xs = memory(shared, 5000 * sizeof(int)),
		    *out = memory(shared, 5000 * sizeof(int));
		bool listed[5000] = { false };

		for (int i = 0; i < 5000; i++)
			xs[i] = i;
		pxt_equal(procs_pmap_into_listed(odd, 5000, out, &failures, &quiet, xs), 2500);
		pxt_equal(failures.count, 2500);
		pxt_equal(failures.by_cause[PROCS_CAUSE_ERROR], 2500);
		pxt_equal(failures.n_listed, PROCS_FAILURES_LISTED);
		for (size_t i = 0; i < failures.n_listed; i++) {
			const struct procs_failure *failure = &failures.listed[i];
			char text[40];

			snprintf(text, sizeof(text), "not odd: %d", (int)failure->index);
			pxt_equal(failure->code, EDOM);
			pxt_text(failure->message, text);
			pxt_check(!listed[failure->index]);
			listed[failure->index] = true;
		}
		for (int i = 0; i < 5000; i++)
			pxt_equal(out[i], i % 2 ? i : 0);
		unmake(shared, xs);
		unmake(shared, out);
	}
}

static void failures_are_counted_and_listed(void **state)
{
	(void)state;
	in_all_ways(fail_half);
}

static void the_culprit_alone_is_zero(void **state)
{
	static struct procs_failures failures;
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		const bool shared = kind & 1;
		int *xs = memory(shared, 3000 * sizeof(int)),
		    *out = memory(shared, 3000 * sizeof(int));

		for (int i = 0; i < 3000; i++)
			xs[i] = i;
		pxt_equal(procs_pmap_into_listed(crash_at_777, 3000, out, &failures,
						 PROCS_OPTIONS(.pool = kind & 2 ? pool : NULL), xs),
			  1);
		pxt_equal(failures.by_cause[PROCS_CAUSE_SIGNAL], 1);
		pxt_equal(failures.listed[0].index, 777);
		pxt_equal(failures.listed[0].code, SIGKILL);
		for (int i = 0; i < 3000; i++)
			pxt_equal(out[i], i == 777 ? 0 : i + 1);
		unmake(shared, xs);
		unmake(shared, out);
	}
	procs_pool_close(pool);
}

static void map_pairs(const struct procs_options *options)
{
	for (int shared = 0; shared < 2; shared++) {
		int *xs = memory(shared, 1000 * sizeof(int));
		struct pair *out = memory(shared, 1000 * sizeof(*out));

		for (int i = 0; i < 1000; i++)
			xs[i] = i;
		pxt_equal(procs_pmap_into(pair_of, 1000, out, options, xs), 0);
		for (int i = 0; i < 1000; i++)
			pxt_check(out[i].a == i && out[i].b == i / 4.0);
		unmake(shared, xs);
		unmake(shared, out);
	}
}

static void structs_arrive(void **state)
{
	(void)state;
	in_all_ways(map_pairs);
}

/* Every third element, backwards in no way: strides are positive. */
static void map_strided(const struct procs_options *options)
{
	for (int shared = 0; shared < 2; shared++) {
		double *xs = memory(shared, 3000 * sizeof(double)), *out = memory(shared, 8000);
		const struct procs_sequence sequence = { .base = xs + 1,
							 .element_size = sizeof(double),
							 .stride = 3 * sizeof(double) };

		for (int i = 0; i < 3000; i++)
			xs[i] = i;
		pxt_equal(procs_pmap_into_sequences(procs_function_of(half), 1000, out,
						    sizeof(double), PROCS_CODE(double), options,
						    NULL, &sequence, 1),
			  0);
		for (int i = 0; i < 1000; i++)
			pxt_check(out[i] == (3 * i + 1) / 2.0);
		unmake(shared, xs);
		unmake(shared, out);
	}
}

static void strides_are_kept(void **state)
{
	(void)state;
	in_all_ways(map_strided);
}

static void map_strings(const struct procs_options *options)
{
	const char *texts[4] = { "", "a", "four", "procs" };
	size_t out[4];

	pxt_equal(procs_pmap_into(length, 4, out, options, texts), 0);
	for (int i = 0; i < 4; i++)
		pxt_equal(out[i], strlen(texts[i]));
}

static void strings_go_in(void **state)
{
	(void)state;
	in_all_ways(map_strings);
}

static void map_nothing(const struct procs_options *options)
{
	struct procs_failures *failures = calloc(1, sizeof(*failures));
	int xs[10] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	pxt_equal(procs_pmap_into_listed(nothing, 10, (char *)NULL, failures, options, xs), 1);
	pxt_equal(failures->listed[0].index, 5);
	free(failures);
}

static void void_needs_no_array(void **state)
{
	(void)state;
	in_all_ways(map_nothing);
}

/* Each item is an outcome of its own, and costs nobody else his. */
static void arrays_of_input_are_read_only(void **state)
{
	static struct procs_failures failures;
	int *xs, *others, *out;

	(void)state;
	xs = memory(true, 100 * sizeof(int));
	others = memory(true, 100 * sizeof(int));
	out = memory(true, 100 * sizeof(int));
	*distance = (unsigned char *)others - (unsigned char *)xs;
	for (int i = 0; i < 100; i++)
		xs[i] = i;
	pxt_equal(procs_pmap_into_listed(
			  write_input, 3, out, &failures,
			  PROCS_OPTIONS(.traceback_fd = -1, .init = see_inputs, .hooks_user = xs),
			  xs),
		  3);
	pxt_equal(failures.by_cause[PROCS_CAUSE_SIGNAL], 3);
	pxt_equal(failures.listed[0].code, SIGSEGV);
	pxt_equal(procs_pmap_into_listed(
			  write_other, 100, out, &failures,
			  PROCS_OPTIONS(.traceback_fd = -1, .init = see_inputs, .hooks_user = xs),
			  xs),
		  1);
	pxt_equal(failures.listed[0].index, 3);
	for (int i = 0; i < 100; i++) {
		pxt_equal(xs[i], i);
		pxt_equal((unsigned)others[i], 0xeeeeeeee);
		pxt_equal(out[i], i == 3 ? 0 : i);
	}
	unmake(true, xs);
	unmake(true, others);
	unmake(true, out);
}

/* One array after another, each opened for the call that fills it and shut again. */
static void pools_see_arrays_made_later(void **state)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));

	(void)state;
	for (int round = 0; round < 20; round++) {
		double *xs = procs_array(double, 4096), *out = procs_array(double, 4096);

		for (int i = 0; i < 4096; i++)
			xs[i] = round * i;
		pxt_equal(procs_pmap_into(half, 4096, out, PROCS_OPTIONS(.pool = pool), xs), 0);
		pxt_equal(procs_pmap_into(half, 4096, xs, PROCS_OPTIONS(.pool = pool), out), 0);
		for (int i = 0; i < 4096; i++)
			pxt_check(xs[i] == round * i / 4.0);
		unmake(true, xs);
		unmake(true, out);
	}
	procs_pool_close(pool);
}

static void arrays_are_memory(void **state)
{
	unsigned char *arrays[20];
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 20; i++)
		arrays[i] = NULL;
	for (int round = 0; round < 500; round++) {
		const int i = (int)(pxt_random(&seed) % 20);
		const size_t size = 1 + pxt_random(&seed) % 300000;

		if (arrays[i] != NULL) {
			for (int k = 0; k < 4096; k++)
				pxt_equal(arrays[i][k], i);
			unmake(true, arrays[i]);
		}
		arrays[i] = memory(true, size < 4096 ? 4096 : size);
		memset(arrays[i], i, 4096);
	}
	for (int i = 0; i < 20; i++) {
		if (arrays[i] != NULL)
			unmake(true, arrays[i]);
	}
	pxt_equal(procs_array_free(NULL), 0);
	pxt_equal(procs_array_free(arrays), -EINVAL);
	pxt_equal(procs_array_free(arrays[0]), -EINVAL);
	pxt_check(procs_array(double, SIZE_MAX / 4) == NULL && errno == ENOMEM);
}

static PROCS_DEFINE1(int, makes_arrays, int, x)
{
	int *own = procs_array(int, 10);

	procs_array_free(own);
	return own != NULL ? x : -1;
}

/* What a task does with arrays of its own does not change what its worker may write. */
static void a_task_may_have_arrays_of_its_own(void **state)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 1));
	int *xs = memory(true, 4000), *out = memory(true, 4000);
	int own[10];

	(void)state;
	for (int i = 0; i < 1000; i++)
		xs[i] = i;
	pxt_equal(procs_pmap_into(makes_arrays, 10, own, PROCS_OPTIONS(.pool = pool), xs), 0);
	pxt_equal(procs_pmap_into(f, 1000, out, PROCS_OPTIONS(.pool = pool), xs, xs), 0);
	for (int i = 0; i < 1000; i++)
		pxt_equal(out[i], 8 * i);
	procs_pool_close(pool);
	unmake(true, xs);
	unmake(true, out);
}

/* The last column of an array that ends with its page has no gap behind it; and where
 * there are no items, nothing overlaps or goes beyond. */
static void columns_and_ends_are_no_overlap(void **state)
{
	struct row {
		double a, b;
	} *rows = memory(true, 4096);

	double *out = memory(true, 2048);
	const struct procs_sequence b = { &rows[0].b, sizeof(double), sizeof(struct row) };
	const struct procs_sequence end = { &rows[256], sizeof(double), sizeof(struct row) };

	(void)state;
	for (int i = 0; i < 256; i++)
		rows[i].b = i;
	pxt_equal(procs_pmap_into_sequences(procs_function_of(half), 256, out, sizeof(double),
					    PROCS_CODE(double), NULL, NULL, &b, 1),
		  0);
	for (int i = 0; i < 256; i++)
		pxt_check(out[i] == i / 2.0);
	pxt_equal(procs_pmap_into_sequences(procs_function_of(half), 0, out + 256, sizeof(double),
					    PROCS_CODE(double), NULL, NULL, &end, 1),
		  0);
	unmake(true, rows);
	unmake(true, out);
}

static void free_in_a_child(void *array)
{
	int *own = procs_array(int, 10);

	pxt_equal(procs_array_free(array), -EINVAL);
	pxt_check(own != NULL);
	own[9] = 1;
	unmake(true, own);
}

static void a_child_has_arrays_of_its_own(void **state)
{
	int *array = memory(true, 40);

	(void)state;
	pxt_isolated(free_in_a_child, array);
	pxt_equal((unsigned)array[9], 0xeeeeeeee);
	unmake(true, array);
}

static void refused(int64_t result, const char *text)
{
	pxt_equal(result, -EINVAL);
	if (strstr(procs_last_failure()->message, text) == NULL)
		pxt_failed(__FILE__, __LINE__, "\"%s\"", procs_last_failure()->message);
}

static void misuse_is_refused(void **state)
{
	int *array = memory(true, 4096), *plain = malloc(200 * sizeof(int));
	double *doubles = (double *)(void *)array;
	char *texts[1];

	(void)state;
	refused(procs_pmap_into(odd, 100, plain + 50, NULL, plain), "overlaps");
	refused(procs_pmap_into(odd, 100, plain, NULL, plain), "overlaps");
	refused(procs_pmap_into(odd, 1025, array, NULL, plain), "too small");
	refused(procs_pmap_into(odd, 1025, plain, NULL, array), "beyond its array");
	refused(procs_pmap_into(odd, 100, doubles, NULL, plain), "type is not");
	refused(procs_pmap_into(odd, 100, (int *)NULL, NULL, plain), "no array");
	refused(procs_pmap_into(odd, SIZE_MAX / 2, plain, NULL, array), "2^48");
	refused(procs_pmap_into(name_of, 1, texts, NULL, plain), "strings");
	refused(procs_pmap_into(odd, 10, array, PROCS_OPTIONS(.isolate_output = 2), plain),
		"options.isolate_output is out of range");
	free(plain);
	unmake(true, array);
}

static PROCS_PURE1(int, ends_late, int, x)
{
	if (x == 10) {
		usleep(300000);
		raise(SIGKILL);
	}
	return x + 1;
}

/* Long enough for the other worker to sleep, and to shut the array; then it has the
 * items of the one that was killed. */
static void a_worker_that_slept_writes_where_it_should(void **state)
{
	enum {
		SOME = 100
	};

	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));
	int *xs = procs_array(int, SOME), *ys = procs_array(int, SOME);

	(void)state;
	pxt_check(pool != NULL && xs != NULL && ys != NULL);
	for (int i = 0; i < SOME; i++)
		xs[i] = i;
	for (int round = 0; round < 2; round++) {
		memset(ys, -1, SOME * sizeof(*ys));
		pxt_equal(procs_pmap_into(ends_late, SOME, ys,
					  PROCS_OPTIONS(.pool = pool, .traceback_fd = -1), xs),
			  1);
		for (int i = 0; i < SOME; i++)
			pxt_equal(ys[i], i == 10 ? 0 : i + 1);
	}
	procs_array_free(xs);
	procs_array_free(ys);
	pxt_equal(procs_pool_close(pool), 0);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(a_worker_that_slept_writes_where_it_should),
		pxt_test(ints_arrive),
		pxt_test(failures_are_counted_and_listed),
		pxt_test(the_culprit_alone_is_zero),
		pxt_test(structs_arrive),
		pxt_test(strides_are_kept),
		pxt_test(strings_go_in),
		pxt_test(void_needs_no_array),
		pxt_test(arrays_of_input_are_read_only),
		pxt_test(pools_see_arrays_made_later),
		pxt_test(arrays_are_memory),
		pxt_test(a_task_may_have_arrays_of_its_own),
		pxt_test(columns_and_ends_are_no_overlap),
		pxt_test(a_child_has_arrays_of_its_own),
		pxt_test(misuse_is_refused),
	};

	return cmocka_run_group_tests_name("arrays", tests, NULL, NULL);
}
