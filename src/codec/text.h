/*
 * text.h - values and failures as one line for people.
 */
#ifndef PROCS_CODEC_TEXT_H
#define PROCS_CODEC_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <procs/failed.h>

#include "codec/type.h"

/* A line being written into a fixed buffer: `length` is what it would have. */
struct px_text {
	char *data; /* [room], borrowed; always NUL-terminated if room > 0 */
	size_t room;
	size_t length;
};

struct px_text px_text_into(char *data, size_t room);

void px_text_add(struct px_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* [size] bytes as people can read them: UTF-8 as it is, the rest as \xNN. */
void px_text_add_bytes(struct px_text *text, const void *bytes, size_t size);

/* The value at `object`, by its plan. */
void px_text_add_value(struct px_text *text, const struct px_plan *plan, const void *object);

/* Why a plan cannot be made, or a specification not be taken. */
void px_text_add_complaint(struct px_text *text, int error, const char *culprit);

/* A failure, "Failed(...)". */
void px_text_add_failed(struct px_text *text, const struct procs_failed *failed);

/* The name of a cause, or "?". */
const char *px_text_cause(enum procs_cause cause);

#endif /* PROCS_CODEC_TEXT_H */
