/*
 * tidy.h - what tasks leave behind in a worker that stays. What can be put back is,
 * before the next stream's first item: the signal mask, handlers, interval timers, the
 * working directory and the umask. What cannot be, or should not, has another worker
 * take its place: other ids or limits, threads that still run, other descriptors.
 */
#ifndef PROCS_BACKEND_TIDY_H
#define PROCS_BACKEND_TIDY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
	PX_SIGNALS = 64
};

struct px_tidy {
	bool tidy;    /* nothing has run since it was put back */
	bool spoiled; /* for good */
	sigset_t mask;
	struct sigaction actions[PX_SIGNALS + 1];
	int directory; /* of its own, or -1 */
	mode_t umask;
	uid_t users[3];
	gid_t groups[3];
	struct rlimit limits[RLIM_NLIMITS];
	int free_number; /* the lowest, of descriptors; -1: unknown */
	bool threads;    /* more than one, as under ThreadSanitizer */
};

/* How a worker was born. */
void px_tidy_note(struct px_tidy *tidy);

/* Puts back what can be, unless nothing has run since. False: something is left that
 * cannot. */
bool px_tidy_up(struct px_tidy *tidy);

#endif /* PROCS_BACKEND_TIDY_H */
