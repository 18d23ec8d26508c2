/*
 * checksum.h - detects what a stray write did to bytes; no defence against a
 * hostile writer. XXH3 of libxxhash: as fast as memory, 64 bits.
 */
#ifndef PROCS_BASE_CHECKSUM_H
#define PROCS_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of [size] bytes; data may be NULL if size is 0. Neither
 * allocates nor blocks. */
uint64_t px_checksum(const void *data, size_t size);

#endif /* PROCS_BASE_CHECKSUM_H */
