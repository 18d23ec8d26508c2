#include "backend/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/px.h"
#include "shm/file.h"

enum {
	PX_P_PIDFD = 3,
	PX_WAIT_AT_ONCE = 64, /* children one px_reaper_wait looks at */
	PX_ABANDONED_MOST = 256,
	PX_EXITING = 0x4 /* the kernel's PF_EXITING in /proc/PID/stat */
};

/* The kernel's struct pidfd_info, version 0, which glibc does not have. */
struct px_pidfd_info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};

#define PX_PIDFD_INFO_EXIT (UINT64_C(1) << 3)
#define PX_PIDFD_GET_INFO  _IOWR(0xFF, 11, struct px_pidfd_info)

_Static_assert(sizeof(struct px_pidfd_info) == 64, "as the kernel has it");

/* Found out at the first child; a race of two threads finds the same. */
static _Atomic bool px_no_pidfd;

struct px_child px_reaper_adopt(pid_t pid)
{
	struct px_child child = { .pid = pid, .pidfd = -1 };
	const int saved = errno;

	/* relaxed: a flag of its own */
	if (atomic_load_explicit(&px_no_pidfd, memory_order_relaxed))
		return child;
	child.pidfd = px_file_above((int)syscall(SYS_pidfd_open, pid, 0));
	/* relaxed: as above; a want of descriptors passes, a missing call does not */
	if (child.pidfd < 0 && (errno == ENOSYS || errno == EPERM))
		atomic_store_explicit(&px_no_pidfd, true, memory_order_relaxed);
	errno = saved;
	return child;
}

static struct px_status px_status_of_wait(int status)
{
	if (WIFEXITED(status))
		return (struct px_status){ PX_ENDING_EXIT, WEXITSTATUS(status), false };
	return (struct px_status){ PX_ENDING_SIGNAL, WTERMSIG(status), WCOREDUMP(status) };
}

static struct px_status px_status_of_info(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (struct px_status){ PX_ENDING_EXIT, info->si_status & 0xff, false };
	return (struct px_status){ PX_ENDING_SIGNAL, info->si_status, info->si_code == CLD_DUMPED };
}

/* Somebody else waited for our child, or the host ignores SIGCHLD: the kernel
 * still tells from Linux 6.15 on. */
static struct px_status px_stolen(const struct px_child *child)
{
	struct px_pidfd_info info = { .mask = PX_PIDFD_INFO_EXIT };

	if (child->pidfd < 0 || ioctl(child->pidfd, PX_PIDFD_GET_INFO, &info) != 0)
		return (struct px_status){ .ending = PX_ENDING_STOLEN };
	/* Dead for who waits, but not yet taken away: it is about to be told. */
	if (!(info.mask & PX_PIDFD_INFO_EXIT))
		return (struct px_status){ .ending = PX_ENDING_NONE };
	return px_status_of_wait(info.exit_code);
}

/* waitid without being a cancellation point. */
static long px_waitid(const struct px_child *child, siginfo_t *info, int what)
{
	const int kind = child->pidfd >= 0 ? PX_P_PIDFD : P_PID;
	const int id = child->pidfd >= 0 ? child->pidfd : child->pid;
	long result;

	info->si_pid = 0;
	do
		result = syscall(SYS_waitid, kind, id, info, what | WNOHANG | __WALL, NULL);
	while (result < 0 && errno == EINTR);
	return result;
}

struct px_status px_reaper_collect(struct px_child *child)
{
	struct px_status status = { .ending = PX_ENDING_NONE };
	const int saved = errno;
	siginfo_t info;

	if (child->pid == 0)
		return status;
	if (px_waitid(child, &info, WEXITED) != 0)
		status = px_stolen(child);
	else if (info.si_pid != 0)
		status = px_status_of_info(&info);
	if (status.ending != PX_ENDING_NONE) {
		if (child->pidfd >= 0)
			close(child->pidfd);
		*child = (struct px_child){ .pid = 0, .pidfd = -1 };
	}
	errno = saved;
	return status;
}

struct px_fate {
	char state;
	unsigned long flags;
	int code;
};

/* The fields of /proc/PID/stat behind the name, which may hold anything:
 * the state is the 3rd field, flags the 9th, the exit code the last but none of those that the
 * kernel may append. */
static bool px_parse_stat(char *text, struct px_fate *fate)
{
	char *at = strrchr(text, ')');
	char *next = NULL, *save = NULL;
	int field = 3;

	if (at == NULL)
		return false;
	for (next = strtok_r(at + 1, " ", &save); next != NULL;
	     next = strtok_r(NULL, " ", &save), field++) {
		if (field == 3)
			fate->state = *next;
		else if (field == 9)
			fate->flags = strtoul(next, NULL, 10);
		else if (field == 52)
			fate->code = (int)strtol(next, NULL, 10);
	}
	return field > 52;
}

static bool px_read_stat(const struct px_child *child, struct px_fate *fate)
{
	const int saved = errno;
	char text[1024];
	ssize_t size = -1;
	int fd;

	*fate = (struct px_fate){ .flags = 0 };
	snprintf(text, sizeof(text), "/proc/%d/stat", (int)child->pid);
	fd = (int)syscall(SYS_openat, AT_FDCWD, text, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		size = syscall(SYS_read, fd, text, sizeof(text) - 1);
		close(fd);
	}
	errno = saved;
	if (size <= 0)
		return false;
	text[size] = '\0';
	return px_parse_stat(text, fate);
}

