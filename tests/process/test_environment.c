/*
 * What tasks read in the environment: that of the host, but for how many threads
 * libraries may start in a worker of a map; and the host's stays as it was.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum {
	CAPS = 6,
	NAMES = CAPS + 4
};

static const char *const names[NAMES] = {
	"OMP_NUM_THREADS",        "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
	"VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS",  "PXT_OTHER",       "PXT_NONE",
	"OMP_NUM_THREADSX",       "OMP_NUM_THREAD",
};

static PROCS_DEFINE1(const char *, value_of, const char *, name)
{
	return getenv(name);
}

/* But for those by which one runs the tests, and which programs that are executed to be
 * workers do not get. */
static int count_variables(void)
{
	int n = 0;

	for (int i = 0; environ != NULL && environ[i] != NULL; i++)
		n += strncmp(environ[i], "LD_", 3) != 0 && strncmp(environ[i], "MALLOC_", 7) != 0;
	return n;
}

static PROCS_DEFINE1(int, variables_here, int, unused)
{
	return count_variables() + unused;
}

static void expect_text(struct procs_stream *stream, const char *expected)
{
	struct procs_result result;
	const char *text;

	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &text), 0);
	if (expected != NULL)
		pxt_text(text, expected);
	else if (text != NULL)
		pxt_failed(__FILE__, __LINE__, "item %llu is \"%s\"",
			   (unsigned long long)result.index, text);
}

static int map_int(struct procs_stream *stream)
{
	struct procs_result result;
	int value = 0;

	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	procs_close(stream);
	return value;
}

/* The names, as the workers of a map read them; NULL for a cap that says 1. */
static void expect_names(const struct procs_options *options, const char *const *expected)
{
	struct procs_stream *stream = procs_pmap(value_of, NAMES, options, names);

	for (int i = 0; i < NAMES; i++)
		expect_text(stream, expected[i]);
	procs_close(stream);
}

static void clear_names(void)
{
	for (int i = 0; i < NAMES; i++)
		unsetenv(names[i]);
}

static void cap(void *unused)
{
	const char *expected[NAMES] = { "1", "1", "1", "1", "1", "1", "abc" };
	const int zero = 0;
	int before;

	(void)unused;
	clear_names();
	setenv("PXT_OTHER", "abc", 1);
	before = count_variables();
	expect_names(NULL, expected);
	expect_names(PROCS_OPTIONS(.workers = 3), expected);
	pxt_equal(map_int(procs_pmap(variables_here, 1, NULL, &zero)), before + CAPS);
	/* In this process nothing is set. */
	for (int i = 0; i < CAPS; i++)
		expected[i] = NULL;
	expect_names(PROCS_OPTIONS(.start = PROCS_START_INLINE), expected);
	pxt_equal(count_variables(), before);
}

static void workers_of_a_map_read_one(void **state)
{
	(void)state;
	pxt_isolated(cap, NULL);
}

PXT_SHARED(_Atomic uint64_t, gate, 1);

static void *wait_in_a_thread(void *unused)
{
	pxt_await(gate, 1);
	return unused;
}

/* There workers are made by fork. */
static void cap_beside_a_thread(void *unused)
{
	pthread_t thread;

	pxt_equal(pthread_create(&thread, NULL, wait_in_a_thread, NULL), 0);
	cap(unused);
	atomic_store(gate, 1);
	pthread_join(thread, NULL);
}

static void a_host_with_threads_makes_no_difference(void **state)
{
	(void)state;
	pxt_isolated(cap_beside_a_thread, NULL);
}

