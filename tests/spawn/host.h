/*
 * host.h - what these tests of workers have in common: what must come from workers that
 * are all right, and from those that cannot be had.
 */
#ifndef TESTS_SPAWN_HOST_H
#define TESTS_SPAWN_HOST_H

#include <sys/types.h>

#include <procs/procs.h>

#include "pxt.h"

/* A map and a call give what they should. */
void expect_works(const struct procs_options *options);

/* The ways to have workers whose tasks have names: this program, a worker binary, modules;
 * executed each, or made by a forkserver of it. The first two need procs_worker_hook. */
enum {
	WAYS = 6,
	OWN_WAYS = 2
};

/* Options for one of them, to be added to; starts its forkserver. */
struct procs_options way_begin(int way);
void way_end(void);

/* The string that a stream of one item gives, which it ends; until the next call. */
const char *text_of(struct procs_stream *stream);
int int_of(struct procs_stream *stream);

/* What a call must say that has no worker. */
struct refusal {
	enum procs_cause cause;
	int code;
	const char *file, *why; /* parts of the message; NULL: none */
};

/* Each item of a map, of a call and of a map in a pool fails like that, the first in less
 * than two seconds. */
void expect_refused(const struct procs_options *options, const struct refusal *refusal);

/* A new folder and files in it, given back by folder_remove. */
const char *folder_make(void);
void folder_remove(void);

/* A path in it; of a static buffer for the next 16 calls. */
const char *in_folder(const char *name);
void write_file(const char *path, const void *bytes, size_t size, mode_t mode);
void copy_file(const char *from, const char *to, mode_t mode);

/* Children of a process: how many; the first [most] are listed. */
int children_of(pid_t parent, pid_t *children_out, int most);

/* The forkserver of this process, or 0. */
pid_t forkserver_of(pid_t host);

/* A file of n zeros of 64 bits that tasks open by /proc. */
int counters_make(size_t n, _Atomic uint64_t **words_out);
void counters_free(int file, _Atomic uint64_t *words, size_t n);

#endif
