/*
 * arena.h - the one shared mapping: how large it is, how it is come by, what a
 * worker keeps of it. Only this file and file.h call mmap.
 */
#ifndef PROCS_SHM_ARENA_H
#define PROCS_SHM_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct px_shared;
struct px_slot;

/* Where things lie; pure arithmetic. All offsets and sizes are multiples of the
 * page. */
struct px_geometry {
	uint64_t page;
	uint64_t n_slots;
	uint64_t control; /* bytes of control words of a slot */
	uint64_t input;   /* bytes of its input area */
	uint64_t output;  /* bytes of its output area */
	uint64_t stride;  /* from slot to slot */
	uint64_t size;    /* of all */
};

/* 0, or -EOVERFLOW if it does not fit 64 bits; -EINVAL for a zero. */
int px_arena_geometry(uint64_t n_slots, uint64_t input, uint64_t output, uint64_t page,
		      struct px_geometry *geometry_out);

struct px_arena {
	struct px_geometry geometry;
	unsigned char *base; /* owned mapping; NULL if none */
};

/*
 * Slots that are handed to processes which do not inherit the arena lie in files of
 * their own, as large as they will ever be (sealed), and so does the doorbell. The
 * first pages of a slot's file are for letters, see backend/handover.h; the slot follows.
 */
enum {
	PX_LETTER_SIZE = 8192, /* bytes of them that are used */
	PX_LETTER_PAGES = 2
};

/*
 * Maps an arena of n_slots with `reserve` bytes of output each, and half of it,
 * at most 4 GiB, of input. Where the kernel has no room for that the reserve is
 * halved, down to `least`.
 *
 * 0, or -ENOMEM, -EAGAIN (not even the least), -EINVAL, -EOVERFLOW.
 */
int px_arena_open(struct px_arena *arena, uint64_t n_slots, uint64_t reserve, uint64_t least);

/* What the reserve is halved to where files may not be as large as a slot; at least `least`. */
uint64_t px_arena_filed(uint64_t reserve, uint64_t least);

/* Has the doorbell, or slot `number`, lie in a file from here on, what was there is gone:
 * the descriptor, which is the caller's, or a negative errno. */
int px_arena_file_bell(const struct px_arena *arena);
int px_arena_file_slot(const struct px_arena *arena, uint64_t number);

/* The other side: an arena of one slot in these files, whose geometry is to be trusted.
 * Checks that they are what the functions above make, and maps them. 0 or a negative
 * errno, -EINVAL for other files. */
int px_arena_attach(struct px_arena *arena, const struct px_geometry *geometry, int bell, int slot);

/* Unmaps it. Safe on a zeroed arena. */
void px_arena_close(struct px_arena *arena);

struct px_shared *px_arena_shared(const struct px_arena *arena);

/* Slot `number`, as pointers. */
struct px_slot px_arena_slot(const struct px_arena *arena, uint64_t number);

/*
 * In a worker just forked: unmaps every other slot, or of its own slot a part
 * of the output, where results of an earlier process wait to be taken. A stray
 * store into what is gone is SIGSEGV, not somebody's wrong result. Whole pages;
 * async-signal-safe.
 */
void px_arena_keep(const struct px_arena *arena, uint64_t number);
void px_arena_hide(const struct px_arena *arena, uint64_t number, uint64_t from, uint64_t to);

/* In a worker: what it forks has neither the control words nor the output of
 * its slot. A child of a task that returns from the task, because its exec
 * failed, would otherwise go on as a second worker. The input stays: arguments
 * may be handed on. */
void px_arena_seclude(const struct px_arena *arena, uint64_t number);

/*
 * In a worker just forked: all shared memory of this library but its own arena is
 * read-only from here on: what the parent writes for its own streams and pools, and
 * the slots of others' workers. What another thread of the host is just mapping or
 * unmapping may be missed. Async-signal-safe.
 */
void px_arena_seal_others(const struct px_arena *arena);

/* In a fork that stays but is no worker: it has none of them. */
void px_arena_forget_all(void);

/* Zeroed pages that a child shares; NULL without memory. */
void *px_pages_map(uint64_t size);
void px_pages_unmap(void *pages, uint64_t size);

/* The same without pages as yet, of which large ones are wanted; never touched by
 * mlockall. In a sealed file where that can be: its descriptor, the caller's, else -1. */
void *px_pages_reserve(uint64_t size, int *file_out);

/* Gives their memory back; they are zeroes again. */
void px_pages_drop(void *pages, uint64_t size);

/* From here on this process may only read them, or write them as well. */
void px_pages_protect(void *pages, uint64_t size, bool writable);

#endif /* PROCS_SHM_ARENA_H */