static void set_each(void *unused)
{
	const int zero = 0;

	(void)unused;
	/* Which of them are set, as the bits of a number. */
	for (unsigned set = 0; set < 1 << CAPS; set++) {
		const char *expected[NAMES] = { "1", "1", "1", "1", "1", "1", NULL, NULL, "7", "" };
		int more = 0, before;

		clear_names();
		setenv("OMP_NUM_THREADSX", "7", 1);
		setenv("OMP_NUM_THREAD", "", 1);
		for (int i = 0; i < CAPS; i++) {
			more += !(set >> i & 1);
			if (!(set >> i & 1))
				continue;
			expected[i] = i == 1 ? "" : i == 2 ? "1" : "24";
			setenv(names[i], expected[i], 1);
		}
		before = count_variables();
		expect_names(PROCS_OPTIONS(.workers = 1), expected);
		pxt_equal(map_int(procs_pmap(variables_here, 1, NULL, &zero)), before + more);
	}
}

static void what_the_user_set_stays(void **state)
{
	(void)state;
	pxt_not_by("forkserver", "the environment is that of the server");
	pxt_isolated(set_each, NULL);
}

static void look_at_ours(void *unused)
{
	char **const ours = environ;
	size_t n = 0;
	char **copy, **text;
	struct procs_stream *stream;

	(void)unused;
	while (ours[n] != NULL)
		n++;
	copy = malloc((n + 1) * sizeof(*copy));
	text = malloc(n * sizeof(*text));
	memcpy(copy, ours, (n + 1) * sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		text[i] = strdup(ours[i]);
	stream = procs_pmap(value_of, NAMES, NULL, names);
	for (int i = 0; i < NAMES + 1; i++) {
		struct procs_result result;

		pxt_check(environ == ours);
		pxt_check(memcmp(ours, copy, (n + 1) * sizeof(*copy)) == 0);
		for (size_t k = 0; k < n; k++)
			pxt_text(ours[k], text[k]);
		pxt_equal(procs_next(stream, &result), i < NAMES);
	}
	procs_close(stream);
	pxt_check(environ == ours);
}

static void that_of_the_host_is_left_alone(void **state)
{
	(void)state;
	pxt_isolated(look_at_ours, NULL);
}

static int change_and_read(void *user, struct procs_spec *spec)
{
	int *next = user;

	setenv("PXT_OTHER", *next == 0 ? "first" : "second", 1);
	if (*next == 2)
		setenv("OMP_NUM_THREADS", "5", 1);
	*spec = procs_proc(value_of, *next % 2 == 0 ? "PXT_OTHER" : "OMP_NUM_THREADS");
	return (*next)++ < 4;
}

static void call(void *unused)
{
	static const char *const expected[] = { "first", NULL, "second", "5" };
	int next = 0;
	struct procs_stream *stream;

	(void)unused;
	clear_names();
	stream = procs_call_from(change_and_read, &next,
				 PROCS_OPTIONS(.workers = 1, .window_items = 1));
	for (int i = 0; i < 4; i++)
		expect_text(stream, expected[i]);
	procs_close(stream);
}

/* A process for a single call sees what the host has at that moment, all of it. */
static void calls_see_that_of_the_host(void **state)
{
	(void)state;
	pxt_not_by("forkserver", "the environment is that of the server");
	pxt_isolated(call, NULL);
}

/* All that the C library can do to an environment, to one that it did not make. */
static PROCS_DEFINE1(int, change, int, item)
{
	static char put[] = "PXT_PUT=3";
	int wrong = 0;

	if (item > 0)
		return strcmp(getenv("OMP_NUM_THREADS"), "5") +
		       (getenv("MKL_NUM_THREADS") != NULL) + strcmp(getenv("PXT_NEW"), "x");
	wrong += setenv("PXT_OTHER", "changed", 1) != 0 ||
		 strcmp(getenv("PXT_OTHER"), "changed") != 0;
	wrong += setenv("OMP_NUM_THREADS", "4", 0) != 0 || strcmp(getenv("OMP_NUM_THREADS"), "1");
	wrong += setenv("OMP_NUM_THREADS", "5", 1) != 0 || strcmp(getenv("OMP_NUM_THREADS"), "5");
	wrong += unsetenv("MKL_NUM_THREADS") != 0 || getenv("MKL_NUM_THREADS") != NULL;
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "PXT_%d", i);
		wrong += setenv(name, name, 1) != 0;
	}
	wrong += setenv("PXT_NEW", "x", 1) != 0 || strcmp(getenv("PXT_NEW"), "x") != 0;
	wrong += putenv(put) != 0 || strcmp(getenv("PXT_PUT"), "3") != 0;
	wrong += strcmp(getenv("BLIS_NUM_THREADS"), "1") != 0;
	/* Another program gets it too. */
	wrong += system("test \"$OMP_NUM_THREADS.$MKL_NUM_THREADS.$BLIS_NUM_THREADS\" = 5..1");
	return wrong;
}

