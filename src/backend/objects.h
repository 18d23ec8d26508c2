/*
 * objects.h - where a process has its program and shared objects: so that an address in
 * a worker that was executed, which has them elsewhere, can be named by its parent.
 */
#ifndef PROCS_BACKEND_OBJECTS_H
#define PROCS_BACKEND_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

enum {
	PX_OBJECTS_MOST = 16,
	PX_OBJECT_PATH = 232
};

/* One of them; also in a slot's file, where the worker writes it. */
struct px_object {
	uint64_t base;             /* what its addresses in the file are moved by */
	uint64_t from, to;         /* where it lies */
	char path[PX_OBJECT_PATH]; /* absolute, NUL-terminated */
};

/* Objects that this process does not have, of workers of one backend, at addresses where
 * nothing is. */
struct px_foreign {
	uint32_t n;
	char path[PX_OBJECTS_MOST][PX_OBJECT_PATH];
};

/* The objects of this process, but those with longer paths. */
size_t px_objects_list(struct px_object *objects);

/* An address of a process with these objects, as that of the same place in this process; or
 * in a foreign object, entered if it is new; or as it is. */
uint64_t px_objects_translate(const struct px_object *objects, size_t n, struct px_foreign *foreign,
			      uint64_t address);

/* Where foreign object number i lies, as it were. */
uint64_t px_foreign_base(uint32_t i);

#endif /* PROCS_BACKEND_OBJECTS_H */
