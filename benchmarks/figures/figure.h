/*
 * figure.h - a figure: two ways to do the same, measured in turn in one run.
 *
 * Machines are shared and noisy, so a figure is the median of ratios of
 * neighbouring measurements, never a time; and it is void where two processes
 * that spin do not get nearly twice what one gets.
 */
#ifndef BENCHMARKS_FIGURES_FIGURE_H
#define BENCHMARKS_FIGURES_FIGURE_H

#include <stdint.h>

enum figure_status {
	FIGURE_REACHED = 0,
	FIGURE_MISSED = 1,
	FIGURE_ERROR = 2,
	FIGURE_VOID = 77
};

struct figure {
	const char *name;
	double aim; /* reference time / our time must be at least this */
	int rounds; /* pairs of measurements; 0: 15 */
	/* Each does its work once and returns how long one unit of it took, in any unit that is
	 * the same for both; negative: it failed. */
	double (*ours)(void *argument);
	double (*reference)(void *argument);
	void *argument;
};

/* Measures, prints "figure NAME aim >= X reached Y [lo..hi] n=K" and the medians
 * of both sides, and returns the exit status for it. */
enum figure_status figure_run(const struct figure *figure);

/* The worst of two statuses. */
enum figure_status figure_both(enum figure_status a, enum figure_status b);

/* Sleeps for 20 ms: OpenMP's threads spin for a while when they are done. */
void figure_rest(void);

/* CLOCK_MONOTONIC, ns. */
uint64_t figure_now(void);

/* The median; sorts the values. */
double figure_median(double *values, int n);

#endif
