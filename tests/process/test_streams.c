/*
 * In which order outcomes leave, how much is held meanwhile, and how a stream
 * ends: at its end, early, or item by item.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

PXT_SHARED(_Atomic uint64_t, gate, 1);
PXT_SHARED(_Atomic uint64_t, count, 1);

static PROCS_DEFINE2(int, doze, int, x, int, microseconds)
{
	usleep((useconds_t)microseconds);
	return 3 * x;
}

static int next_int(struct procs_stream *stream, uint64_t *index)
{
	struct procs_result result;
	int value = 0;

	pxt_equal(procs_next(stream, &result), 1);
	if (procs_value(&result, &value) != 0)
		pxt_failed(__FILE__, __LINE__, "item %llu: %s", (unsigned long long)result.index,
			   procs_text(&result));
	if (index != NULL)
		*index = result.index;
	return value;
}

static void expect_end(struct procs_stream *stream)
{
	struct procs_result result;

	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static void order_is_that_of_the_input(void **state)
{
	enum {
		N = 300
	};

	uint64_t seed = 7;
	int xs[N], naps[N];
	uint64_t index;

	(void)state;
	for (int i = 0; i < N; i++) {
		xs[i] = i;
		naps[i] = (int)(pxt_random(&seed) % 3 == 0 ? pxt_random(&seed) % 1500 : 0);
	}
	for (uint32_t workers = 1; workers <= 5; workers += 2) {
		struct procs_stream *stream =
			procs_pmap(doze, N, PROCS_OPTIONS(.workers = workers), xs, naps);

		for (int i = 0; i < N; i++) {
			pxt_equal(next_int(stream, &index), 3 * i);
			pxt_equal(index, i);
		}
		expect_end(stream);
	}
}

static void calls_keep_their_order_too(void **state)
{
	enum {
		N = 100
	};
	struct procs_spec specs[N];
	uint64_t seed = 11, index;
	struct procs_stream *stream;

	(void)state;
	for (int i = 0; i < N; i++)
		specs[i] = procs_proc(doze, i, (int)(pxt_random(&seed) % 2000));
	stream = procs_call(specs, N, PROCS_OPTIONS(.workers = 4));
	for (int i = 0; i < N; i++) {
		pxt_equal(next_int(stream, &index), 3 * i);
		pxt_equal(index, i);
	}
	expect_end(stream);
}

static PROCS_DEFINE1(int, wait_for_gate, int, x)
{
	atomic_fetch_add(count, 1);
	while (x == 0 && atomic_load(gate) == 0)
		usleep(100);
	return x + 1;
}

/* Item 0 waits until item 1 has been delivered: in input order this would never
 * end. */
static void as_completed_does_not_wait_for_the_first(void **state)
{
	enum {
		N = 50
	};

	int xs[N];
	bool seen[N] = { false };
	uint64_t index;

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = i;
	for (int form = 0; form < 2; form++) {
		const struct procs_options *options =
			PROCS_OPTIONS(.workers = 2, .order = PROCS_ORDER_COMPLETED);
		struct procs_spec specs[N];
		struct procs_stream *stream;

		for (int i = 0; i < N; i++)
			specs[i] = procs_proc(wait_for_gate, i);
		atomic_store(gate, 0);
		memset(seen, 0, sizeof(seen));
		stream = form == 0 ? procs_call(specs, N, options)
				   : procs_pmap(wait_for_gate, N, options, xs);
		for (int i = 0; i < N; i++) {
			const int value = next_int(stream, &index);

			pxt_equal(value, index + 1);
			pxt_check(!seen[index]);
			seen[index] = true;
			if (index == 1)
				atomic_store(gate, 1);
		}
		expect_end(stream);
	}
}

/* One slow item first: the others run ahead of it, but not further than the
 * window. */
