/*
 * file.h - shared memory in files that have no name: to be handed to processes that do
 * not inherit a mapping. Of one size for good (sealed), so that nobody who has the
 * descriptor can take pages away from under another.
 */
#ifndef PROCS_SHM_FILE_H
#define PROCS_SHM_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* A file of zeroes, sparse: its descriptor, the caller's, closed by exec and above the
 * standard ones; or a negative errno. -ENOMEM also beyond RLIMIT_FSIZE, since the kernel
 * would raise SIGXFSZ. */
int px_file_make(uint64_t size);

/* Whether a file of that size may be made here. */
bool px_file_may_be(uint64_t size);

/* Moves a descriptor, closed by exec, above the standard ones, if the host had one of those
 * closed: where it is now, or -1 with errno, and then it is closed. -1 stays. */
int px_file_above(int file);

/* A descriptor that stays open while the host does as it likes, which may be to close all that
 * it does not know (closefrom(3)) and to have another file get the number. */
struct px_kept {
	int file; /* -1: none */
	uint64_t device, inode;
};

/* Notes what a descriptor is; -1 is none. */
struct px_kept px_file_keep(int file);

/* Its number, or -1 if that is another file's by now, or nobody's. */
int px_file_kept(const struct px_kept *kept);

/* Closes it if it is still there, and forgets it. */
void px_file_let_go(struct px_kept *kept);

/* Maps part of it, shared: anywhere, or in place of what is mapped `at`. NULL with errno. In
 * a host, where all that is mapped may be locked and so touched at once, the second. */
void *px_file_map(int file, uint64_t offset, uint64_t size, void *at, bool writable);
void *px_file_map_large(int file, uint64_t offset, uint64_t size, void *at);

/* Whether a descriptor is such a file, open for writing, and its size. */
bool px_file_is_sealed(int file, uint64_t *size_out);

/* Reads or writes [size] bytes at an offset: whether all of it was. */
bool px_file_read(int file, uint64_t offset, void *bytes, uint64_t size);
bool px_file_write(int file, uint64_t offset, const void *bytes, uint64_t size);

/* Unmaps what px_file_map mapped anywhere. */
void px_file_unmap(void *pages, uint64_t size);

/* -1 is none. */
void px_file_close(int file);

#endif /* PROCS_SHM_FILE_H */
