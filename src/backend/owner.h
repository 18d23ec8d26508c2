/*
 * owner.h - which process this is, so that a handle that came along through
 * fork is recognised, and how deep in workers it is.
 */
#ifndef PROCS_BACKEND_OWNER_H
#define PROCS_BACKEND_OWNER_H

#include <stdint.h>

enum {
	PX_DEPTH_MOST = 4 /* workers inside workers: this deep, no handle is opened */
};

/* A number that this process has and none of its ancestors; 0 without memory.
 * It lives in memory that the kernel empties at fork, because comparing pids
 * fails when a pid is used again. */
uint64_t px_owner_self(void);

/* How many workers this process is inside of: 0 in the host. */
unsigned px_owner_depth(void);

/* In a worker just born, of a parent that deep. */
void px_owner_descend(unsigned depth);

#endif /* PROCS_BACKEND_OWNER_H */
