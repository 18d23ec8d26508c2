/*
 * attach.h - becomes a worker of a parent whose memory this process does not have, by the
 * descriptors that it was given.
 */
#ifndef PROCS_BACKEND_ATTACH_H
#define PROCS_BACKEND_ATTACH_H

#include <stdint.h>

#include "backend/handover.h"
#include "base/px.h"

/* How this process was made. */
struct px_origin {
	bool cloned;       /* raw, by a forkserver: its pid is known to its parent */
	void *robust_list; /* then: px_life_list of the forkserver */
	int32_t host;      /* and the pid whose death ends it where there is no lifeline; or 0 */
};

/* Works until it is dismissed, or refuses with a reply, and ends. */
PX_NORETURN void px_attach(const int handed[PX_HANDED_N], struct px_origin origin);

/* The same in an executed program; whether it was given a slot at all. */
PX_NORETURN void px_attach_executed(void);
bool px_attach_is_called(void);

/* Says by descriptor 3 of an executed program why there will be no worker. False: that is
 * no slot. */
bool px_attach_refuse(const struct px_reply *reply);

#endif /* PROCS_BACKEND_ATTACH_H */
