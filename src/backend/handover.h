/*
 * handover.h - what a worker that does not inherit its parent's memory is given: a few
 * descriptors, and a letter in the first page of its slot's file that says the rest.
 *
 * The letter begins with words that stay where they are in all versions: so builds that
 * do not know each other can say so. Behind them it is for the same build only. The
 * worker holds all of it against what it sees itself before it believes it; its reply
 * lies in the same page, and the parent believes it as far as its words fit.
 */
#ifndef PROCS_BACKEND_HANDOVER_H
#define PROCS_BACKEND_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <procs/failed.h>

#include "backend/backend.h"
#include "backend/objects.h"
#include "shm/arena.h"
#include "shm/layout.h"

/* In an executed worker these are descriptors 3, 4, 5 and 6; -1: none. */
enum px_handed {
	PX_HANDED_SLOT,
	PX_HANDED_BELL,
	PX_HANDED_LIFELINE,
	PX_HANDED_ARRAYS,
	PX_HANDED_N
};

enum {
	PX_HANDED_FIRST = 3,
	PX_REFUSED = 2 /* exit status of a worker that is none */
};

/* For ever, at the start of the letter. */
struct px_build {
	char magic[8];    /* "procs-wk" */
	char version[24]; /* of the library, NUL-terminated */
	char number[40];  /* of the build, likewise: hexadecimal */
};

/* This library's. */
struct px_build px_build_own(void);

/* Why a worker of build `other` cannot work for this one; NULL if it can. */
const char *px_build_differs(const struct px_build *other);

struct px_letter {
	struct px_build build;
	/* For the same build. */
	uint64_t page, control, input, output; /* geometry */
	struct px_leftover leftover;
	uint64_t arrays_base, arrays_size; /* of the region, at the parent; 0: none */
	uint64_t hooks_user;               /* 0, or an address in it */
	uint32_t bell;                     /* of the slot; the parent rings when it has the pidfd */
	uint32_t pooled;
	uint32_t depth; /* of the parent */
	int64_t host;   /* pid whose death ends the worker where there is no lifeline; or 0 */
	char init[PX_NAME_MOST], teardown[PX_NAME_MOST]; /* names of hooks; "": none */
};

/* A worker's last word, when it cannot begin. */
enum {
	PX_REPLY_TEXT = 504
};

struct px_reply {
	uint32_t cause; /* enum procs_cause: SPAWN, VERSION, UNKNOWN_FUNCTION; 0: nothing */
	int32_t code;   /* an errno */
	char text[PX_REPLY_TEXT]; /* for people, NUL-terminated */
};

/* Parent: writes the letter, and no reply. */
bool px_letter_write(int file, const struct px_letter *letter);
bool px_reply_read(int file, struct px_reply *reply_out);

/* What the worker has loaded, as it says: how many, at most PX_OBJECTS_MOST. */
size_t px_objects_read(int file, struct px_object *objects);

/* Worker: whether that is a file with a letter of whatever build; what is none is not for it
 * to write. */
bool px_letter_is_there(int file);

/* Reads it. 0; -EPROTO and the cause in *reply_out for another build; -EINVAL for
 * what is no letter. Strings end, flags are 0 or 1. */
int px_letter_read(int file, struct px_letter *letter_out, struct px_reply *reply_out);
void px_reply_write(int file, const struct px_reply *reply);
void px_objects_write(int file);

#endif /* PROCS_BACKEND_HANDOVER_H */