static void the_window_bounds_what_runs_ahead(void **state)
{
	enum {
		N = 2000,
		WINDOW = 40
	};
	struct procs_spec *specs = malloc(N * sizeof(*specs));
	int *xs = malloc(N * sizeof(*xs));

	(void)state;
	for (int i = 0; i < N; i++) {
		specs[i] = procs_proc(wait_for_gate, i);
		xs[i] = i;
	}
	for (int form = 0; form < 2; form++) {
		const struct procs_options *options =
			PROCS_OPTIONS(.workers = 2, .window_items = WINDOW);
		struct procs_result result;
		struct procs_stream *stream;

		atomic_store(gate, 0);
		atomic_store(count, 0);
		stream = form == 0 ? procs_call(specs, N, options)
				   : procs_pmap(wait_for_gate, N, options, xs);
		/* Until they have run well ahead, and for a while longer: never too far. */
		for (int more = 20, turns = 0; more > 0 && turns < 10000; turns++) {
			pxt_equal(procs_next_until(stream, &result, procs_deadline(5000000)),
				  -ETIMEDOUT);
			pxt_check(atomic_load(count) <= WINDOW);
			more -= atomic_load(count) >= WINDOW / 2;
		}
		pxt_check(atomic_load(count) >= WINDOW / 2);
		atomic_store(gate, 1);
		for (int i = 0; i < N; i++)
			pxt_equal(next_int(stream, NULL), i + 1);
		expect_end(stream);
		pxt_equal(atomic_load(count), N);
	}
	free(specs);
	free(xs);
}

static int endless(void *user, struct procs_spec *spec)
{
	int *next = user;

	*spec = procs_proc(doze, (*next)++, 0);
	return 1;
}

static void a_source_may_be_endless(void **state)
{
	int next = 0;
	struct procs_stream *stream =
		procs_call_from(endless, &next, PROCS_OPTIONS(.workers = 2, .window_items = 8));

	(void)state;
	for (int i = 0; i < 500; i++) {
		pxt_equal(next_int(stream, NULL), 3 * i);
		pxt_check(next <= i + 10);
	}
	pxt_equal(procs_close(stream), 0);
}

struct script {
	struct procs_stream *stream;
	int calls;
	int fail_at;
	char text[32];
};

static PROCS_DEFINE1(const char *, echo, const char *, text)
{
	return text;
}

static int scripted(void *user, struct procs_spec *spec)
{
	struct script *script = user;
	struct procs_result result;

	if (script->stream != NULL) {
		pxt_equal(procs_next(script->stream, &result), -EBUSY);
		pxt_equal(procs_close(script->stream), -EBUSY);
	}
	if (script->calls == script->fail_at)
		return script->fail_at == 5 ? -EIO : 0;
	/* The same buffer each time: what a spec borrows is only good until the next call. */
	snprintf(script->text, sizeof(script->text), "text %d", script->calls++);
	*spec = procs_proc(echo, script->text);
	return 1;
}

static void a_source_may_reuse_its_memory_fail_and_end(void **state)
{
	(void)state;
	for (int end = 5; end <= 6; end++) {
		struct script script = { .fail_at = end };
		struct procs_stream *stream = procs_call_from(scripted, &script, NULL);
		struct procs_result result;
		const char *text;
		char want[32];

		script.stream = stream;
		for (int i = 0; i < end; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &text), 0);
			snprintf(want, sizeof(want), "text %d", i);
			pxt_text(text, want);
		}
		pxt_equal(procs_next(stream, &result), end == 5 ? -EIO : 0);
		script.stream = NULL;
		pxt_equal(procs_close(stream), 0);
	}
}

static struct procs_spec make_spec(int i)
{
	return i % 2 == 0 ? procs_proc(doze, i, 0) : procs_proc(wait_for_gate, .x = i);
}

static void specs_are_filled_in_loops_copied_and_returned(void **state)
{
	struct procs_spec specs[20], copies[20];
	struct procs_stream *stream;

	(void)state;
	for (int i = 0; i < 20; i++)
		specs[i] = make_spec(i);
	memcpy(copies, specs, sizeof(specs));
	memset(specs, 0, sizeof(specs));
	stream = procs_call(copies, 20, NULL);
	for (int i = 0; i < 20; i++)
		pxt_equal(next_int(stream, NULL), i % 2 == 0 ? 3 * i : i + 1);
	expect_end(stream);
}

