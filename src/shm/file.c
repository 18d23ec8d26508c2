#include "shm/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/valgrind.h"

#ifndef MFD_NOEXEC_SEAL
# define MFD_NOEXEC_SEAL 0x0008U
#endif

#define PX_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

enum {
	PX_STANDARD = 3 /* 0, 1 and 2 are not for us, also where the host has them closed */
};

bool px_file_may_be(uint64_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}

int px_file_above(int file)
{
	int above, error;

	if (file < 0 || file >= PX_STANDARD)
		return file;
	above = fcntl(file, F_DUPFD_CLOEXEC, PX_STANDARD);
	error = errno;
	close(file);
	errno = error;
	return above;
}

static int px_file_open(void)
{
	int file = memfd_create("procs-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (file < 0 && errno == EINVAL)
		file = memfd_create("procs-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return px_file_above(file);
}

int px_file_make(uint64_t size)
{
	const int saved = errno;
	int file = -1, error;

	errno = ENOMEM;
	if (px_file_may_be(size))
		file = px_file_open();
	if (file >= 0 &&
	    (ftruncate(file, (off_t)size) != 0 || fcntl(file, F_ADD_SEALS, PX_SEALS) != 0)) {
		error = errno;
		close(file);
		errno = error;
		file = -1;
	}
	error = errno;
	errno = saved;
	return file >= 0 ? file : -error;
}

void *px_file_map(int file, uint64_t offset, uint64_t size, void *at, bool writable)
{
	const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	const int flags = MAP_SHARED | MAP_NORESERVE | (at != NULL ? MAP_FIXED : 0);
	void *pages = mmap(at, size, access, flags, file, (off_t)offset);

	return pages != MAP_FAILED ? pages : NULL;
}

void *px_file_map_large(int file, uint64_t offset, uint64_t size, void *at)
{
	const int flags = MAP_SHARED | MAP_NORESERVE | (at != NULL ? MAP_FIXED : 0);
	void *pages;

	if (px_is_valgrind())
		return px_file_map(file, offset, size, at, true);
	/* Without access first: see px_map() in arena.c. */
	pages = mmap(at, size, PROT_NONE, flags, file, (off_t)offset);
	if (pages == MAP_FAILED)
		return NULL;
	(void)munlock(pages, size);
	return mprotect(pages, size, PROT_READ | PROT_WRITE) == 0 ? pages : NULL;
}

bool px_file_is_sealed(int file, uint64_t *size_out)
{
	const int seals = fcntl(file, F_GET_SEALS);
	const int mode = fcntl(file, F_GETFL);
	struct stat status;

	if (seals < 0 || (seals & PX_SEALS) != PX_SEALS || mode < 0 ||
	    (mode & O_ACCMODE) != O_RDWR || fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	*size_out = (uint64_t)status.st_size;
	return true;
}

/* By number: the library's functions are cancellation points. */
bool px_file_read(int file, uint64_t offset, void *bytes, uint64_t size)
{
	return syscall(SYS_pread64, file, bytes, size, offset) == (long)size;
}

bool px_file_write(int file, uint64_t offset, const void *bytes, uint64_t size)
{
	/* Beyond a limit that came after the file the kernel sends a signal. */
	return px_file_may_be(offset + size) &&
	       syscall(SYS_pwrite64, file, bytes, size, offset) == (long)size;
}

void px_file_unmap(void *pages, uint64_t size)
{
	munmap(pages, size);
}

void px_file_close(int file)
{
	const int saved = errno;

	if (file >= 0)
		close(file);
	errno = saved;
}

struct px_kept px_file_keep(int file)
{
	struct px_kept kept = { .file = file };
	struct stat status;

	if (file >= 0 && fstat(file, &status) == 0) {
		kept.device = status.st_dev;
		kept.inode = status.st_ino;
	}
	return kept;
}

int px_file_kept(const struct px_kept *kept)
{
	const int saved = errno;
	struct stat status;
	int file = -1;

	if (kept->file >= 0 && fstat(kept->file, &status) == 0 && status.st_dev == kept->device &&
	    status.st_ino == kept->inode)
		file = kept->file;
	errno = saved;
	return file;
}

void px_file_let_go(struct px_kept *kept)
{
	px_file_close(px_file_kept(kept));
	kept->file = -1;
}
