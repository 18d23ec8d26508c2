#include "codec/pack.h"

#include <errno.h>
#include <string.h>

#include <lz4.h>

#include "base/px.h"

#define PX_PACK_PLAIN (UINT32_C(1) << 31)
#define PX_PACK_HEAD  sizeof(uint32_t)

_Static_assert(PX_PACK_BLOCK <= LZ4_MAX_INPUT_SIZE, "a block is one call of LZ4");

/* One block; the bytes it took at `to`, or 0 if they do not fit. */
static uint64_t px_pack_block(const char *from, uint64_t size, char *to, uint64_t room)
{
	uint32_t head;
	int packed = 0;

	if (room <= PX_PACK_HEAD)
		return 0;
	room -= PX_PACK_HEAD;
	packed =
		LZ4_compress_default(from, to + PX_PACK_HEAD, (int)size,
				     (int)px_min(room, (uint64_t)LZ4_compressBound(PX_PACK_BLOCK)));
	if (packed > 0 && (uint64_t)packed < size) {
		head = (uint32_t)packed;
	} else {
		if (size > room)
			return 0;
		memcpy(to + PX_PACK_HEAD, from, size);
		head = (uint32_t)size | PX_PACK_PLAIN;
	}
	memcpy(to, &head, PX_PACK_HEAD);
	return PX_PACK_HEAD + (head & ~PX_PACK_PLAIN);
}

uint64_t px_pack(const void *from, uint64_t size, void *to, uint64_t room)
{
	uint64_t read = 0, written = 0;

	/* To be worth it, it must come out smaller. */
	room = px_min(room, size > 0 ? size - 1 : 0);
	while (read < size) {
		const uint64_t part = px_min(size - read, PX_PACK_BLOCK);
		const uint64_t took = px_pack_block((const char *)from + read, part,
						    (char *)to + written, room - written);

		if (took == 0)
			return 0;
		read += part;
		written += took;
	}
	return written;
}

bool px_unpack_plausible(uint64_t stored, uint64_t size)
{
	return size <= 64 || (size - 64) / 255 <= stored;
}

int px_unpack(const void *from, uint64_t stored, void *to, uint64_t size)
{
	const char *at = from;
	uint64_t written = 0;

	while (written < size) {
		const uint64_t part = px_min(size - written, PX_PACK_BLOCK);
		char *target = (char *)to + written;
		uint32_t head, length;

		if (stored < PX_PACK_HEAD)
			return -EBADMSG;
		memcpy(&head, at, PX_PACK_HEAD);
		at += PX_PACK_HEAD;
		stored -= PX_PACK_HEAD;
		length = head & ~PX_PACK_PLAIN;
		/* In 64 bits, before anything becomes an int. */
		if (length == 0 || length > stored || length > PX_PACK_BLOCK)
			return -EBADMSG;
		if (head & PX_PACK_PLAIN) {
			if (length != part)
				return -EBADMSG;
			memcpy(target, at, part);
		} else if (LZ4_decompress_safe(at, target, (int)length, (int)part) != (int)part) {
			return -EBADMSG;
		}
		at += length;
		stored -= length;
		written += part;
	}
	return stored == 0 ? 0 : -EBADMSG;
}
