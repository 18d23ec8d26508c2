/*
 * What takes long: workers killed at random instants, results of 1 GiB and of
 * more than 4, a million processes.
 *
 * PROCS_TEST_HITS sets the number of kills (default 1,000), PROCS_TEST_HUGE=1
 * runs what needs 10 GB of memory, PROCS_TEST_PROCESSES the number of processes
 * of the long call (default 20,000; soak: 1,000,000).
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

static long number_of(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static PROCS_DEFINE2(uint64_t, busy, uint64_t, x, int, turns)
{
	volatile uint64_t sum = x;

	for (int i = 0; i < turns; i++)
		sum += 1;
	return sum - (uint64_t)turns;
}

static PROCS_DEFINE2(const char *, busy_text, uint64_t, x, int, turns)
{
	char *text = procs_scratch(40);

	snprintf(text, 40, "%llu", (unsigned long long)busy(x, turns));
	return text;
}

/* A process whose parent is `host`, but not the caller; 0 if there is none. */
static pid_t some_child(pid_t host, uint64_t *seed)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;
	uint64_t n = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		char path[300], text[1024], *at, state;
		int parent = 0;
		FILE *file;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(text, sizeof(text), file) != NULL && (at = strrchr(text, ')')) != NULL &&
		    sscanf(at + 1, " %c %d", &state, &parent) == 2 && parent == host &&
		    state != 'Z' && pxt_random(seed) % ++n == 0)
			found = atoi(entry->d_name);
		fclose(file);
	}
	if (directory != NULL)
		closedir(directory);
	return found;
}

/* Kills children of its parent at random moments until it is killed itself. */
static pid_t start_killer(_Atomic uint64_t *hits, uint64_t seed)
{
	const pid_t host = getpid(), killer = fork();

	if (killer != 0)
		return killer;
	while (getppid() == host) {
		const pid_t victim = some_child(host, &seed);

		usleep((useconds_t)(pxt_random(&seed) % 700));
		if (victim != 0 && kill(victim, SIGKILL) == 0)
			atomic_fetch_add(hits, 1);
	}
	_exit(0);
}

/* One stream under fire; returns its failed items, each of which must have been
 * hit. */
static uint64_t under_fire(int form, uint64_t *seed)
{
	enum {
		N = 3000
	};

	static uint64_t xs[N];
	static int turns[N];
	static struct procs_spec specs[N];
	static bool seen[N];
	const struct procs_options *options =
		PROCS_OPTIONS(.workers = (uint32_t)(pxt_random(seed) % 4 + 1),
			      .order = (uint32_t)(pxt_random(seed) % 2));
	const int n = form == 2 ? N / 10 : N;
	struct procs_stream *stream;
	struct procs_result result;
	uint64_t failed = 0, value;
	const char *text;

	for (int i = 0; i < n; i++) {
		xs[i] = pxt_random(seed);
		turns[i] = (int)(pxt_random(seed) % 20000);
		specs[i] = procs_proc(busy, xs[i], turns[i]);
	}
	memset(seen, 0, sizeof(seen));
	stream = form == 0   ? procs_pmap(busy, (size_t)n, options, xs, turns)
		 : form == 1 ? procs_pmap(busy_text, (size_t)n, options, xs, turns)
			     : procs_call(specs, (size_t)n, options);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.index < (uint64_t)n && !seen[result.index]);
		if (options->order == PROCS_ORDER_INPUT)
			pxt_equal(result.index, i);
		seen[result.index] = true;
		if (result.failed != NULL) {
			if (result.failed->cause != PROCS_CAUSE_SIGNAL ||
			    result.failed->code != SIGKILL)
				pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
			failed++;
		} else if (form == 1) {
			pxt_equal(procs_value(&result, &text), 0);
			pxt_check(strtoull(text, NULL, 10) == xs[result.index]);
		} else {
			pxt_equal(procs_value(&result, &value), 0);
			pxt_check(value == xs[result.index]);
		}
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
	return failed;
}

PXT_SHARED(_Atomic uint64_t, hits, 1);

static void kills_cost_at_most_the_items_they_hit(void **state)
{
	const uint64_t wanted = (uint64_t)number_of("PROCS_TEST_HITS", 1000);
	uint64_t failed = 0, seed = (uint64_t)number_of("PROCS_TEST_SEED", 1);
	const pid_t killer = start_killer(hits, seed + 77);
	const time_t start = time(NULL);
	int streams = 0;

	(void)state;
	for (; atomic_load(hits) < wanted && time(NULL) - start < 1000; streams++)
		failed += under_fire(streams % 3, &seed);
	kill(killer, SIGKILL);
	waitpid(killer, NULL, 0);
	print_message("%llu kills, %llu items failed, %d streams\n",
		      (unsigned long long)atomic_load(hits), (unsigned long long)failed, streams);
	pxt_check(atomic_load(hits) >= wanted);
	pxt_check(failed <= atomic_load(hits));
}

static int fill(struct procs_task *task)
{
	uint64_t size;
	unsigned char *room;
	size_t length;

	memcpy(&size, procs_argument(task, 0, &length), sizeof(size));
	room = procs_reserve(task, size);
	if (room == NULL)
		return errno;
	for (uint64_t at = 0; at < size; at += 4096)
		room[at] = (unsigned char)(at >> 12);
	room[size - 1] = 0x77;
	return procs_commit(task, size);
}

