#include "backend/growth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define PX_GROWTH_LOOK (2 * PX_MILLISECOND)

/* Pages that are resident and no file's: without arenas and arrays. 0 where /proc is
 * missing: then nothing ever grows. */
static uint64_t px_own_pages(void)
{
	const int saved = errno;
	uint64_t resident, shared;
	char text[128], *end = text;
	ssize_t size = -1;
	int fd;

	fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		size = syscall(SYS_read, fd, text, sizeof(text) - 1);
		syscall(SYS_close, fd);
	}
	errno = saved;
	if (size <= 0)
		return 0;
	text[size] = '\0';
	(void)strtoull(end, &end, 10);
	resident = strtoull(end, &end, 10);
	shared = strtoull(end, &end, 10);
	return resident > shared ? resident - shared : 0;
}

uint64_t px_own_bytes(void)
{
	return px_own_pages() * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool px_grown(struct px_runner *runner, uint64_t now)
{
	uint64_t bytes;

	if (now < runner->measure_at)
		return false;
	runner->measure_at = px_deadline(now, PX_GROWTH_LOOK);
	bytes = px_own_bytes();
	if (runner->measured == 0)
		runner->measured = bytes;
	return bytes > runner->measured && bytes - runner->measured > runner->order.recycle_bytes;
}
