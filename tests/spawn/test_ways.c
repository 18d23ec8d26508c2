/*
 * The ways to have a worker, streams and pools in each; hooks by name; tasks and hooks that
 * are in no registry, or twice; and workers whose slots somebody spoilt.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <spawn_paths.h>

#include "host.h"
#include "tasks.h"
#include "twins.h"

static void values_are_right_in_each(void **state)
{
	(void)state;
	for (int way = 0; way < WAYS; way++) {
		struct procs_options options = way_begin(way);
		struct procs_pool *pool;

		options.workers = 3;
		expect_works(&options);
		pool = procs_pool_open(&options);
		for (int round = 0; round < 3; round++)
			expect_works(PROCS_OPTIONS(.pool = pool));
		pxt_equal(procs_pool_close(pool), 0);
		way_end();
	}
}

/* Nothing of the program but its tasks: what main does is not done in a worker. */
static int in_main;

static PROCS_DEFINE1(int, of_main, int, unused)
{
	return in_main + unused;
}

static void workers_have_nothing_of_main(void **state)
{
	const int zero = 0;
	struct procs_options options = way_begin(0);

	(void)state;
	pxt_equal(int_of(procs_pmap(of_main, 1, NULL, &zero)), 1);
	pxt_equal(int_of(procs_pmap(of_main, 1, &options, &zero)), 0);
	/* A copy has it as it was. */
	options = way_begin(1);
	in_main = 2;
	pxt_equal(int_of(procs_pmap(of_main, 1, &options, &zero)), 1);
	in_main = 1;
	way_end();
}

static void hooks_go_by_name(void **state)
{
	struct setting *setting = procs_array(struct setting, 2);
	_Atomic uint64_t *count;
	const int zero = 0, file = counters_make(1, &count);
	uint64_t ended = 0;

	(void)state;
	pxt_check(setting != NULL);
	setting[1] = (struct setting){ .word = 42, .host = getpid(), .file = file };
	for (int way = 0; way < WAYS; way++) {
		struct procs_options options = way_begin(way);
		struct procs_pool *pool;

		options.workers = 1;
		pxt_equal(int_of(procs_pmap(set_up_with, 1, &options, &zero)), -1);
		options.init = set_up;
		pxt_equal(int_of(procs_pmap(set_up_with, 1, &options, &zero)), 0);
		options.hooks_user = setting + 1;
		options.teardown = clear_up;
		pxt_equal(int_of(procs_pmap(set_up_with, 1, &options, &zero)), 42);
		pxt_await(count, ++ended);
		pool = procs_pool_open(&options);
		pxt_equal(int_of(procs_pmap(set_up_with, 1, PROCS_OPTIONS(.pool = pool), &zero)),
			  42);
		pxt_equal(procs_pool_close(pool), 0);
		pxt_await(count, ++ended);
		way_end();
	}
	pxt_equal(atomic_load(count), ended);
	counters_free(file, count, 1);
	pxt_equal(procs_array_free(setting), 0);
}

static void a_hook_that_fails(void **state)
{
	const int zero = 0;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		struct procs_options options = way_begin(way);
		struct procs_stream *stream;
		struct procs_result result;

		options.init = fail_to_set_up;
		options.traceback_fd = -1;
		stream = procs_pmap(set_up_with, 1, &options, &zero);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL && result.failed->cause == PROCS_CAUSE_INIT);
		pxt_equal(result.failed->code, 70);
		pxt_equal(procs_close(stream), 0);
		way_end();
	}
}

static int not_entered(void *user)
{
	(void)user;
	return 0;
}

static void not_entered_either(void *user)
{
	(void)user;
}

/* Of this program, but not of the worker binary. */
static int only_here(void *user)
{
	(void)user;
	return 0;
}

PROCS_INIT(only_here);

static void refuse_option(struct procs_options options, const char *name, const char *why)
{
	const int zero = 0;

	errno = 0;
	pxt_check(procs_pmap(set_up_with, 1, &options, &zero) == NULL);
	pxt_equal(errno, EINVAL);
	pxt_check(strstr(procs_last_failure()->message, name) != NULL);
	pxt_check(strstr(procs_last_failure()->message, why) != NULL);
	errno = 0;
	pxt_check(procs_pool_open(&options) == NULL);
	pxt_equal(errno, EINVAL);
	pxt_check(strstr(procs_last_failure()->message, name) != NULL);
}

static void hooks_that_cannot_be_named(void **state)
{
	static int word;
	const int zero = 0;
	struct procs_options options;
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		options = way_begin(way);
		options.init = not_entered;
		refuse_option(options, "options.init", "PROCS_INIT");
		options.init = set_up;
		options.teardown = not_entered_either;
		refuse_option(options, "options.teardown", "PROCS_TEARDOWN");
		options.teardown = NULL;
		options.hooks_user = &word;
		refuse_option(options, "options.hooks_user", "procs_array");
		options.hooks_user = NULL;
		options.init = only_here;
		options.traceback_fd = -1;
		stream = procs_pmap(set_up_with, 1, &options, &zero);
		pxt_equal(procs_next(stream, &result), 1);
		if (way < OWN_WAYS) {
			pxt_check(result.failed == NULL);
		} else {
			pxt_check(result.failed != NULL);
			pxt_equal(result.failed->cause, PROCS_CAUSE_UNKNOWN_FUNCTION);
			pxt_check(strstr(result.failed->message, "no hook is named only_here") !=
				  NULL);
		}
		pxt_equal(procs_close(stream), 0);
		way_end();
	}
}

static int give_nothing(struct procs_task *task)
{
	return procs_commit(task, 0);
}

static PROCS_DEFINE1(int, twin, int, x)
{
	return x;
}

