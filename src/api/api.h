/*
 * api.h - shared by the files of this room: how a call refuses, how a value is read.
 */
#ifndef PROCS_API_API_H
#define PROCS_API_API_H

#include <procs/task.h>

#include "base/px.h"

/* Leaves the reason in the thread's procs_last_failure and sets errno; `error`
 * is a positive errno. */
void px_refuse(int error, const char *format, ...) PX_PRINTF(2, 3);

/* Whether an object of a task's result type may be read into a variable of
 * another, see procs_value_as; and reads it: 0, -EINVAL, -ERANGE. */
bool px_type_reads_as(const struct procs_type *type, size_t size, int code);
int px_type_read(const struct procs_type *type, const void *object, void *value, size_t size,
		 int code);

#endif /* PROCS_API_API_H */
