/*
 * The validator that stands before tpl_load: walks an image once, with unsigned
 * counts, and accepts nothing but what tpl would have written for this plan on
 * this machine. Reads the private copy only, never beyond its end.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/px.h"
#include "codec/image.h"

enum {
	PX_TPL_PREFIX = 8, /* "tpl", flags, length */
	PX_TPL_NULL_STRINGS = 2,
	PX_TPL_BIG_ENDIAN = 1
};

struct px_walk {
	const unsigned char *at;
	uint64_t left;
};

static bool px_walk_skip(struct px_walk *walk, uint64_t size)
{
	if (size > walk->left)
		return false;
	walk->at += size;
	walk->left -= size;
	return true;
}

static bool px_walk_number(struct px_walk *walk, uint32_t *number_out)
{
	const unsigned char *at = walk->at;

	if (!px_walk_skip(walk, sizeof(*number_out)))
		return false;
	memcpy(number_out, at, sizeof(*number_out));
	return true;
}

static bool px_walk_prefix(struct px_walk *walk, const struct px_plan *plan)
{
	const unsigned char *start = walk->at;
	const uint64_t whole = walk->left;
	const uint16_t one = 1;
	unsigned char flags = plan->n_strings > 0 ? PX_TPL_NULL_STRINGS : 0;
	uint32_t length, number;

	if (*(const unsigned char *)&one == 0)
		flags |= PX_TPL_BIG_ENDIAN;
	if (whole < PX_TPL_PREFIX || memcmp(start, "tpl", 3) != 0 || start[3] != flags)
		return false;
	walk->at += 4;
	walk->left -= 4;
	if (!px_walk_number(walk, &length) || length != whole)
		return false;
	start = walk->at;
	if (!px_walk_skip(walk, strlen(plan->format) + 1) ||
	    memcmp(start, plan->format, strlen(plan->format) + 1) != 0)
		return false;
	for (uint32_t i = 0; i < plan->n_arrays; i++)
		if (!px_walk_number(walk, &number) || number != (uint32_t)plan->array[i])
			return false;
	return true;
}

/* A string's length counts its NUL, which is not stored; NULL is 0. */
static bool px_walk_string(struct px_walk *walk, uint64_t *total)
{
	uint32_t length;

	if (!px_walk_number(walk, &length))
		return false;
	*total += (uint64_t)length + 1;
	return px_walk_skip(walk, length > 0 ? length - 1 : 0);
}

static bool px_walk_blob(struct px_walk *walk, uint64_t *total)
{
	uint32_t length;

	if (!px_walk_number(walk, &length))
		return false;
	*total += (uint64_t)length + 1;
	return px_walk_skip(walk, length);
}

int px_image_check(const struct px_plan *plan, const void *image, uint64_t size,
		   struct px_image_sizes *sizes_out)
{
	struct px_walk walk = { image, size };
	uint64_t total = 0;
	bool good;

	/* Nothing travels as nothing. */
	if (plan->format[0] == '\0') {
		sizes_out->strings = 0;
		return size == 0 ? 0 : -EBADMSG;
	}
	good = size <= PX_IMAGE_MOST && px_walk_prefix(&walk, plan);
	for (uint32_t i = 0; good && i < plan->n_leaves; i++) {
		const struct px_leaf *leaf = &plan->leaf[i];

		if (leaf->code == 's')
			good = px_walk_string(&walk, &total);
		else if (leaf->code != PROCS_CODE_BYTES)
			good = px_walk_skip(&walk, leaf->count * leaf->size);
	}
	for (uint32_t i = 0; good && i < plan->n_blobs; i++)
		good = px_walk_blob(&walk, &total);
	sizes_out->strings = total;
	return good && walk.left == 0 ? 0 : -EBADMSG;
}
