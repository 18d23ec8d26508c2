/*
 * arrays.h - memory of the user's that workers see without copying.
 *
 * All arrays of a process lie in one region of shared pages, reserved before the
 * first worker that is to see them is made: so workers see arrays that were made
 * after them as well. Workers have the region read-only, but for the array that the
 * order of the moment writes. There is no region while nobody holds it.
 */
#ifndef PROCS_BACKEND_ARRAYS_H
#define PROCS_BACKEND_ARRAYS_H

#include <stdbool.h>
#include <stdint.h>

/* Workers are about to be made that should see arrays to come; and are gone. False,
 * and not held, where there is no address space: then they see none. */
bool px_arrays_hold(void);
void px_arrays_release(void);

/* [size] bytes, on pages of their own; NULL without. */
void *px_arrays_take(uint64_t size);

/* Gives an array back: 0, or -EINVAL for what is none of this process. */
int px_arrays_give(void *array);

enum px_place {
	PX_PLACE_ELSEWHERE, /* no array of this process begins or goes on at `base` */
	PX_PLACE_ARRAY,     /* all the bytes lie in one */
	PX_PLACE_BEYOND     /* they begin where arrays lie, and do not lie in one */
};

/* Where these bytes lie. */
enum px_place px_arrays_place(uint64_t base, uint64_t size);

/* The region for workers that do not inherit it: where it lies here, and its file,
 * borrowed; -1 if there is none. It stays while any of its arrays does. */
struct px_region_file {
	uint64_t base, size;
	int file;
};

struct px_region_file px_arrays_file(void);

/* In a fork that stays but is no worker: it has no arrays. */
void px_arrays_forget(void);

/* In a worker: from here on it may only read arrays; and may write these bytes of
 * them; and no more. */
void px_arrays_seal(void);
void px_arrays_open(uint64_t base, uint64_t size);
void px_arrays_shut(uint64_t base, uint64_t size);

#endif /* PROCS_BACKEND_ARRAYS_H */
