/*
 * reaper.h - how a worker ended: collects exit statuses of our own children,
 * and only those, and sends signals without pid reuse. The only file that waits
 * and kills.
 */
#ifndef PROCS_BACKEND_REAPER_H
#define PROCS_BACKEND_REAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A child of ours. */
struct px_child {
	pid_t pid; /* 0: none */
	int pidfd; /* owned; -1 where the kernel has none */
};

enum px_ending {
	PX_ENDING_NONE = 0, /* it lives, or its end is not known yet */
	PX_ENDING_EXIT,     /* code: exit status */
	PX_ENDING_SIGNAL,   /* code: signal number */
	PX_ENDING_STOLEN    /* gone, and somebody else took the status */
};

struct px_status {
	enum px_ending ending;
	int code;
	bool core_dumped;
};

/* A child just made by fork: opens its pidfd where that is possible. */
struct px_child px_reaper_adopt(pid_t pid);

/* Collects the child if it has ended: then its ending, and the child is none
 * any more, its pidfd closed. Else PX_ENDING_NONE. Does not block. */
struct px_status px_reaper_collect(struct px_child *child);

/* The ending of a child that is on its way out but cannot be collected yet,
 * because the kernel still frees its memory; PX_ENDING_NONE if that is not
 * certain. Reads /proc. */
struct px_status px_reaper_foresee(const struct px_child *child);

/* Whether its first thread has ended, though others may run on. Reads /proc. */
bool px_reaper_headless(const struct px_child *child);

/* Stops the child, or gives up at the deadline: true if it stands. Goes on with
 * px_reaper_resume. */
bool px_reaper_halt(const struct px_child *child, uint64_t deadline);
void px_reaper_resume(const struct px_child *child);

/* Whether a process has that number, one's child or not. */
bool px_reaper_exists(int64_t pid);

/* SIGKILL. */
void px_reaper_kill(const struct px_child *child);

/* Sleeps until one of the children may be collected, or the deadline. */
void px_reaper_wait(const struct px_child *const *children, size_t n, uint64_t deadline);

/* Leaves a child that was killed but does not end (it is in a kernel call) to
 * be collected by a later px_reaper_tidy. Takes the child over. */
void px_reaper_abandon(struct px_child *child);

/* Collects what was abandoned and has ended meanwhile. */
void px_reaper_tidy(void);

/* In a forked child: what its parent abandoned is not its own. */
void px_reaper_after_fork(void);

#endif /* PROCS_BACKEND_REAPER_H */
