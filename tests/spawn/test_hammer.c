/*
 * Threads of the host hammer at malloc, stdio and locks while it maps: workers come up in
 * the middle of that, by each start method, and do the same.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"
#include "tasks.h"

enum {
	THREADS = 6,
	ITEMS = 40
};

#define EACH UINT64_C(1500000000) /* ns of each start method */

static _Atomic bool stop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *shared;

static void *hammer(void *argument)
{
	uint64_t seed = (uint64_t)(uintptr_t)argument;
	void *blocks[32] = { NULL };

	while (!atomic_load(&stop)) {
		const size_t at = pxt_random(&seed) % 32;

		free(blocks[at]);
		blocks[at] = malloc(pxt_random(&seed) % 100000);
		fprintf(shared, "%zu\n", at);
		pthread_mutex_lock(&lock);
		fflush(shared);
		pthread_mutex_unlock(&lock);
		if (at == 0) {
			FILE *own = fopen("/dev/null", "w");

			if (own != NULL)
				fclose(own);
		}
	}
	for (size_t i = 0; i < 32; i++)
		free(blocks[i]);
	return NULL;
}

static void expect_churned(struct procs_stream *stream, const int *seeds, int n)
{
	struct procs_result result;
	int value;

	pxt_check(stream != NULL);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		if (procs_value(&result, &value) != 0)
			pxt_failed(__FILE__, __LINE__, "item %d: %s", i, procs_text(&result));
		pxt_equal(value, seeds[i] + 120);
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static void map_for_a_while(const struct procs_options *options)
{
	const uint64_t until = procs_deadline(EACH);
	int seeds[ITEMS];

	for (int i = 0; i < ITEMS; i++)
		seeds[i] = 7 * i;
	do {
		struct procs_spec specs[4];
		struct procs_pool *pool;

		expect_churned(procs_pmap(churned, ITEMS, options, seeds), seeds, ITEMS);
		for (int i = 0; i < 4; i++)
			specs[i] = procs_proc(churned, seeds[i]);
		expect_churned(procs_call(specs, 4, options), seeds, 4);
		pool = procs_pool_open(options);
		expect_churned(procs_pmap(churned, ITEMS, PROCS_OPTIONS(.pool = pool), seeds),
			       seeds, ITEMS);
		pxt_equal(procs_pool_close(pool), 0);
	} while (procs_deadline(0) < until);
}

/* In a process of its own, so that a hang ends. */
static void hammer_and_map(void *way)
{
	struct procs_options options = { .size = sizeof(options), .start = PROCS_START_FORK };
	pthread_t threads[THREADS];

	shared = fopen("/dev/null", "w");
	pxt_check(shared != NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		pxt_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	if (*(int *)way >= 0)
		options = way_begin(*(int *)way);
	options.workers = 2;
	map_for_a_while(&options);
	way_end();
	pxt_equal(pxt_children(), 0);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pxt_equal(pthread_join(threads[i], NULL), 0);
	fclose(shared);
}

static void try_way(int way)
{
	pxt_isolated(hammer_and_map, &way);
}

static void forks(void **state)
{
	(void)state;
	/* Sanitizers' allocators do not repair their locks in a fork, as that of glibc does. */
	if (pxt_is_instrumented())
		skip();
	try_way(-1);
}

static void this_program_executed(void **state)
{
	(void)state;
	try_way(0);
}

static void a_forkserver_of_this_program(void **state)
{
	(void)state;
	try_way(1);
}

static void a_worker_binary(void **state)
{
	(void)state;
	try_way(2);
}

static void a_forkserver_of_modules(void **state)
{
	(void)state;
	try_way(5);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		pxt_test(forks),
		pxt_test(this_program_executed),
		pxt_test(a_forkserver_of_this_program),
		pxt_test(a_worker_binary),
		pxt_test(a_forkserver_of_modules),
	};

	procs_worker_hook(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