static void empty_and_small_inputs(void **state)
{
	struct procs_spec one[] = { procs_proc(doze, 5, 0) };
	int xs[] = { 1, 2 }, naps[] = { 0, 0 };

	(void)state;
	expect_end(procs_call(NULL, 0, NULL));
	expect_end(procs_pmap(doze, 0, NULL, xs, naps));
	for (uint32_t workers = 1; workers < 12; workers += 5) {
		struct procs_stream *stream = procs_call(one, 1, PROCS_OPTIONS(.workers = workers));

		pxt_equal(next_int(stream, NULL), 15);
		expect_end(stream);
		stream = procs_pmap(doze, 2, PROCS_OPTIONS(.workers = workers), xs, naps);
		pxt_equal(next_int(stream, NULL), 3);
		pxt_equal(next_int(stream, NULL), 6);
		expect_end(stream);
	}
}

/* Closed after the first of very many, while workers are busy. */
static void a_stream_may_be_closed_early(void **state)
{
	enum {
		N = 100000
	};

	int *xs = calloc(N, sizeof(*xs)), *naps = calloc(N, sizeof(*naps));
	struct procs_spec specs[20];
	struct timespec before, after;

	(void)state;
	for (int i = 0; i < 20; i++)
		specs[i] = procs_proc(doze, i, i == 0 ? 0 : 100000000);
	for (int i = 1; i < N; i++)
		naps[i] = i > 5 ? 100000000 : 0;
	for (int form = 0; form < 2; form++) {
		struct procs_stream *stream = form == 0 ? procs_call(specs, 20, NULL)
							: procs_pmap(doze, N, NULL, xs, naps);

		pxt_equal(next_int(stream, NULL), 0);
		clock_gettime(CLOCK_MONOTONIC, &before);
		pxt_equal(procs_close(stream), 0);
		clock_gettime(CLOCK_MONOTONIC, &after);
		pxt_check(after.tv_sec - before.tv_sec < 5);
	}
	/* Not even one taken. */
	pxt_equal(procs_close(procs_call(specs, 20, NULL)), 0);
	pxt_equal(procs_close(procs_pmap(doze, N, NULL, xs, naps)), 0);
	free(xs);
	free(naps);
}

static void waiting_has_a_deadline(void **state)
{
	struct procs_spec specs[] = { procs_proc(doze, 1, 300000) };
	struct procs_stream *stream = procs_call(specs, 1, NULL);
	struct procs_result result;

	(void)state;
	pxt_equal(procs_next_until(stream, &result, 0), -ETIMEDOUT);
	pxt_equal(procs_next_until(stream, &result, procs_deadline(1000000)), -ETIMEDOUT);
	pxt_equal(procs_next_until(stream, &result, procs_deadline(UINT64_MAX)), 1);
	pxt_equal(procs_next_until(stream, &result, 0), 0);
	procs_close(stream);
}

static void *cancel_soon(void *stream)
{
	pxt_await(count, 2);
	/* Those in flight last: nothing else may take their place. */
	for (uint64_t i = 0; i < 100; i++)
		pxt_equal(procs_cancel(stream, 99 - i), 0);
	return NULL;
}

static PROCS_DEFINE1(int, forever, int, x)
{
	atomic_fetch_add(count, 1);
	for (;;)
		pause();
	return x;
}

static void cancel_by_another_thread(void *form)
{
	int xs[100];
	struct procs_spec specs[100];
	struct procs_stream *stream;
	struct procs_result result;
	pthread_t thread;

	for (int i = 0; i < 100; i++) {
		xs[i] = i;
		specs[i] = procs_proc(forever, i);
	}
	stream = form == NULL ? procs_call(specs, 100, PROCS_OPTIONS(.workers = 2))
			      : procs_pmap(forever, 100, PROCS_OPTIONS(.workers = 2), xs);
	pthread_create(&thread, NULL, cancel_soon, stream);
	for (uint64_t i = 0; i < 100; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_CANCELLED);
	}
	pxt_equal(procs_next(stream, &result), 0);
	pthread_join(thread, NULL);
	pxt_equal(procs_cancel(stream, 100), -ERANGE);
	pxt_equal(procs_cancel(stream, 5), 0);
	procs_close(stream);
	pxt_equal(atomic_load(count), 2);
}

