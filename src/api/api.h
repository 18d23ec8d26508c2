/*
 * api.h - shared by the files of this room: how a call refuses.
 */
#ifndef PROCS_API_API_H
#define PROCS_API_API_H

#include "base/px.h"

/* Leaves the reason in the thread's procs_last_failure and sets errno; `error`
 * is a positive errno. */
void px_refuse(int error, const char *format, ...) PX_PRINTF(2, 3);

#endif /* PROCS_API_API_H */
