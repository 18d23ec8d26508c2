/*
 * image.h - values as tpl images. The only file that calls tpl.
 *
 * tpl trusts its input, calls exit when memory is short and counts in ints, so
 * it is fed only formats made from our own plans, sizes computed beforehand in
 * 64 bits, and images that passed px_image_check on a private copy; its fatal
 * hook is caught while we are inside and is the host's own otherwise.
 */
#ifndef PROCS_CODEC_IMAGE_H
#define PROCS_CODEC_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "codec/type.h"

enum {
	PX_IMAGE_MOST = INT32_MAX /* bytes of an image: tpl counts in ints */
};

/* Working memory of one user of the codec, owned; zeroed at first, kept from
 * value to value. */
struct px_codec {
	struct px_buffer staging;
	struct px_buffer image;   /* what was encoded last */
	struct px_buffer object;  /* what was decoded last */
	struct px_buffer strings; /* and what its pointers point to */
};

void px_codec_free(struct px_codec *codec);

/* In a forked child: forgets that other threads were inside the codec. */
void px_image_after_fork(void);

/*
 * Encodes the value at `object` (plan->size bytes) into codec->image.
 *
 * 0 and *size_out; -EFBIG beyond PX_IMAGE_MOST, -EINVAL for a value that is
 * none (a bool of 2, bytes at NULL), -ENOMEM.
 */
int px_image_encode(struct px_codec *codec, const struct px_plan *plan, const void *object,
		    uint64_t *size_out);

/* What an image that passed the check holds besides its fixed part. */
struct px_image_sizes {
	uint64_t strings; /* bytes of all strings and blobs, a NUL for each */
};

/*
 * Whether [size] bytes at `image`, private to the caller, are exactly an image
 * of this plan, as this machine writes it. Never reads beyond. 0 or -EBADMSG.
 */
int px_image_check(const struct px_plan *plan, const void *image, uint64_t size,
		   struct px_image_sizes *sizes_out);

/*
 * Decodes an image, private to the caller, into codec->object; its strings and
 * bytes point into codec->strings.
 *
 * 0; -EBADMSG if it is no image of this plan or holds what is no value,
 * -ENOMEM.
 */
int px_image_decode(struct px_codec *codec, const struct px_plan *plan, const void *image,
		    uint64_t size);

#endif /* PROCS_CODEC_IMAGE_H */
