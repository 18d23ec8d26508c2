/*
 * worker_image.h - what the parent of a worker that attaches leaves for it: its letter, its
 * slot as far as the parent writes it, and arrays. Good images of all kinds of work, over
 * tasks of this program, to be mutated; and an image laid out in a slot.
 */
#ifndef TESTS_FUZZ_WORKER_IMAGE_H
#define TESTS_FUZZ_WORKER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/handover.h"
#include "shm/layout.h"
#include "shm/slot.h"

enum {
	IMAGE_PAGE = 4096,
	IMAGE_INPUT = IMAGE_PAGE,
	IMAGE_OUTPUT = 8 << 20,       /* tables of many items have room, */
	IMAGE_SHOWN = 4 * IMAGE_PAGE, /* but good images use no more */
	IMAGE_ARRAYS = IMAGE_PAGE,
	IMAGE_POSTED_MOST = 3 * PX_RING /* ranges: more would only be the same again */
};

/* Where the parent has its arrays, and no worker. */
#define IMAGE_BASE UINT64_C(0x123400000000)

struct image_name {
	uint64_t signature;
	char name[16];
};

/* A word of the control page that changes while the worker works. */
struct image_change {
	uint16_t step; /* after that one; UINT16_MAX: after each */
	uint16_t offset;
	uint32_t pad;
	uint64_t value;
};

/* Words that decide much come first, and take no less room than they need. */
struct image {
	struct px_post post[PX_RING];
	uint64_t range[PX_RING];
	uint64_t posted, taken;
	struct px_order order;
	struct image_name task[2];
	struct image_change change[2];
	struct px_letter letter;
	unsigned char input[IMAGE_INPUT];
	unsigned char arrays[IMAGE_ARRAYS];
};

/* Good image number `number`, from 0; false if there are no more. */
bool image_make(int number, struct image *image);

/* The same of images that once did harm. */
bool image_make_bad(int number, struct image *image);

/* What changes after a step. */
void image_change(const struct image *image, int step, struct px_slot slot);

/* Writes it into a slot, and into arrays. */
void image_lay(const struct image *image, struct px_slot slot, unsigned char *input,
	       unsigned char *arrays);

#endif /* TESTS_FUZZ_WORKER_IMAGE_H */
