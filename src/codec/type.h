/*
 * type.h - C types as lists of leaves: what a value consists of, byte by byte.
 *
 * A plan is made from what PROCS_DEFINE and PROCS_STRUCT wrote into the
 * program, once per task and stream; encoding and decoding then only walk its
 * leaves. It knows nothing of tpl but the letters.
 */
#ifndef PROCS_CODEC_TYPE_H
#define PROCS_CODEC_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <procs/task.h>

enum {
	PX_LEAVES_MOST = 128, /* of one plan */
	PX_ARRAYS_MOST =
		8, /* leaves of more than one element: tpl takes each length as an argument */
	PX_BLOBS_MOST = 8,  /* struct procs_bytes in one value */
	PX_NESTING_MOST = 8 /* structs in structs */
};

/* `count` elements of one code, `offset` bytes into the value. */
struct px_leaf {
	uint64_t offset;
	uint64_t count;
	uint64_t staged; /* offset in the staging struct; unused for bytes */
	uint32_t size;   /* bytes of one element */
	char code;
};

struct px_plan {
	const char *name; /* of the type, for messages; borrowed from the program */
	uint64_t size;    /* bytes of the value in C */
	uint64_t staging; /* bytes of the staging struct */
	uint32_t n_leaves;
	uint32_t n_arrays;
	uint32_t n_blobs;
	uint32_t n_strings;
	bool flat;                 /* no strings, no bytes: the value is all there is */
	bool checked;              /* has a bool, of which not every byte is a value */
	int array[PX_ARRAYS_MOST]; /* lengths, in elements of tpl */
	struct px_leaf leaf[PX_LEAVES_MOST];
	char format[8 * PX_LEAVES_MOST]; /* of the tpl image; "" for nothing at all */
};

/*
 * The plan of a task's result, or of its arguments as one struct. Raw tasks
 * have neither: their plan is empty and flat.
 *
 * 0; -ENOENT for a struct that PROCS_STRUCT did not teach, -ENOTUNIQ if it
 * taught two of that name, -EPROTOTYPE if it taught one of another size, -EDOM
 * for arguments in another order than they were declared in, -E2BIG beyond the
 * bounds above. On error *culprit names the type or is NULL; borrowed from the
 * program.
 */
int px_plan_result(struct px_plan *plan, const struct procs_function *function,
		   const char **culprit);
int px_plan_arguments(struct px_plan *plan, const struct procs_function *function,
		      const char **culprit);

/* Whether each bool of the value at `object` is 0 or 1. */
bool px_plan_valid(const struct px_plan *plan, const void *object);

#endif /* PROCS_CODEC_TYPE_H */
