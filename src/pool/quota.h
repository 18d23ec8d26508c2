/*
 * quota.h - how many CPUs the quotas of control groups leave this process: in a
 * container the host's CPUs may all be allowed and yet hardly be had.
 */
#ifndef PROCS_POOL_QUOTA_H
#define PROCS_POOL_QUOTA_H

#include <stdint.h>

#define PX_QUOTA_NONE UINT32_MAX

/*
 * The CPUs, rounded up, that the smallest quota fills which holds for the calling
 * thread, and so for processes that it makes; PX_QUOTA_NONE if there is none, and
 * wherever something cannot be read or is not understood. `root` stands in front of
 * every path: "" outside tests.
 *
 * Nothing is kept, for a quota may be changed and a process be moved at any time:
 * two files of /proc and one or two a level, some tens of microseconds in all.
 * Allocates nothing, is no cancellation point, leaves errno alone.
 */
uint32_t px_quota_cpus(const char *root);

#endif /* PROCS_POOL_QUOTA_H */