struct px_status px_reaper_foresee(const struct px_child *child)
{
	struct px_fate fate;

	/* A code of 0 is also what the kernel shows to those it does not trust, and a leader that
	 * ended alone has one too; only a code says for certain that the whole process ends. */
	if (!px_read_stat(child, &fate) || !(fate.flags & PX_EXITING) || fate.code == 0)
		return (struct px_status){ .ending = PX_ENDING_NONE };
	return px_status_of_wait(fate.code);
}

bool px_reaper_headless(const struct px_child *child)
{
	struct px_fate fate;

	return px_read_stat(child, &fate) && (fate.flags & PX_EXITING);
}

static void px_reaper_send(const struct px_child *child, int number)
{
	const int saved = errno;

	/* By number only where the kernel does not do it by pidfd: the pid is ours until it is
	 * collected, unless the host takes our statuses. */
	if (child->pid > 0 && (child->pidfd < 0 ||
			       (syscall(SYS_pidfd_send_signal, child->pidfd, number, NULL, 0) < 0 &&
				(errno == ENOSYS || errno == EPERM))))
		kill(child->pid, number);
	errno = saved;
}

void px_reaper_kill(const struct px_child *child)
{
	px_reaper_send(child, SIGKILL);
}

/* Whether it stands: 0 or 1; negative: it never will. Nobody but the forkserver can wait
 * for its children. */
static int px_reaper_stands(const struct px_child *child)
{
	struct px_fate fate;
	siginfo_t info;

	if (px_waitid(child, &info, WSTOPPED) == 0)
		return info.si_pid != 0;
	if (!px_read_stat(child, &fate) || (fate.flags & PX_EXITING))
		return -1;
	return fate.state == 'T';
}

bool px_reaper_halt(const struct px_child *child, uint64_t deadline)
{
	const struct timespec pause = { .tv_nsec = 20 * PX_MICROSECOND };
	const int saved = errno;
	int stands;

	px_reaper_send(child, SIGSTOP);
	while ((stands = px_reaper_stands(child)) == 0 && px_now() < deadline)
		(void)syscall(SYS_ppoll, NULL, 0, &pause, NULL, 0);
	errno = saved;
	return stands > 0;
}

void px_reaper_resume(const struct px_child *child)
{
	px_reaper_send(child, SIGCONT);
}

bool px_reaper_exists(int64_t pid)
{
	const int saved = errno;
	const bool exists =
		pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);

	errno = saved;
	return exists;
}

void px_reaper_wait(const struct px_child *const *children, size_t n, uint64_t deadline)
{
	struct pollfd polls[PX_WAIT_AT_ONCE];
	const uint64_t now = px_now();
	const int saved = errno;
	struct timespec span;
	nfds_t count = 0;

	for (size_t i = 0; i < n && count < PX_WAIT_AT_ONCE; i++)
		if (children[i]->pidfd >= 0)
			polls[count++] = (struct pollfd){ children[i]->pidfd, POLLIN, 0 };
	if (deadline <= now)
		return;
	/* Children without a pidfd do not wake us: look again soon. */
	span = px_timespec(count == n ? deadline - now
				      : px_min(deadline - now, 2 * PX_MILLISECOND));
	(void)syscall(SYS_ppoll, polls, count, &span, NULL, 0);
	errno = saved;
}

/* What was killed but has not ended, of all handles of this process. */
static pthread_mutex_t px_abandoned_lock = PTHREAD_MUTEX_INITIALIZER;
static struct px_child px_abandoned[PX_ABANDONED_MOST];
static unsigned px_n_abandoned; /* ever, or since a fork */

void px_reaper_abandon(struct px_child *child)
{
	pthread_mutex_lock(&px_abandoned_lock);
	for (size_t i = 0; i < PX_ABANDONED_MOST && child->pid != 0; i++) {
		if (px_abandoned[i].pid != 0)
			continue;
		px_abandoned[i] = *child;
		px_n_abandoned++;
		*child = (struct px_child){ .pid = 0, .pidfd = -1 };
	}
	pthread_mutex_unlock(&px_abandoned_lock);
	/* More than that many: the zombie stays until the host ends. */
	if (child->pid != 0 && child->pidfd >= 0)
		close(child->pidfd);
	*child = (struct px_child){ .pid = 0, .pidfd = -1 };
}

void px_reaper_after_fork(void)
{
	/* Mostly there is nobody, and then no page to copy. */
	if (px_n_abandoned == 0)
		return;
	px_abandoned_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	memset(px_abandoned, 0, sizeof(px_abandoned));
	px_n_abandoned = 0;
}

void px_reaper_tidy(void)
{
	if (pthread_mutex_trylock(&px_abandoned_lock) != 0)
		return; /* somebody is at it */
	for (size_t i = 0; i < PX_ABANDONED_MOST; i++)
		if (px_abandoned[i].pid != 0)
			px_reaper_collect(&px_abandoned[i]);
	pthread_mutex_unlock(&px_abandoned_lock);
}