static PROCS_TASK(fill, fill);

static void one_large_result(uint64_t size, uint32_t copy)
{
	struct procs_spec spec = procs_raw(procs_function_of(fill), &size, sizeof(size));
	struct procs_stream *stream = procs_call(&spec, 1, PROCS_OPTIONS(.copy_results = copy));
	struct procs_result result;
	const unsigned char *bytes;
	size_t got;

	pxt_equal(procs_next(stream, &result), 1);
	if (result.failed != NULL)
		pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
	bytes = procs_view(&result, &got);
	pxt_equal(got, size);
	for (uint64_t at = 0; at + 4096 < size; at += 4096)
		if (bytes[at] != (unsigned char)(at >> 12))
			pxt_failed(__FILE__, __LINE__, "differs at %llu", (unsigned long long)at);
	pxt_equal(bytes[size - 1], 0x77);
	procs_close(stream);
}

static void a_gibibyte_arrives(void **state)
{
	(void)state;
	if (pxt_is_valgrind())
		skip();
	one_large_result(UINT64_C(1) << 30, 0);
	one_large_result((UINT64_C(1) << 30) + 1, 1);
}

static void more_than_four_gibibytes_arrive(void **state)
{
	(void)state;
	if (number_of("PROCS_TEST_HUGE", 0) == 0)
		skip();
	one_large_result((UINT64_C(4) << 30) + 1, 0);
	one_large_result((UINT64_C(2) << 30) + 1, 1);
}

static int endless(void *user, struct procs_spec *spec)
{
	uint64_t *next = user;

	*spec = procs_proc(busy, (*next)++, 0);
	return 1;
}

static void many_processes_take_equal_memory(void **state)
{
	const uint64_t n = (uint64_t)number_of("PROCS_TEST_PROCESSES", 20000);
	struct procs_stream *stream;
	struct procs_result result;
	uint64_t next = 0, value;
	long early = 0;

	(void)state;
	stream = procs_call_from(endless, &next, PROCS_OPTIONS(.window_items = 64));
	for (uint64_t i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_check(value == i);
		if (i == 1000)
			early = pxt_resident();
	}
	print_message("resident: %ld KiB after 10^3 items, %ld after %llu\n", early, pxt_resident(),
		      (unsigned long long)n);
	/* A delayed item lets up to 64 results wait, with a page each, in one slot after another:
	 * six slots keep what they once had. */
	if (!pxt_is_instrumented())
		pxt_check(pxt_resident() <= early + 1536);
	procs_close(stream);
}

#define BEYOND (UINT64_C(1) << 32)

/* Items without arguments or values: there is nothing but their number. */
static PROCS_DEFINE0(void, fails_beyond)
{
	const uint64_t index = procs_index();

	if (index % (BEYOND + 77) == BEYOND + 5)
		procs_fail(EDOM, "item %llu", (unsigned long long)index);
}

static PROCS_PURE0(void, does_nothing)
{
}

/* No memory an item, and no item lost count of. */
static void more_items_than_32_bits_count(void **state)
{
	static struct procs_failures failures;
	struct procs_pool *pool = procs_pool_open(NULL);
	const long before = pxt_resident();

	(void)state;
	pxt_equal(procs_pmap_into_listed(fails_beyond, BEYOND + 1000, (char *)NULL, &failures,
					 PROCS_OPTIONS(.pool = pool, .traceback_fd = -1)),
		  1);
	pxt_equal(failures.listed[0].index, BEYOND + 5);
	pxt_text(failures.listed[0].message, "item 4294967301");
	pxt_equal(procs_pmap_into(does_nothing, UINT64_C(1) << 40, (char *)NULL,
				  PROCS_OPTIONS(.pool = pool)),
		  0);
	pxt_check(pxt_resident() < before + (8 << 10));
	procs_pool_close(pool);
}

/* Longer than a worker with work may do nothing. */
static int load_for_long(void *seconds)
{
	return sleep(*(const unsigned *)seconds) == 0 ? 0 : EINTR;
}

PROCS_INIT(load_for_long);

static PROCS_DEFINE1(int, next_of, int, x)
{
	return x + 1;
}

static void a_slow_hook_is_waited_for(void **state)
{
	unsigned *seconds = procs_array(unsigned, 1);
	const int xs[4] = { 0, 1, 2, 3 };
	struct procs_stream *stream;
	struct procs_result result;
	int value;

	(void)state;
	*seconds = 12;
	stream = procs_pmap(
		next_of, 4,
		PROCS_OPTIONS(.workers = 2, .init = load_for_long, .hooks_user = seconds), xs);
	for (int i = 0; i < 4; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, i + 1);
	}
	procs_close(stream);
	pxt_equal(procs_array_free(seconds), 0);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(more_items_than_32_bits_count),
		pxt_test(kills_cost_at_most_the_items_they_hit),
		pxt_test(a_slow_hook_is_waited_for),
		pxt_test(a_gibibyte_arrives),
		pxt_test(more_than_four_gibibytes_arrive),
		pxt_test(many_processes_take_equal_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
