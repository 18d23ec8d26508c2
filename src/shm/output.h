/*
 * output.h - the worker's pen: writes the results of a range into the output
 * area. What it writes is described in layout.h and read by take.c.
 *
 * Space is never waited for: the parent gives each range a room, and what does
 * not fit there goes over to the upper half of the area, where there is address
 * space enough; pages are only taken where touched.
 *
 * Payloads fill strips of a room, the lowest first. One whose results the
 * parent has taken is filled again, while it is warm: so large results travel
 * through a few caches' worth of memory if the caller keeps up, and through all
 * of the room if not. The parent's word for what it has taken lies in the slot; a
 * stray store can only make the worker believe in items that it has finished.
 */
#ifndef PROCS_SHM_OUTPUT_H
#define PROCS_SHM_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/slot.h"

enum {
	PX_STRIPS = 32 /* of a room, at most */
};

/* Results of items up to `last` lie in [start, end). */
struct px_strip {
	uint64_t start;
	uint64_t end;
	uint32_t last;
};

struct px_output {
	struct px_slot slot;
	uint64_t next;        /* first free byte of the strip in work, */
	uint64_t limit;       /* and the end of what is free there */
	uint64_t top;         /* end of all that the range wrote */
	uint64_t room_end;    /* up to where it may grow */
	uint64_t strip_bytes; /* from which on a strip is full */
	struct px_strip strip[PX_STRIPS];
	uint32_t n_strips;
	uint32_t at;            /* the strip in work */
	uint32_t item;          /* that runs */
	uint64_t over;          /* first byte above all that went over */
	bool went_over;         /* the range in work writes there */
	uint64_t sequence;      /* of that range */
	uint64_t ends[PX_RING]; /* of what the last ranges wrote there; 0: nothing */
	uint64_t base;          /* of that range's tables */
	uint64_t frames;        /* offset of its frames */
	uint64_t payload;       /* bytes of payload it has so far */
	uint64_t largest;       /* and of the largest one */
	uint32_t value_size;    /* of a dense range, else 0 */
	uint32_t count;
	uint32_t failures; /* frames used, if dense */
	struct px_progress *progress;
};

/* A pen for a slot. */
void px_output_init(struct px_output *output, struct px_slot slot);

/*
 * Begins range `sequence`: lays out the tables for post->count items of
 * value_size bytes (0: framed) and tells the parent where. 0, or -ENOSPC.
 */
int px_output_begin(struct px_output *output, uint64_t sequence, const struct px_post *post,
		    uint32_t value_size);

/* Whether a quarter of the slot's output area is free above what went over. */
bool px_output_has_room(const struct px_output *output);

/* Where item k's value goes, dense ranges only: + k * value_size. */
unsigned char *px_output_values(const struct px_output *output);

/* Room for `size` bytes of payload, aligned to a line; NULL if there is none.
 * Kept by px_output_frame, else given up by the next px_output_reserve. */
unsigned char *px_output_reserve(struct px_output *output, uint64_t size);

/* Writes the frame of an item whose payload is [stored] bytes at `payload`,
 * which lie in the last reserved room, or NULL if stored is 0. The caller fills
 * kind, encoding, packing, flags, item, stored, size, elapsed_ns. */
void px_output_frame(struct px_output *output, struct px_frame frame, const unsigned char *payload);

/* Progress, each visible with all that was written before: item k runs; the
 * items before `done` are finished and none runs. */
void px_output_running(struct px_output *output, uint32_t item, uint64_t now);
void px_output_done(const struct px_output *output, uint32_t done);

/* Tells what the finished chunks took, and that the rest is handed back. */
void px_output_spent(const struct px_output *output, uint64_t spent_ns);
void px_output_hand_back(const struct px_output *output);

#endif /* PROCS_SHM_OUTPUT_H */
