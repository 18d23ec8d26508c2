/*
 * pool.h - workers that outlive a stream: what a pool is to the calls above, and
 * whether a stream may have its workers now.
 */
#ifndef PROCS_POOL_POOL_H
#define PROCS_POOL_POOL_H

#include <procs/procs.h>

#include "pool/config.h"

/* Opens a pool and makes its workers. 0 or a negative errno: as px_stream_open,
 * -EAGAIN or -ENOMEM if not one worker could be made. */
int px_pool_open(struct procs_pool **pool_out, const struct px_config *config);

/* As procs_pool_close. */
int px_pool_close(struct procs_pool *pool);

/* Whether this process may open a stream on it: 0, -EINVAL for what is no pool
 * that is open, -EPERM, -EBUSY. */
int px_pool_usable(const struct procs_pool *pool);

/* Whether its workers see arrays that were made after them. */
bool px_pool_sees_arrays(const struct procs_pool *pool);

/* What a stream on it has to take as it is: workers, start, reserve. */
void px_pool_config(const struct procs_pool *pool, struct px_config *config);

#endif /* PROCS_POOL_POOL_H */
