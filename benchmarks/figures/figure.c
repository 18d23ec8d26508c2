#include "figure.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS = 15,
	ROUNDS_MOST = 201,
	PROBES = 5,
	PROCESSES = 2
};

#define PROBE_NS    50000000u /* of spinning */
#define PROBE_LEAST 1.9

uint64_t figure_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void figure_rest(void)
{
	const struct timespec rest = { .tv_nsec = 20000000 };

	nanosleep(&rest, NULL);
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double figure_median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), ascending);
	return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static uint64_t spin(uint64_t until)
{
	uint64_t turns = 0;

	for (; figure_now() < until; turns++)
		for (volatile int i = 0; i < 1000; i++)
			;
	return turns;
}

/* How much work n processes do at once, as against one. */
static uint64_t spin_by(int n)
{
	uint64_t *turns =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const uint64_t until = figure_now() + PROBE_NS;
	pid_t pids[PROCESSES];
	uint64_t sum = 0;

	if (turns == MAP_FAILED)
		return 0;
	for (int i = 1; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			turns[i] = spin(until);
			_exit(0);
		}
	}
	turns[0] = spin(until);
	for (int i = 1; i < n; i++)
		waitpid(pids[i], NULL, 0);
	for (int i = 0; i < n; i++)
		sum += turns[i];
	munmap(turns, 4096);
	return sum;
}

static double capacity(void)
{
	double ratios[PROBES];

	for (int i = 0; i < PROBES; i++) {
		const double one = (double)spin_by(1);

		ratios[i] = one > 0 ? (double)spin_by(PROCESSES) / one : 0;
	}
	return figure_median(ratios, PROBES);
}

enum figure_status figure_run(const struct figure *figure)
{
	const int n = figure->rounds > 0 && figure->rounds < ROUNDS_MOST ? figure->rounds : ROUNDS;
	double ratios[ROUNDS_MOST], ours[ROUNDS_MOST], references[ROUNDS_MOST];
	const double before = capacity();
	double reached, after;

	/* Once for nothing: pages, caches, the clock of the processor. */
	if (figure->ours(figure->argument) < 0 || figure->reference(figure->argument) < 0)
		return FIGURE_ERROR;
	for (int i = 0; i < n; i++) {
		/* Who is first changes: what comes second may find a warmer machine. */
		if (i % 2 == 0)
			references[i] = figure->reference(figure->argument);
		ours[i] = figure->ours(figure->argument);
		if (i % 2 != 0)
			references[i] = figure->reference(figure->argument);
		if (ours[i] <= 0 || references[i] <= 0)
			return FIGURE_ERROR;
		ratios[i] = references[i] / ours[i];
	}
	after = capacity();
	reached = figure_median(ratios, n);
	printf("figure %s aim >= %.2f reached %.3f [%.3f..%.3f] n=%d\n", figure->name, figure->aim,
	       reached, ratios[n / 4], ratios[n - 1 - n / 4], n);
	printf("  ours %.3g, reference %.3g (medians); two processes do %.2f and %.2f times the work "
	       "of one\n",
	       figure_median(ours, n), figure_median(references, n), before, after);
	fflush(stdout);
	if (reached >= figure->aim)
		return FIGURE_REACHED;
	return before < PROBE_LEAST || after < PROBE_LEAST ? FIGURE_VOID : FIGURE_MISSED;
}

enum figure_status figure_both(enum figure_status a, enum figure_status b)
{
	if (a == FIGURE_ERROR || b == FIGURE_ERROR)
		return FIGURE_ERROR;
	if (a == FIGURE_MISSED || b == FIGURE_MISSED)
		return FIGURE_MISSED;
	return a == FIGURE_VOID ? a : b;
}
