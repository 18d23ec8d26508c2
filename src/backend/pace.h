/*
 * pace.h - how many items a worker carves at once: so many that a chunk takes
 * about the time aimed at, by its own clock.
 */
#ifndef PROCS_BACKEND_PACE_H
#define PROCS_BACKEND_PACE_H

#include <stdint.h>

struct px_pace {
	uint64_t target_ns; /* of a chunk */
	uint64_t items;     /* run so far, older ones counting less and less */
	uint64_t spent_ns;  /* on them */
	uint32_t chunk;     /* the last one */
};

/* Nothing known yet: the first chunk is one item. */
struct px_pace px_pace_begin(uint64_t target_ns);

/* Items of the next chunk, at least 1: never more than 16 times the last, so
 * that one short item does not bundle long ones. */
uint32_t px_pace_next(struct px_pace *pace);

/* Adds what was measured. The estimate is of sums, never of the last chunk
 * alone: one item of a skewed lot misjudges the mean tenfold. */
void px_pace_add(struct px_pace *pace, uint64_t items, uint64_t spent_ns);

/* ns an item takes by now; 0 while unknown. */
uint64_t px_pace_item(const struct px_pace *pace);

#endif /* PROCS_BACKEND_PACE_H */
