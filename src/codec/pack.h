/*
 * pack.h - LZ4 for payloads of any size. The only file that calls LZ4.
 *
 * Packed bytes are blocks, one after the other: a 32-bit length, with the top
 * bit set if the block is stored as it is, then that many bytes; each block but
 * the last unpacks to PX_PACK_BLOCK bytes. LZ4 itself counts in ints, so a
 * block keeps its sizes far from their end.
 */
#ifndef PROCS_CODEC_PACK_H
#define PROCS_CODEC_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PX_PACK_BLOCK = 1 << 22
};

/*
 * Packs [size] bytes at `from` into [room] bytes at `to`. Returns the packed
 * size, which is less than size, or 0 if it would not be, or does not fit.
 * Needs no memory of its own but 16 KiB of stack.
 */
uint64_t px_pack(const void *from, uint64_t size, void *to, uint64_t room);

/* Whether `size` bytes may come out of `stored` packed ones: the format's best
 * ratio is 255. Asked before memory is taken for them. */
bool px_unpack_plausible(uint64_t stored, uint64_t size);

/*
 * Unpacks [stored] bytes at `from`, private to the caller, into exactly [size]
 * bytes at `to`. 0, or -EBADMSG; never reads or writes beyond.
 */
int px_unpack(const void *from, uint64_t stored, void *to, uint64_t size);

#endif /* PROCS_CODEC_PACK_H */
