/*
 * What the library does without: threads, futex calls, memory. Counted from
 * outside by strace where it says so; given a number as argument, the program
 * is the one that is counted.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

static PROCS_DEFINE2(int, f, int, x, int, y)
{
	return 5 * x + 3 * y;
}

static void map_many(int n)
{
	int *xs = malloc((size_t)n * sizeof(*xs)), *ys = malloc((size_t)n * sizeof(*ys));
	struct procs_stream *stream;
	struct procs_result result;
	int value;

	for (int i = 0; i < n; i++) {
		xs[i] = i;
		ys[i] = -2 * i;
	}
	stream = procs_pmap(f, (size_t)n, NULL, xs, ys);
	for (int i = 0; i < n; i++) {
		if (procs_next(stream, &result) != 1 || procs_value(&result, &value) != 0 ||
		    value != -i)
			exit(3);
	}
	if (procs_next(stream, &result) != 0)
		exit(4);
	procs_close(stream);
	free(xs);
	free(ys);
}

static const char *self;

/* Calls of futex and its kin in a whole run, be they ours or those of glibc's semaphores, by
 * strace; -1 without strace. */
static long futex_calls(const char *n)
{
	const char *const argv[] = {
		"strace", "-f",          "-qq", "-e", "trace=futex,futex_waitv",
		"-e",     "signal=none", self,  n,    NULL
	};
	long lines = 0;
	int status;
	char *text = pxt_output(argv, &status);

	if (status == 127 << 8)
		lines = -1;
	else
		pxt_equal(status, 0);
	for (const char *at = text; lines >= 0 && (at = strstr(at, "futex")) != NULL; at++)
		lines++;
	free(text);
	return lines;
}

static void a_million_items_cost_few_futex_calls(void **state)
{
	long few, many;

	(void)state;
	if (pxt_is_instrumented())
		skip();
	few = futex_calls("1000");
	if (few < 0)
		skip();
	many = futex_calls("1000000");
	print_message("futex calls: %ld for 10^3 items, %ld for 10^6\n", few, many);
	pxt_check(many < 1000);
}

static int threads_most;

static int count_threads(void *user, struct procs_spec *spec)
{
	int *next = user;

	if (pxt_threads() > threads_most)
		threads_most = pxt_threads();
	*spec = procs_proc(f, *next, 1);
	return (*next)++ < 50;
}

static PROCS_DEFINE1(int, threads_here, int, x)
{
	(void)x;
	return pxt_threads();
}

static void no_thread_is_ever_created(void **state)
{
	const int before = pxt_threads();
	int next = 0, xs[50] = { 0 }, value;
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	if (pxt_is_instrumented())
		skip();
	stream = procs_call_from(count_threads, &next, NULL);
	while (procs_next(stream, &result) > 0)
		pxt_equal(pxt_threads(), before);
	procs_close(stream);
	pxt_equal(threads_most, before);
	stream = procs_pmap(threads_here, 50, NULL, xs);
	while (procs_next(stream, &result) > 0) {
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 1);
		pxt_equal(pxt_threads(), before);
	}
	procs_close(stream);
}

static int endless(void *user, struct procs_spec *spec)
{
	int *next = user;

	*spec = procs_proc(f, (*next)++, 0);
	return 1;
}

/* Takes items of an endless source and says how much memory that took. */
static long pull(int from, int to, struct procs_stream *stream)
{
	struct procs_result result;
	int value;

	for (int i = from; i < to; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 5 * i);
	}
	return pxt_resident();
}

static void endless_input_takes_equal_memory(void **state)
{
	const int many = pxt_is_instrumented() ? 3000 : 10000;

	(void)state;
	/* In processes for a while, and inline for as long as it takes. The whole
	 * million in processes is a stress test. */
	for (int form = 0; form < 2; form++) {
		const uint32_t start = form == 0 ? PROCS_START_DEFAULT : PROCS_START_INLINE;
		const int last = start == PROCS_START_INLINE ? 100 * many : many;
		int next = 0;
		struct procs_stream *stream = procs_call_from(
			endless, &next, PROCS_OPTIONS(.start = start, .window_items = 64));
		const long early = pull(0, 1000, stream), late = pull(1000, last, stream);

		print_message("resident: %ld KiB after 10^3 items, %ld after %d\n", early, late,
			      last);
		/* A delayed item lets up to 64 results wait, with a page each, in one slot after
		 * another: six slots keep what they once had. */
		if (!pxt_is_instrumented())
			pxt_check(late <= early + 1536);
		procs_close(stream);
	}
}

