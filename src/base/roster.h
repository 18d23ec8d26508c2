/*
 * roster.h - addresses that are in use, each with a number: read by anybody at any
 * time, in a child of fork too. No lock, which a fork might find taken by another
 * thread: a node is added once and stays, for the next address when its own is
 * dropped; so there are as many as were ever in use at once.
 */
#ifndef PROCS_BASE_ROSTER_H
#define PROCS_BASE_ROSTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct px_node {
	_Atomic uintptr_t address; /* 0: free; 1: about to be used */
	_Atomic uint64_t number;
	struct px_node *next;
};

struct px_roster {
	_Atomic(struct px_node *) first;
};

/* False without memory. An address is in it once. */
bool px_roster_add(struct px_roster *roster, const void *address, uint64_t number);

/* Whether it was there; it is not any more. By who added it. */
bool px_roster_drop(struct px_roster *roster, const void *address);

bool px_roster_has(struct px_roster *roster, const void *address);

/* The next address after *at (NULL: the first), its number in *number_out; NULL at the
 * end. What others add or drop meanwhile may be there or not. */
void *px_roster_next(struct px_roster *roster, struct px_node **at, uint64_t *number_out);

#endif /* PROCS_BASE_ROSTER_H */
