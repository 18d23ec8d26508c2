/*
 * large.h - results of 1 MiB that do not compress, for those who move them.
 */
#ifndef BENCHMARKS_FIGURES_LARGE_H
#define BENCHMARKS_FIGURES_LARGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LARGE_RESULTS = 1000,
	LARGE_BYTES = 1 << 20
};

/* Before all others: makes what they copy and compare with. */
void large_prepare(void);

/* Writes the LARGE_BYTES of result i; reads them, and says whether they are right. */
void large_fill(unsigned char *bytes, uint64_t i);
/* The same with stores that go past the caches, where there are such. */
void large_fill_past_caches(unsigned char *bytes, uint64_t i);
bool large_right(const unsigned char *bytes, uint64_t i);

struct procs_pool;

/* All results by one worker of a pool, in place, to the caller who reads them: ns, or
 * -1. In large_procs.c. */
double large_by_procs(struct procs_pool *pool);

#endif
