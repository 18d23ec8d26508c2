#include "backend/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/px.h"
#include "base/raw.h"
#include "shm/file.h"

static pthread_mutex_t px_lock = PTHREAD_MUTEX_INITIALIZER;
PX_WORKER_WRITES static unsigned px_holders;
static bool px_has_handlers;
PX_WORKER_WRITES static struct px_kept px_read_end = { .file = -1 };
PX_WORKER_WRITES static struct px_kept px_write_end = { .file = -1 };

static void px_close_ends(void)
{
	px_file_let_go(&px_read_end);
	px_file_let_go(&px_write_end);
}

/* Signals are kept out, so that a handler of the host may fork. */
static void px_enter(sigset_t *mask_out)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, mask_out);
	pthread_mutex_lock(&px_lock);
}

static void px_leave(const sigset_t *mask)
{
	pthread_mutex_unlock(&px_lock);
	pthread_sigmask(SIG_SETMASK, mask, NULL);
}

/* No fork between the making of the pipe and the note of its numbers. */
static void px_before_fork(void)
{
	pthread_mutex_lock(&px_lock);
}

static void px_after_fork_in_host(void)
{
	pthread_mutex_unlock(&px_lock);
}

void px_lifeline_after_fork(void)
{
	/* Whoever makes one holds the pipe, and the numbers were looked at then. On the spot:
	 * each page of the C library that is touched here costs a fault. */
	if (px_read_end.file >= 0)
		(void)px_raw(SYS_close, px_read_end.file, 0, 0, 0);
	if (px_write_end.file >= 0)
		(void)px_raw(SYS_close, px_write_end.file, 0, 0, 0);
	px_read_end.file = px_write_end.file = -1;
	px_holders = 0;
}

/* The host's own fork, at any time. */
static void px_after_fork_in_copy(void)
{
	px_close_ends();
	px_holders = 0;
	pthread_mutex_unlock(&px_lock);
}

static bool px_has_ends(void)
{
	return px_file_kept(&px_read_end) >= 0 && px_file_kept(&px_write_end) >= 0;
}

static void px_make_ends(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return;
	px_read_end = px_file_keep(px_file_above(ends[0]));
	px_write_end = px_file_keep(px_file_above(ends[1]));
	if (px_read_end.file < 0 || px_write_end.file < 0)
		px_close_ends();
}

void px_lifeline_hold(void)
{
	const int saved = errno;
	sigset_t mask;

	px_enter(&mask);
	if (!px_has_handlers)
		px_has_handlers = pthread_atfork(px_before_fork, px_after_fork_in_host,
						 px_after_fork_in_copy) == 0;
	px_holders++;
	/* Also where an earlier handle did without, or the host has closed it meanwhile. */
	if (px_has_handlers && !px_has_ends()) {
		px_close_ends();
		px_make_ends();
	}
	px_leave(&mask);
	errno = saved;
}

void px_lifeline_release(void)
{
	sigset_t mask;

	px_enter(&mask);
	if (--px_holders == 0)
		px_close_ends();
	px_leave(&mask);
}

/* A description of its own: O_ASYNC, the signal and its owner belong to that. */
static int px_open_anew(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return px_file_above(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

/* When the host ends, the kernel lets go of files in the reverse order of their
 * numbers. The write end goes first only if it is above: else the read end of a
 * worker that closed all its descriptors, and with them its copy, is gone before
 * anything happens to it. */
static void px_write_end_above(int end)
{
	const int file = px_write_end.file;
	const int above = end < file ? -1 : fcntl(file, F_DUPFD_CLOEXEC, end + 1);

	if (above < 0)
		return;
	close(file);
	px_write_end.file = above;
}

int px_lifeline_end(void)
{
	const int saved = errno;
	sigset_t mask;
	int end = -1;

	px_enter(&mask);
	if (px_has_ends())
		end = px_open_anew(px_read_end.file);
	if (end >= 0)
		px_write_end_above(end);
	px_leave(&mask);
	if (end >= 0 && (fcntl(end, F_SETSIG, SIGKILL) != 0 ||
			 fcntl(end, F_SETFL, O_RDONLY | O_NONBLOCK | O_ASYNC) != 0)) {
		close(end);
		end = -1;
	}
	errno = saved;
	return end;
}

void px_lifeline_end_close(int end)
{
	const int saved = errno;

	if (end >= 0)
		close(end);
	errno = saved;
}

bool px_lifeline_accept(int fd)
{
	struct stat status;
	const int flags = fcntl(fd, F_GETFL);

	/* Who reads it must not wait. */
	return flags >= 0 && (flags & O_NONBLOCK) && fstat(fd, &status) == 0 &&
	       S_ISFIFO(status.st_mode) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

pid_t px_lifeline_host(void)
{
	const pid_t pid = getpid();

	return gettid() == pid ? pid : 0;
}

void px_lifeline_tie_other(int end, pid_t child)
{
	const int saved = errno;

	/* The owner belongs to the description, which the child has a copy of. */
	if (end >= 0)
		(void)fcntl(end, F_SETOWN, child);
	errno = saved;
}

bool px_lifeline_tie(int end, pid_t host)
{
	char byte;

	if (end >= 0 && px_raw(SYS_fcntl, end, F_SETOWN, px_raw(SYS_getpid, 0, 0, 0, 0), 0) == 0)
		/* Tied first, then asked: whichever comes later, one of the two tells. */
		return px_raw(SYS_read, end, (long)&byte, 1, 0) != 0;
	if (host == 0)
		return true;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return getppid() == host;
}
