/*
 * What workers do before their first item and after their last, and when they have
 * done enough.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pxt.h"

#include <procs/procs.h>
#include <procs/worker.h>

PXT_SHARED(_Atomic uint64_t, born, 1);
PXT_SHARED(_Atomic uint64_t, left, 1);
static int given;
static int *five; /* in an array: all workers see it */

static int before(void **state)
{
	const int wrong = pxt_before(state);

	five = procs_array(int, 1);
	*five = 5;
	return wrong;
}

static int after(void **state)
{
	pxt_equal(procs_array_free(five), 0);
	return pxt_after(state);
}

static void begin(void)
{
	atomic_store(born, 0);
	atomic_store(left, 0);
	given = 0;
}

static int ready(void *user)
{
	atomic_fetch_add(born, 1);
	given = *(const int *)user;
	return 0;
}

PROCS_INIT(ready);

static void leave(void *user)
{
	if (given == *(const int *)user)
		atomic_fetch_add(left, 1);
}

PROCS_TEARDOWN(leave);

static int never(void *user)
{
	atomic_fetch_add(born, 1);
	return *(const int *)user;
}

PROCS_INIT(never);

static int crash(void *user)
{
	(void)user;
	return raise(SIGKILL);
}

PROCS_INIT(crash);

/* The first three workers fail, all later ones do not. */
static int late(void *user)
{
	(void)user;
	return atomic_fetch_add(born, 1) < 3 ? 7 : 0;
}

PROCS_INIT(late);

static PROCS_DEFINE1(int, what_was_given, int, x)
{
	return given + 0 * x;
}

static PROCS_DEFINE1(int64_t, whose, int, x)
{
	return getpid() + 0 * x;
}

static void *volatile leaked; /* so that the compiler believes in it */

static PROCS_DEFINE1(int, leak, int, x)
{
	leaked = malloc(1 << 20);
	memset(leaked, x, 1 << 20);
	return getpid();
}

static void hooks_frame_the_items(void **state)
{
	struct procs_pool *pool;
	struct procs_stream *stream;
	struct procs_result result;
	int xs[100] = { 0 }, value;

	(void)state;
	for (int pooled = 0; pooled < 2; pooled++) {
		begin();
		pool = pooled ? procs_pool_open(PROCS_OPTIONS(.workers = 2, .init = ready,
							      .teardown = leave,
							      .hooks_user = five))
			      : NULL;
		stream = procs_pmap(what_was_given, 100,
				    pooled ? PROCS_OPTIONS(.pool = pool)
					   : PROCS_OPTIONS(.workers = 2, .init = ready,
							   .teardown = leave, .hooks_user = five),
				    xs);
		for (int i = 0; i < 100; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, 5);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
		procs_pool_close(pool);
		pxt_equal(*born, 2);
		pxt_equal(*left, 2);
		pxt_equal(given, 0);
	}
}

static void calls_have_hooks_too(void **state)
{
	struct procs_spec specs[5];
	struct procs_stream *stream;
	struct procs_result result;
	int value;

	(void)state;
	begin();
	for (int i = 0; i < 5; i++)
		specs[i] = procs_proc(what_was_given, i);
	stream = procs_call(
		specs, 5,
		PROCS_OPTIONS(.workers = 2, .init = ready, .teardown = leave, .hooks_user = five));
	for (int i = 0; i < 5; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 5);
	}
	pxt_equal(procs_next(stream, &result), 0);
	procs_close(stream);
	pxt_equal(*born, 5);
	pxt_equal(*left, 5);
}

static void all_fail(struct procs_stream *stream, int n, enum procs_cause cause, int code)
{
	struct procs_result result;

	pxt_check(stream != NULL);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, cause);
		pxt_equal(result.failed->code, code);
		pxt_check(strstr(result.failed->message, "init hook") != NULL);
	}
	pxt_equal(procs_next(stream, &result), 0);
	procs_close(stream);
}

static void a_hook_that_always_fails_is_told(void **state)
{
	struct procs_spec specs[3];
	struct procs_pool *pool;
	int xs[3000] = { 0 };

	(void)state;
	begin();
	for (int i = 0; i < 3; i++)
		specs[i] = procs_proc(whose, i);
	all_fail(procs_pmap(whose, 3000,
			    PROCS_OPTIONS(.workers = 2, .init = never, .hooks_user = five), xs),
		 3000, PROCS_CAUSE_INIT, 5);
	pxt_check(*born < 100); /* and no storm of them */
	all_fail(procs_call(specs, 3,
			    PROCS_OPTIONS(.workers = 2, .init = never, .hooks_user = five)),
		 3, PROCS_CAUSE_INIT, 5);
	pool = procs_pool_open(PROCS_OPTIONS(.workers = 2, .init = never, .hooks_user = five));
	for (int round = 0; round < 3; round++)
		all_fail(procs_pmap(whose, 100, PROCS_OPTIONS(.pool = pool), xs), 100,
			 PROCS_CAUSE_INIT, 5);
	procs_pool_close(pool);
	all_fail(procs_pmap(whose, 3, PROCS_OPTIONS(.workers = 2, .init = crash), xs), 3,
		 PROCS_CAUSE_INIT, 0);
}