/* In this program it is refused before there is a worker. */
static void refuse_task(const struct procs_function *function, const struct procs_spec *spec,
			const struct procs_options *options, int error, const char *why)
{
	static const int items[] = { 1, 2, 3 };
	const struct procs_sequence sequence = { items, sizeof(int), sizeof(int) };
	struct procs_stream *stream;
	struct procs_result result;

	errno = 0;
	pxt_check(procs_pmap_sequences(function, 3, options, &sequence, 1) == NULL);
	pxt_equal(errno, error);
	pxt_check(strstr(procs_last_failure()->message, why) != NULL);
	stream = procs_call(spec, 1, options);
	pxt_check(stream != NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed != NULL);
	pxt_equal(result.failed->cause, PROCS_CAUSE_UNKNOWN_FUNCTION);
	pxt_check(strstr(result.failed->message, why) != NULL);
	pxt_equal(procs_close(stream), 0);
}

static void tasks_that_cannot_be_named(void **state)
{
	const struct procs_function unknown = { .size = sizeof(unknown),
						.name = "unknown",
						.result = { "raw", 0, PROCS_CODE_RAW },
						.raw = give_nothing };
	/* The name of another is no name of its own. */
	const struct procs_function impostor = { .size = sizeof(impostor),
						 .name = "reversed",
						 .result = { "raw", 0, PROCS_CODE_RAW },
						 .raw = give_nothing };
	const struct procs_spec specs[] = { procs_raw(&unknown, "abc", 3),
					    procs_raw(&impostor, "abc", 3), procs_proc(twin, 1) };
	const int one = 1;

	(void)state;
	pxt_check(procs_function_of(twin) != other_twin());
	for (int way = 0; way < OWN_WAYS; way++) {
		struct procs_options options = way_begin(way);

		options.traceback_fd = -1;
		refuse_task(&unknown, specs, &options, ENXIO, "no task unknown");
		refuse_task(&impostor, specs + 1, &options, ENXIO, "no task reversed");
		refuse_task(procs_function_of(twin), specs + 2, &options, EEXIST,
			    "two tasks named twin");
		refuse_task(other_twin(), specs + 2, &options, EEXIST, "two tasks named twin");
		/* The others are not the worse for it. */
		expect_works(&options);
		way_end();
	}
	/* Where a fork does, names do not matter. */
	pxt_equal(int_of(procs_pmap(twin, 1, NULL, &one)), 1);
	/* The modules have one of that name. */
	for (int way = 4; way < 6; way++) {
		const struct procs_options options = way_begin(way);

		pxt_equal(int_of(procs_pmap(twin, 1, &options, &one)), 2);
		way_end();
	}
}

static void expect_known(const struct procs_failed *failed, int round)
{
	switch (failed->cause) {
	case PROCS_CAUSE_EXIT:
	case PROCS_CAUSE_TIMEOUT:
	case PROCS_CAUSE_CORRUPT:
	case PROCS_CAUSE_ENCODE:
	case PROCS_CAUSE_DECODE:
	case PROCS_CAUSE_TOO_BIG:
	case PROCS_CAUSE_SPAWN:
	case PROCS_CAUSE_VERSION:
	case PROCS_CAUSE_UNKNOWN_FUNCTION:
	case PROCS_CAUSE_UNKNOWN:
	case PROCS_CAUSE_CANCELLED:
		break;
	default:
		pxt_failed(__FILE__, __LINE__, "round %d: %s %d: %s", round,
			   procs_cause_name(failed->cause), failed->code, failed->message);
	}
}

/* A worker that finds anything there goes, or does without: it does not crash, and the
 * host's call goes on or can be closed. */
static void spoil(int round, bool calls)
{
	static const int as[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const char *const hellos[] = { "hello", "hullo", "hi", "hey" };
	const struct procs_options *options =
		PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = PATH_MOODY, .workers = 1,
			      .traceback_fd = -1, .timeout_ns = 200000000,
			      .reserve_bytes = 1 << 20);
	struct procs_spec specs[4];
	struct procs_stream *stream;
	struct procs_result result;
	char seed[32];

	snprintf(seed, sizeof(seed), "%d", round);
	setenv("PXT_SEED", seed, 1);
	for (int i = 0; i < 4; i++)
		specs[i] = procs_proc(greet, hellos[i], "you");
	stream = calls       ? procs_call(specs, 4, options)
		 : round % 3 ? procs_pmap(plus, 8, options, as, as)
			     : procs_pmap(greet, 4, options, hellos, hellos);
	pxt_check(stream != NULL);
	/* What it is not told it does not do: then nobody waits for it. */
	while (procs_next_until(stream, &result, procs_deadline(100000000)) > 0)
		if (result.failed != NULL)
			expect_known(result.failed, round);
	pxt_equal(procs_close(stream), 0);
}

static void spoil_many(void *unused)
{
	const char *text = getenv("PROCS_FUZZ_ROUNDS");
	const int rounds = text != NULL ? atoi(text) : 600;

	(void)unused;
	setenv("PXT_MOOD", "spoil", 1);
	for (int round = 0; round < rounds; round++) {
		/* Of each by itself it may take its time. */
		alarm(60);
		spoil(round, round % 2 != 0);
	}
}

static void slots_that_were_spoilt(void **state)
{
	(void)state;
	pxt_isolated(spoil_many, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		pxt_test(values_are_right_in_each),   pxt_test(workers_have_nothing_of_main),
		pxt_test(hooks_go_by_name),           pxt_test(a_hook_that_fails),
		pxt_test(hooks_that_cannot_be_named), pxt_test(tasks_that_cannot_be_named),
		pxt_test(slots_that_were_spoilt),
	};

	procs_worker_hook(argc, argv);
	in_main = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
