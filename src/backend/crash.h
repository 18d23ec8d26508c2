/*
 * crash.h - a worker that crashes says where: signal, address and the frames of
 * its stack, into its slot. The parent reads it after the death, see
 * shm/report.h, and finds the names, see symbols.h.
 *
 * The handlers are the worker's alone: the host's are reset at entry as exec
 * would (its crash reporter may wait for a thread that the fork did not copy),
 * and those that a task sets replace ours. After the report the signal takes its
 * default action, so that status and core file stay true.
 */
#ifndef PROCS_BACKEND_CRASH_H
#define PROCS_BACKEND_CRASH_H

#include <stdint.h>

#include "shm/report.h"

/* In a worker, at its entry: handlers for SEGV, BUS, FPE, ILL, ABRT, SYS and
 * TRAP where these have their default, on a stack of their own. */
void px_crash_watch(struct px_report *report);

/* The caller is about to call the task, in the worker's own thread: what lies
 * below it on the stack is of no interest. */
void px_crash_floor(void);

#endif /* PROCS_BACKEND_CRASH_H */
