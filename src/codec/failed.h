/*
 * failed.h - a failure on its way from a task to the caller: as a tpl image in
 * the slot, as a record for the caller, as a line for people.
 */
#ifndef PROCS_CODEC_FAILED_H
#define PROCS_CODEC_FAILED_H

#include <stddef.h>
#include <stdint.h>

#include <procs/failed.h>

#include "codec/image.h"

enum {
	PX_MESSAGE_MOST = 65536, /* bytes of a message */
	PX_DATA_MOST = 1 << 20,  /* bytes that procs_fail_data adds */
	PX_WHERE_MOST = 256
};

/* What the task said. Pointers are borrowed by the encoder, and after decoding
 * point into codec->strings. */
struct px_failure {
	uint32_t cause; /* enum procs_cause */
	int32_t code;
	struct procs_bytes message;
	struct procs_bytes data;
	struct procs_bytes where; /* "f (file.c:12)", or of size 0 */
	uint64_t step; /* of a reduction: which call of the block, see shm/layout.h; else 0 */
};

/* Into codec->image; as px_image_encode. */
int px_failure_encode(struct px_codec *codec, const struct px_failure *failure, uint64_t *size_out);

/* From an image private to the caller. -EBADMSG also if the cause is not one
 * that a worker may report, or the sizes are beyond the bounds above. */
int px_failure_decode(struct px_codec *codec, const void *image, uint64_t size,
		      struct px_failure *failure_out);

#endif /* PROCS_CODEC_FAILED_H */
