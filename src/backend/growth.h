/*
 * growth.h - how much memory of its own a worker has gained.
 */
#ifndef PROCS_BACKEND_GROWTH_H
#define PROCS_BACKEND_GROWTH_H

#include <stdint.h>

#include "backend/runner.h"

/* Bytes of this process that are resident and no file's; 0 where /proc is missing. */
uint64_t px_own_bytes(void);

/* Whether it is more than its order allows. Looks now and then, for some 20 us. */
bool px_grown(struct px_runner *runner, uint64_t now);

#endif /* PROCS_BACKEND_GROWTH_H */