static void cancel_interrupts_a_wait(void **state)
{
	(void)state;
	for (int form = 0; form < 2; form++) {
		atomic_store(count, 0);
		pxt_isolated(cancel_by_another_thread, form == 0 ? NULL : &form);
	}
}

/* Items of about the time that it takes to kill: the one after it must not pay. */
static PROCS_DEFINE1(int, last, int, x)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += x / 2 % 5 * 50000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
	return x;
}

static void *cancel_even(void *stream)
{
	for (uint64_t i = 0; i < 4000; i += 2) {
		procs_cancel(stream, i);
		usleep(50);
	}
	return NULL;
}

static void a_cancel_in_flight_leaves_the_next(void **state)
{
	static int xs[4000];
	struct procs_stream *stream;
	struct procs_result result;
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 4000; i++)
		xs[i] = i;
	stream = procs_pmap(last, 4000, PROCS_OPTIONS(.workers = 1), xs);
	pthread_create(&thread, NULL, cancel_even, stream);
	for (uint64_t i = 0; i < 4000; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL ||
			  (i % 2 == 0 && result.failed->cause == PROCS_CAUSE_CANCELLED));
	}
	pthread_join(thread, NULL);
	procs_close(stream);
}

static void a_cancelled_item_leaves_the_others(void **state)
{
	enum {
		N = 1000
	};

	int xs[N];
	struct procs_stream *stream;
	struct procs_result result;
	int cancelled = 0, value;

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = i;
	/* Item 0 holds the first worker; 700 and 701 are far from being posted. */
	stream = procs_pmap(wait_for_gate, N, PROCS_OPTIONS(.workers = 1, .window_items = 100), xs);
	pxt_await(count, 1);
	pxt_equal(procs_cancel(stream, 50), 0);
	pxt_equal(procs_cancel(stream, 700), 0);
	pxt_equal(procs_cancel(stream, 701), 0);
	pxt_equal(procs_next_until(stream, &result, 0), -ETIMEDOUT);
	atomic_store(gate, 1);
	for (uint64_t i = 0; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		if (result.failed != NULL) {
			pxt_check(i == 50 || i == 700 || i == 701);
			pxt_equal(result.failed->cause, PROCS_CAUSE_CANCELLED);
			pxt_equal(result.failed->pid, 0);
			cancelled++;
		} else {
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, i + 1);
		}
	}
	pxt_equal(cancelled, 3);
	pxt_equal(atomic_load(count), N - 3);
	expect_end(stream);
}

enum {
	STAYERS = 4
};

PXT_SHARED(_Atomic uint64_t, stayers, STAYERS);

static PROCS_DEFINE1(int, stay_at_five, int, x)
{
	if (x % 100 == 5 && x / 100 < STAYERS) {
		atomic_store(&stayers[x / 100], (uint64_t)getpid());
		for (;;)
			pause();
	}
	return x + 1;
}

/* Each cancel cuts what is posted into more pieces, and then all workers are lost
 * at once, in the middle of what they have: there must be pieces left for that. */
