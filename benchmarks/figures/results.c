/*
 * results - large results, and what it costs to know who is to blame:
 *
 *	results_ring   1,000 results of 1 MiB, produced in place by one worker and read
 *	               by the parent, against a bare ring of shared memory between two
 *	               processes that spin
 *	results_memory the peak of the parent's memory meanwhile, against that of the ring's
 *	               and 8 MB
 *	plain_stores   that ring written as memcpy does, against stores that go past the
 *	               caches, which a slot therefore does not use
 *	tolerance      a pure task over 10^8 ints against the same without a store of
 *	               progress: what exact blame costs
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <procs/procs.h>

#include "figure.h"
#include "large.h"

enum {
	RING = 16, /* MiB in flight, as many as the default window */
	WORKERS = 2,
	N = 100000000
};

/* --- large results --- */

static struct procs_pool *one;

static double results_by_procs(void *unused)
{
	(void)unused;
	return large_by_procs(one);
}

struct ring {
	_Alignas(64) _Atomic uint64_t written;
	_Alignas(64) _Atomic uint64_t read;
	_Alignas(4096) unsigned char slot[RING][LARGE_BYTES];
};

static struct ring *ring;

static void fill_ring(void (*fill)(unsigned char *, uint64_t))
{
	for (uint64_t i = 0; i < LARGE_RESULTS; i++) {
		while (atomic_load_explicit(&ring->read, memory_order_acquire) + RING <= i)
			;
		fill(ring->slot[i % RING], i);
		atomic_store_explicit(&ring->written, i + 1, memory_order_release);
	}
}

static double through_ring(void (*fill)(unsigned char *, uint64_t))
{
	uint64_t begun;
	int status = 1;
	pid_t child;

	atomic_store(&ring->written, 0);
	atomic_store(&ring->read, 0);
	begun = figure_now();
	child = fork();
	if (child == 0) {
		fill_ring(fill);
		_exit(0);
	}
	for (uint64_t i = 0; i < LARGE_RESULTS; i++) {
		while (atomic_load_explicit(&ring->written, memory_order_acquire) <= i)
			;
		if (!large_right(ring->slot[i % RING], i))
			return -1;
		atomic_store_explicit(&ring->read, i + 1, memory_order_release);
	}
	waitpid(child, &status, 0);
	return status == 0 ? (double)(figure_now() - begun) : -1;
}

static double results_by_ring(void *unused)
{
	(void)unused;
	return through_ring(large_fill);
}

static double results_by_ring_past_caches(void *unused)
{
	(void)unused;
	return through_ring(large_fill_past_caches);
}

/* --- blame --- */

static struct procs_pool *pool;
static int *as, *bs, *sums;

static PROCS_PURE2(int, sum, int, x, int, y)
{
	return 5 * x + 3 * y;
}

/* The loop that PROCS_PURE2 writes, without its store. */
static void forgetful_loop(struct procs_loop *loop)
{
	const int *restrict x = (const void *)(loop->argument[0] + loop->next * sizeof(int));
	const int *restrict y = (const void *)(loop->argument[1] + loop->next * sizeof(int));
	int *restrict out = (void *)(loop->out + loop->next * sizeof(int));
	uint64_t at = 0;

	for (; at + PROCS_BLOCK_ITEMS <= loop->end - loop->next; at += PROCS_BLOCK_ITEMS)
		for (uint64_t i = 0; i < PROCS_BLOCK_ITEMS; i++)
			out[at + i] = 5 * x[at + i] + 3 * y[at + i];
	for (; at < loop->end - loop->next; at++)
		out[at] = 5 * x[at] + 3 * y[at];
	loop->next = loop->end;
}

static struct procs_function forgetful;

static double blaming(void *unused)
{
	const uint64_t begun = figure_now();

	(void)unused;
	if (procs_pmap_into(sum, N, sums, PROCS_OPTIONS(.pool = pool), as, bs) != 0)
		return -1;
	return (double)(figure_now() - begun);
}

static double forgetting(void *unused)
{
	const void *const arrays[] = { as, bs };
	const uint64_t begun = figure_now();

	(void)unused;
	if (procs_pmap_into_arrays(&forgetful, N, sums, sizeof(*sums), PROCS_CODE(int),
				   PROCS_OPTIONS(.pool = pool), NULL, arrays, 2) != 0)
		return -1;
	return (double)(figure_now() - begun);
}

/* --- memory --- */

/* Peak bytes of a process of its own that runs it, after what it was born with. */
static double memory_of(double (*run)(void *))
{
	_Atomic long *peak =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rusage usage;
	pid_t child;
	long before;

	if (peak == MAP_FAILED)
		return -1;
	child = fork();
	if (child == 0) {
		getrusage(RUSAGE_SELF, &usage);
		before = usage.ru_maxrss;
		if (run(NULL) > 0 && getrusage(RUSAGE_SELF, &usage) == 0)
			*peak = usage.ru_maxrss - before;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	before = *peak;
	munmap(peak, 4096);
	return before > 0 ? 1024.0 * (double)before : -1;
}

static double results_by_new_procs(void *unused)
{
	double span;

	one = procs_pool_open(PROCS_OPTIONS(.workers = 1));
	span = one != NULL ? results_by_procs(unused) : -1;
	procs_pool_close(one);
	return span;
}

static double memory_by_procs(void *unused)
{
	(void)unused;
	return memory_of(results_by_new_procs);
}

static double memory_by_ring(void *unused)
{
	(void)unused;
	return memory_of(results_by_ring) + 8e6;
}

int main(void)
{
	static const struct figure results = { .name = "results_ring",
					       .aim = 0.85,
					       .rounds = 21,
					       .ours = results_by_procs,
					       .reference = results_by_ring };
	static const struct figure memory = { .name = "results_memory",
					      .aim = 1,
					      .rounds = 7,
					      .ours = memory_by_procs,
					      .reference = memory_by_ring };
	static const struct figure stores = { .name = "plain_stores",
					      .aim = 1,
					      .ours = results_by_ring,
					      .reference = results_by_ring_past_caches };
	static const struct figure tolerance = { .name = "tolerance",
						 .aim = 0.952,
						 .rounds = 21,
						 .ours = blaming,
						 .reference = forgetting };
	enum figure_status status;

	large_prepare();
	forgetful = *procs_function_of(sum);
	forgetful.loop = forgetful_loop;
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		return FIGURE_ERROR;
	status = figure_run(&memory);
	one = procs_pool_open(PROCS_OPTIONS(.workers = 1));
	pool = procs_pool_open(PROCS_OPTIONS(.workers = WORKERS));
	as = procs_array(int, N);
	bs = procs_array(int, N);
	sums = procs_array(int, N);
	if (one == NULL || pool == NULL || as == NULL || bs == NULL || sums == NULL)
		return FIGURE_ERROR;
	for (int i = 0; i < N; i++) {
		as[i] = i;
		bs[i] = -2 * (i % 1000);
	}
	status = figure_both(status, figure_run(&results));
	status = figure_both(status, figure_run(&stores));
	status = figure_both(status, figure_run(&tolerance));
	procs_pool_close(one);
	procs_pool_close(pool);
	procs_array_free(as);
	procs_array_free(bs);
	procs_array_free(sums);
	return (int)status;
}