static void a_hook_that_fails_at_first_costs_nothing(void **state)
{
	struct procs_stream *stream;
	struct procs_result result;
	int xs[100] = { 0 }, good = 0;

	(void)state;
	begin();
	stream = procs_pmap(whose, 100, PROCS_OPTIONS(.workers = 3, .init = late), xs);
	while (procs_next(stream, &result) == 1)
		good += result.failed == NULL;
	procs_close(stream);
	pxt_check(*born > 3);
	/* Which of three first ones is the last is chance; the items of two are safe. */
	pxt_check(good >= 50);
}

/* How many items each process ran, in a row: never more than `most`. */
static int runs_of(struct procs_stream *stream, int n, int most)
{
	struct procs_result result;
	int64_t pid, pids[512];
	int counts[512], known = 0, at;

	pxt_check(stream != NULL);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &pid), 0);
		for (at = 0; at < known && pids[at] != pid; at++)
			;
		if (at == known) {
			pxt_check(known < 512);
			pids[known] = pid;
			counts[known++] = 0;
		}
		pxt_check(++counts[at] <= most);
	}
	pxt_equal(procs_next(stream, &result), 0);
	procs_close(stream);
	return known;
}

static void workers_leave_after_so_many_items(void **state)
{
	struct procs_pool *pool;
	int xs[1000] = { 0 };

	(void)state;
	begin();
	pxt_check(runs_of(procs_pmap(whose, 1000, PROCS_OPTIONS(.workers = 2, .recycle_items = 10),
				     xs),
			  1000, 10) >= 100);
	pxt_check(
		runs_of(procs_pmap(whose, 100, PROCS_OPTIONS(.workers = 2, .recycle_items = 1), xs),
			100, 1) == 100);
	pool = procs_pool_open(PROCS_OPTIONS(.workers = 2, .recycle_items = 7, .init = ready,
					     .teardown = leave, .hooks_user = five));
	for (int round = 0; round < 3; round++)
		pxt_check(runs_of(procs_pmap(whose, 100, PROCS_OPTIONS(.pool = pool), xs), 100,
				  7) >= 14);
	procs_pool_close(pool);
	pxt_check(*born >= 300 / 7);
	pxt_equal(*left, *born);
}

static void workers_leave_when_they_have_grown(void **state)
{
	struct procs_stream *stream;
	struct procs_result result;
	int xs[200], last = 0, changes = 0, pid;

	(void)state;
	for (int i = 0; i < 200; i++)
		xs[i] = i;
	stream = procs_pmap(leak, 200, PROCS_OPTIONS(.workers = 1, .recycle_bytes = 16 << 20), xs);
	for (int i = 0; i < 200; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &pid), 0);
		changes += pid != last;
		last = pid;
	}
	procs_close(stream);
	/* 16 of them each, as many again while nobody looked, at the least. */
	pxt_check(changes >= 3);
}

static void refused(const struct procs_options *options, const char *text)
{
	int xs[1] = { 0 };

	pxt_check(procs_pmap(whose, 1, options, xs) == NULL);
	pxt_equal(errno, EINVAL);
	if (strstr(procs_last_failure()->message, text) == NULL)
		pxt_failed(__FILE__, __LINE__, "\"%s\"", procs_last_failure()->message);
}

static void misuse_is_refused(void **state)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = 1));

	(void)state;
	refused(PROCS_OPTIONS(.start = PROCS_START_INLINE, .init = ready), "options.init");
	refused(PROCS_OPTIONS(.start = PROCS_START_INLINE, .teardown = leave), "options.teardown");
	refused(PROCS_OPTIONS(.start = PROCS_START_INLINE, .recycle_items = 1), "recycle_items");
	refused(PROCS_OPTIONS(.recycle_bytes = UINT64_MAX), "options.recycle_bytes is out of");
	refused(PROCS_OPTIONS(.pool = pool, .init = ready), "options.init is the pool's");
	refused(PROCS_OPTIONS(.pool = pool, .recycle_items = 3), "recycle_items is the pool's");
	procs_pool_close(pool);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
#define TEST(f) cmocka_unit_test_setup_teardown(f, before, after)
	const struct CMUnitTest tests[] = {
		TEST(hooks_frame_the_items),
		TEST(calls_have_hooks_too),
		TEST(a_hook_that_always_fails_is_told),
		TEST(a_hook_that_fails_at_first_costs_nothing),
		TEST(workers_leave_after_so_many_items),
		TEST(workers_leave_when_they_have_grown),
		TEST(misuse_is_refused),
	};

	return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