static void many_cancels_leave_room_for_deaths(void **state)
{
	enum {
		N = 300 * STAYERS /* ranges of 100: a worker holds three */
	};

	int xs[N], value;
	struct procs_stream *stream;
	struct procs_result result;
	siginfo_t how;

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = i;
	stream = procs_pmap(
		stay_at_five, N,
		PROCS_OPTIONS(.workers = STAYERS, .window_items = N, .traceback_fd = -1), xs);
	for (int i = 0; i < STAYERS; i++)
		pxt_await(&stayers[i], 1);
	/* None that a worker has carved: it would be looked at again and again. */
	for (uint64_t i = 0; i < N; i += 3)
		if (i % 100 > 20)
			pxt_equal(procs_cancel(stream, i), 0);
	pxt_equal(procs_next(stream, &result), 1);
	for (int i = 0; i < STAYERS; i++) {
		const pid_t pid = (pid_t)atomic_load(&stayers[i]);

		pxt_equal(kill(pid, SIGKILL), 0);
		/* A child of the forkserver, where clones are not to be had. */
		while (waitid(P_PID, (id_t)pid, &how, WEXITED | WNOWAIT | __WALL) != 0 &&
		       kill(pid, 0) == 0)
			usleep(100);
	}
	for (uint64_t i = 1; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		if (result.failed == NULL) {
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, i + 1);
		} else if (i % 100 == 5 && i / 100 < STAYERS) {
			pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
		} else {
			pxt_equal(result.failed->cause, PROCS_CAUSE_CANCELLED);
		}
	}
	expect_end(stream);
}

static void open_when_leaving(void *unused)
{
	(void)unused;
	atomic_store(gate, 1);
}

PROCS_TEARDOWN(open_when_leaving);

/* Item 0 ends when the worker of item 1 has nothing more to say; and says when. */
static PROCS_DEFINE1(uint64_t, outlive, int, x)
{
	struct timespec now;

	if (x == 0)
		pxt_await(gate, 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* One that leaves rings once more, when it is no longer waited for: that must not
 * take the wake-up away from the others. Lost, it comes after 100 ms. */
static void who_leaves_takes_no_wake_up_away(void **state)
{
	enum {
		ROUNDS = 20
	};

	static const int xs[2] = { 0, 1 };
	struct procs_stream *stream;
	struct procs_result result;
	uint64_t ended;
	int late = 0;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		atomic_store(gate, 0);
		stream = procs_pmap(outlive, 2,
				    PROCS_OPTIONS(.workers = 2, .order = PROCS_ORDER_COMPLETED,
						  .teardown = open_when_leaving),
				    xs);
		for (int i = 0; i < 2; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &ended), 0);
			late += result.index == 0 && procs_deadline(0) - ended > 50000000;
		}
		procs_close(stream);
	}
	pxt_check(late <= ROUNDS / 4);
}

static PROCS_DEFINE1(int, which, int, x)
{
	int *scratch = procs_scratch(sizeof(*scratch));

	*scratch = (int)procs_index();
	return *scratch == x && procs_attempt() == 1 ? x : procs_fail(EPROTO, "not my item");
}

static void a_task_knows_which_item_it_is(void **state)
{
	enum {
		N = 20000
	};

	int *xs = malloc(N * sizeof(*xs));
	struct procs_stream *stream;

	(void)state;
	for (int i = 0; i < N; i++)
		xs[i] = i;
	for (int form = 0; form < 2; form++) {
		stream = procs_pmap(which, N,
				    PROCS_OPTIONS(.start = form == 0 ? PROCS_START_DEFAULT
								     : PROCS_START_INLINE),
				    xs);
		for (int i = 0; i < N; i++)
			pxt_equal(next_int(stream, NULL), i);
		expect_end(stream);
	}
	free(xs);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(order_is_that_of_the_input),
		pxt_test(calls_keep_their_order_too),
		pxt_test(as_completed_does_not_wait_for_the_first),
		pxt_test(the_window_bounds_what_runs_ahead),
		pxt_test(a_source_may_be_endless),
		pxt_test(a_source_may_reuse_its_memory_fail_and_end),
		pxt_test(specs_are_filled_in_loops_copied_and_returned),
		pxt_test(empty_and_small_inputs),
		pxt_test(a_stream_may_be_closed_early),
		pxt_test(waiting_has_a_deadline),
		pxt_test(cancel_interrupts_a_wait),
		pxt_test(a_cancel_in_flight_leaves_the_next),
		pxt_test(a_cancelled_item_leaves_the_others),
		pxt_test(many_cancels_leave_room_for_deaths),
		pxt_test(who_leaves_takes_no_wake_up_away),
		pxt_test(a_task_knows_which_item_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