static void streams_leave_no_memory_behind(void **state)
{
	int xs[10] = { 0 }, ys[10] = { 0 };
	long early = 0;

	(void)state;
	for (int i = 0; i < 600; i++) {
		struct procs_stream *stream =
			procs_pmap(f, 10, PROCS_OPTIONS(.workers = 1), xs, ys);
		struct procs_result result;

		while (procs_next(stream, &result) > 0)
			;
		procs_close(stream);
		if (i == 100)
			early = pxt_resident();
	}
	if (!pxt_is_instrumented())
		pxt_check(pxt_resident() <= early + 256);
}

static PROCS_DEFINE1(struct procs_bytes, large, int, x)
{
	const size_t size = 4 << 20;
	char *bytes = procs_scratch(size);

	memset(bytes, x, size);
	return (struct procs_bytes){ bytes, size };
}

/* 400 MiB of results through a window of 16: the arena's pages are used again
 * and again. */
static void large_results_stay_within_the_window(void **state)
{
	enum {
		N = 100
	};

	int xs[N];
	struct procs_stream *stream;
	struct procs_result result;
	size_t size;

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = i;
	stream = procs_pmap(large, N, PROCS_OPTIONS(.workers = 2, .window_bytes = 16 << 20), xs);
	for (int i = 0; i < N; i++) {
		const char *bytes;

		pxt_equal(procs_next(stream, &result), 1);
		bytes = procs_view(&result, &size);
		pxt_equal(size, 4 << 20);
		pxt_check(bytes[0] == i && bytes[size - 1] == i && bytes[size / 2] == i);
	}
	print_message("peak resident: %ld KiB\n", pxt_resident_peak());
	if (!pxt_is_instrumented())
		pxt_check(pxt_resident_peak() < (16 + 2 * 8 + 32) * 1024);
	procs_close(stream);
}

PXT_SHARED(_Atomic uint64_t, produced, 1);

static int produce(struct procs_task *task)
{
	const size_t size = 1 << 20;
	unsigned char *bytes = procs_reserve(task, size);

	if (bytes == NULL)
		return errno;
	memset(bytes, (int)(procs_index() % 251), size);
	atomic_fetch_add(produced, 1);
	return procs_commit(task, size);
}

static PROCS_TASK(produce, produce);

static bool are_all(const unsigned char *bytes, size_t size, int value)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

/* What the caller holds is his, though the worker fills again what he took before;
 * and if he stays away the worker fills the window. */
static void a_result_stays_while_the_worker_goes_on(void **state)
{
	enum {
		N = 300,
		AHEAD = 9 /* 16 MiB, less a third that is being taken */
	};

	struct procs_stream *stream;
	struct procs_result result;
	size_t size;

	(void)state;
	stream = procs_pmap_sequences(
		procs_function_of(produce), N,
		PROCS_OPTIONS(.workers = 1, .compression = PROCS_COMPRESSION_NEVER), NULL, 0);
	for (int i = 0; i < N; i++) {
		const unsigned char *bytes;

		pxt_equal(procs_next(stream, &result), 1);
		bytes = procs_view(&result, &size);
		pxt_equal(size, 1 << 20);
		if (i >= 32 && i % 16 == 0 && i + AHEAD < N)
			pxt_await(produced, (uint64_t)i + AHEAD);
		pxt_check(are_all(bytes, size, i % 251));
	}
	procs_close(stream);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(large_results_stay_within_the_window),
		pxt_test(a_result_stays_while_the_worker_goes_on),
		pxt_test(a_million_items_cost_few_futex_calls),
		pxt_test(no_thread_is_ever_created),
		pxt_test(endless_input_takes_equal_memory),
		pxt_test(streams_leave_no_memory_behind),
	};

	self = argv[0];
	if (argc > 1) {
		map_many(atoi(argv[1]));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