static void let_tasks_change(void *unused)
{
	const int items[] = { 0, 1 };
	struct procs_stream *stream;
	struct procs_result result;
	int value;

	(void)unused;
	/* Before the host's first setenv, and after. */
	for (int round = 0; round < 2; round++) {
		stream = procs_pmap(change, 2, PROCS_OPTIONS(.workers = 1), items);
		for (int i = 0; i < 2; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, 0);
		}
		procs_close(stream);
		pxt_check(getenv("OMP_NUM_THREADS") == NULL && getenv("PXT_NEW") == NULL);
		setenv("PXT_OTHER", "abc", 1);
	}
	pxt_text(getenv("PXT_OTHER"), "abc");
}

static void tasks_may_change_their_own(void **state)
{
	(void)state;
	for (int i = 0; i < NAMES; i++)
		pxt_check(getenv(names[i]) == NULL);
	pxt_isolated(let_tasks_change, NULL);
}

/* Sizes around that for which there is room without malloc, none, and many. */
static void grow(void *unused)
{
	enum {
		MOST = 700
	};

	static const char *const expected[NAMES] = { "1", "1", "1", "1", "1", "1", "last" };
	static char text[MOST][16], other[] = "PXT_OTHER=last";
	static char *variables[MOST + 1];
	const int zero = 0;

	(void)unused;
	for (int n = 1; n <= MOST; n += n > 240 && n < 260 ? 1 : 51) {
		for (int i = 0; i < n - 1; i++) {
			snprintf(text[i], sizeof(text[i]), "PXT_%d=1", i);
			variables[i] = text[i];
		}
		variables[n - 1] = other;
		variables[n] = NULL;
		environ = variables;
		expect_names(PROCS_OPTIONS(.workers = 1), expected);
		pxt_equal(map_int(procs_pmap(variables_here, 1, NULL, &zero)), n + CAPS);
	}
	clearenv();
	pxt_equal(map_int(procs_pmap(variables_here, 1, NULL, &zero)), CAPS);
	variables[0] = NULL;
	environ = variables;
	pxt_equal(map_int(procs_pmap(variables_here, 1, NULL, &zero)), CAPS);
}

static void environments_of_any_size_are_taken(void **state)
{
	(void)state;
	pxt_isolated(grow, NULL);
}

static PROCS_DEFINE1(int, variables_below, int, depth)
{
	const int below = depth - 1;

	if (depth == 0)
		return count_variables();
	return map_int(procs_pmap(variables_below, 1, NULL, &below));
}

static void workers_of_workers_set_nothing_twice(void **state)
{
	const int before = count_variables(), depth = 2;

	(void)state;
	pxt_equal(map_int(procs_pmap(variables_below, 1, NULL, &depth)), before + CAPS);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(workers_of_a_map_read_one),
		pxt_test(a_host_with_threads_makes_no_difference),
		pxt_test(what_the_user_set_stays),
		pxt_test(that_of_the_host_is_left_alone),
		pxt_test(calls_see_that_of_the_host),
		pxt_test(tasks_may_change_their_own),
		pxt_test(environments_of_any_size_are_taken),
		pxt_test(workers_of_workers_set_nothing_twice),
	};

	clear_names();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
