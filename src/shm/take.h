/*
 * take.h - the one door through which the parent reads what a worker wrote.
 *
 * Shared memory is input: each function here copies bytes into private memory
 * first, then checks the copy against what the parent knows by itself, and
 * returns only what passed. The one exception is px_take_view, whose position
 * and length come from a checked copy, but whose bytes stay the worker's.
 * Everything is bounded by private sizes; nothing here can fault or loop on
 * what a worker wrote. This is the fuzz target (tests/fuzz/fuzz_take.c).
 */
#ifndef PROCS_SHM_TAKE_H
#define PROCS_SHM_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/slot.h"

/* What the parent knows of a posted range, and has accepted so far. */
struct px_region {
	uint64_t sequence;
	bool placed;         /* the worker told where: base is fixed */
	uint64_t base;       /* output offset of its tables */
	uint64_t heap;       /* payloads lie below; only grows */
	uint32_t count;      /* items that the tables were laid out for */
	uint32_t value_size; /* dense, or 0: framed */
	uint32_t done;       /* items accepted as finished; only grows */
	uint32_t failures;   /* dense: frames accepted; only grows */
};

/* The rest of the news of a range. */
struct px_news {
	bool running;        /* item region.done is in flight */
	bool handed_back;    /* the worker has stopped this range */
	uint64_t started_ns; /* as told: a hint */
	uint64_t spent_ns;   /* as told: a hint */
	uint64_t payload;    /* bytes, as told: a hint, at most the output area */
	uint64_t largest;    /* likewise */
};

/*
 * Reads how far a range is and moves the region on. `end` is how many of its
 * items are the worker's now. 0, or -EBADMSG if the words say what cannot be:
 * more than was posted, going back, tables outside the output area. Then the
 * region is unchanged.
 */
int px_take_news(struct px_slot slot, struct px_region *region, uint32_t end,
		 struct px_news *news_out);

/* Dense: copies the values of items [from, to), all below region->done. */
void px_take_values(struct px_slot slot, const struct px_region *region, uint32_t from, uint32_t to,
		    void *values_out);

/*
 * Copies and checks the frame in row `row` of the region's table, which is to
 * speak of item `item`, or with PX_ANY_ITEM of any item below region->done.
 * 0, or -EBADMSG.
 */
#define PX_ANY_ITEM UINT32_MAX
int px_take_frame(struct px_slot slot, const struct px_region *region, uint32_t row, uint32_t item,
		  struct px_frame *frame_out);

/* Copies the payload of a frame just taken, [frame->stored] bytes, and checks
 * it if it carries a checksum. 0, or -EBADMSG. */
int px_take_payload(struct px_slot slot, const struct px_frame *frame, void *payload_out);

/* The payload where it lies. */
const void *px_take_view(struct px_slot slot, const struct px_frame *frame);

/* How many items of range `sequence` are finished by the worker's word, for
 * deciding whether to sleep, and for nothing else. */
uint64_t px_take_done(struct px_slot slot, uint64_t sequence);

/* Whether item `item` of range `sequence` runs, or is the next, by the worker's
 * word. */
bool px_take_is_at(struct px_slot slot, uint64_t sequence, uint32_t item, bool running);

/* Which call of a block runs, and since when, by the worker's word: any numbers. */
struct px_at {
	uint64_t step;
	uint64_t started_ns;
};

struct px_at px_take_inside(struct px_slot slot);

/* How many ranges the worker is done with, by its word: at least `known`, at
 * most `posted`; what is not is cut to that. */
uint64_t px_take_passed(struct px_slot slot, uint64_t known, uint64_t posted);

/* The worker's flags, and its life word. */
uint32_t px_take_flags(struct px_slot slot);
int px_take_init_code(struct px_slot slot);

/* Who has attached to the slot, by its own word; 0: nobody yet. */
int64_t px_take_hello(struct px_slot slot);
uint32_t px_take_life(struct px_slot slot);

#endif /* PROCS_SHM_TAKE_H */
