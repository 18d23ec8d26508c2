/*
 * skew - items of very different length against OpenMP's dynamic schedule with
 * chunks of one: durations are log-normal with a mean of 200 us and sigma 1.5. And
 * what the parent itself uses while it waits for a second:
 *
 *	skew_10000   10,000 items on an open pool, into an array
 *	skew_200     200 items, where one long one at the end decides
 *	waiting      1 ms of CPU time against what the parent used
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <procs/procs.h>

#include "figure.h"

enum {
	MANY = 10000,
	FEW = 200,
	WORKERS = 2
};

static struct procs_pool *pool;
static double *spans; /* ns */
static double *out;

static double spin(double ns)
{
	const uint64_t until = figure_now() + (uint64_t)ns;
	double turns = 0;

	while (figure_now() < until)
		turns++;
	return turns;
}

static PROCS_DEFINE1(double, work, double, ns)
{
	return spin(ns);
}

/* A uniform number in (0, 1), always the same ones. */
static double uniform(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static void draw(void)
{
	const double sigma = 1.5, mean = 200e3, mu = log(mean) - sigma * sigma / 2;
	uint64_t state = 20260101;

	for (int i = 0; i < MANY; i++) {
		const double radius = sqrt(-2 * log(uniform(&state)));
		const double normal = radius * cos(6.283185307179586 * uniform(&state));

		spans[i] = exp(mu + sigma * normal);
	}
}

static double by_procs(void *argument)
{
	const size_t n = *(const int *)argument;
	uint64_t begun;

	figure_rest();
	begun = figure_now();
	if (procs_pmap_into(work, n, out, PROCS_OPTIONS(.pool = pool), spans) != 0)
		return -1;
	return (double)(figure_now() - begun);
}

static double by_openmp(void *argument)
{
	const int n = *(const int *)argument;
	const uint64_t begun = figure_now();

#pragma omp parallel for schedule(dynamic, 1) num_threads(WORKERS)
	for (int i = 0; i < n; i++)
		out[i] = spin(spans[i]);
	return (double)(figure_now() - begun);
}

static double cpu_used(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

/* Two items of a second each. */
static double by_waiting(void *unused)
{
	double *long_ones = procs_array(double, 2), before;

	(void)unused;
	if (long_ones == NULL)
		return -1;
	long_ones[0] = long_ones[1] = 1e9;
	before = cpu_used();
	if (procs_pmap_into(work, 2, out, PROCS_OPTIONS(.pool = pool), long_ones) != 0)
		return -1;
	before = cpu_used() - before;
	procs_array_free(long_ones);
	return before > 1 ? before : 1;
}

static double one_millisecond(void *unused)
{
	(void)unused;
	return 1e6;
}

int main(void)
{
	int many = MANY, few = FEW;
	const struct figure figures[] = {
		{ .name = "skew_10000",
		  .aim = 0.98,
		  .rounds = 7,
		  .ours = by_procs,
		  .reference = by_openmp,
		  .argument = &many },
		{ .name = "skew_200",
		  .aim = 0.98,
		  .rounds = 31,
		  .ours = by_procs,
		  .reference = by_openmp,
		  .argument = &few },
		{ .name = "waiting",
		  .aim = 1.0,
		  .rounds = 5,
		  .ours = by_waiting,
		  .reference = one_millisecond },
	};
	enum figure_status status = FIGURE_REACHED;

	pool = procs_pool_open(PROCS_OPTIONS(.workers = WORKERS));
	spans = procs_array(double, MANY);
	out = procs_array(double, MANY);
	if (pool == NULL || spans == NULL || out == NULL)
		return FIGURE_ERROR;
	draw();
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		status = figure_both(status, figure_run(&figures[i]));
	procs_array_free(spans);
	procs_array_free(out);
	procs_pool_close(pool);
	return (int)status;
}
