/*
 * lifeline.h - no worker outlives its host.
 *
 * The host holds the only write end of a pipe. Each slot has a read end of its
 * own, a description and not a copy of one, on which the worker asks for SIGKILL
 * when something happens to it. The kernel closes the write end however the host
 * ends, by exec too, and so kills whoever is tied; stopped or with all signals
 * blocked as well. A fork of the host that is no worker closes its copy of the
 * write end at once.
 *
 * Source of the idea: fcntl(2), F_SETSIG; prctl(2) PR_SET_PDEATHSIG is bound to
 * the thread that forked and knows nothing of exec, so it is only what is left
 * where a read end is not to be had.
 */
#ifndef PROCS_BACKEND_LIFELINE_H
#define PROCS_BACKEND_LIFELINE_H

#include <stdbool.h>
#include <sys/types.h>

/* Another handle of this process has workers, or has them no more. Without a
 * pipe, for want of descriptors, workers fall back as said above. */
void px_lifeline_hold(void);
void px_lifeline_release(void);

/* A read end for the workers of one slot, one after another; -1 if it is not to
 * be had. */
int px_lifeline_end(void);
void px_lifeline_end_close(int end);

/* In the host: ties a child that will tie itself only later, if ever. */
void px_lifeline_tie_other(int end, pid_t child);

/* Whether a descriptor that somebody handed over may be such an end; it is closed by exec
 * from then on. */
bool px_lifeline_accept(int fd);

/* The calling thread's hint for px_lifeline_tie: 0 if a worker must not be tied
 * to the life of that thread. */
pid_t px_lifeline_host(void);

/* In a worker, first thing: ties it. False: the host is gone already. */
bool px_lifeline_tie(int end, pid_t host);

/* In a raw clone, where no pthread_atfork handler ran; nobody holds the lock,
 * since such a host has one thread. */
void px_lifeline_after_fork(void);

#endif /* PROCS_BACKEND_LIFELINE_H */
