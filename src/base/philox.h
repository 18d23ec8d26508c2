/*
 * philox.h - random numbers that are a function of a key and a counter, and of
 * nothing else: whoever computes one, wherever and in whatever order, gets the
 * same.
 */
#ifndef PROCS_BASE_PHILOX_H
#define PROCS_BASE_PHILOX_H

#include <stdint.h>

/* Two numbers of 64 bits: word 2k of the algorithm's four is the lower half of
 * out[k], word 2k + 1 the upper one; counter and key likewise. About 15 ns;
 * async-signal-safe. */
void px_philox(const uint64_t counter[2], uint64_t key, uint64_t out[2]);

#endif /* PROCS_BASE_PHILOX_H */
