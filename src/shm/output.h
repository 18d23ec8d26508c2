/*
 * output.h - the worker's pen: writes the results of a range into the output
 * area. What it writes is described in layout.h and read by take.c.
 *
 * Space is never waited for: the parent gives each range a room, and what does
 * not fit there goes over to the upper half of the area, where there is address
 * space enough; pages are only taken where touched.
 */
#ifndef PROCS_SHM_OUTPUT_H
#define PROCS_SHM_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"
#include "shm/slot.h"

struct px_output {
	struct px_slot slot;
	uint64_t next;          /* first free byte */
	uint64_t limit;         /* and the end of what is free there */
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
void px_output_running(const struct px_output *output, uint32_t item, uint64_t now);
void px_output_done(const struct px_output *output, uint32_t done);

/* Tells what the finished chunks took, and that the rest is handed back. */
void px_output_spent(const struct px_output *output, uint64_t spent_ns);
void px_output_hand_back(const struct px_output *output);

#endif /* PROCS_SHM_OUTPUT_H */
