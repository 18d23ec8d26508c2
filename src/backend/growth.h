/*
 * growth.h - how much memory of its own a worker has gained.
 */
#ifndef PROCS_BACKEND_GROWTH_H
#define PROCS_BACKEND_GROWTH_H

#include "backend/runner.h"

/* Whether it is more than its order allows. Looks now and then, for some 20 us. */
bool px_grown(struct px_runner *runner, uint64_t now);

#endif /* PROCS_BACKEND_GROWTH_H */
