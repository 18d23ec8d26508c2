/*
 * signature.h - what a task takes and gives, told in two ways: as a number that two
 * programs can compare, and in C for people.
 */
#ifndef PROCS_CODEC_SIGNATURE_H
#define PROCS_CODEC_SIGNATURE_H

#include <stdint.h>

#include "codec/plans.h"
#include "codec/text.h"

/* Equal for two tasks if values of one are values of the other, byte by byte: the
 * codes, places and sizes of all that arguments and result consist of, and the names of
 * arguments and fields, which say what the values mean; the names of types do not matter. Of
 * plans without error. */
uint64_t px_signature(const struct px_task_plans *plans);

/* "int f(int x, struct point p)", and behind it the structs that it mentions, each as
 * PROCS_STRUCT taught it; a raw task as "raw fill". */
void px_signature_text(struct px_text *text, const struct procs_function *function);

#endif /* PROCS_CODEC_SIGNATURE_H */
