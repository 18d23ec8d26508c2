/*
 * launch.c - makes processes. The only file that forks.
 *
 * A parent with one thread uses clone3 with no exit signal: the child raises no
 * SIGCHLD in the host and its waitpid(-1) does not see it; the kernel resets
 * caught signals on the way. A raw clone runs no pthread_atfork handlers; those
 * exist to make locks of other threads usable, and there are no other threads.
 * A parent with threads uses fork(), which repairs malloc and stdio, and so does
 * one where clone3 is missing or filtered, or a sanitizer or valgrind keeps
 * books of forks.
 */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/alarm.h"
#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "base/clock.h"
#include "base/raw.h"
#include "shm/file.h"

#ifndef CLONE_CLEAR_SIGHAND
# define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

#if defined(__SANITIZE_THREAD__)
# define PX_RAW_CLONE 0
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define PX_RAW_CLONE 0
# endif
#endif
#ifndef PX_RAW_CLONE
# define PX_RAW_CLONE 1
#endif

#define PX_HELPER_LONG (3 * PX_SECOND)

/* Found out at the first fork; a race of two threads finds the same. */
static _Atomic bool px_clone_fails;

/* Where glibc keeps the calling thread's id: a raw clone must renew it, or the
 * child's robust mutexes carry the parent's. */
static int *px_tid_address(void)
{
	int *address = NULL;

	return prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) == 0 ? address : NULL;
}

static bool px_may_clone(void)
{
	/* relaxed: a flag of its own */
	return PX_RAW_CLONE && __libc_single_threaded &&
	       !atomic_load_explicit(&px_clone_fails, memory_order_relaxed);
}

bool px_backend_is_alone(void)
{
	return __libc_single_threaded;
}

/* The child's pid, 0 in the child, or -1. */
static pid_t px_clone(int *pidfd, int *tid)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
			 CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)pidfd,
		.child_tid = (uintptr_t)tid,
		.exit_signal = 0,
	};
	long pid;

	pid = px_raw(SYS_clone3, (long)&arguments, sizeof(arguments), 0, 0);
	if (pid < 0)
		errno = (int)-pid;
	return (pid_t)(pid < 0 ? -1 : pid);
}

/* Where exceptions, pthread_exit and debuggers stop unwinding: below lies the
 * host's stack, whose handlers are not the worker's. */
PX_NORETURN __attribute__((noinline)) static void px_launch_child(struct px_birth *birth)
{
#if defined(__x86_64__)
	__asm__ volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
	__asm__ volatile(".cfi_undefined x30");
#endif
	px_entry(birth);
	px_worker_live(birth);
}

static pid_t px_launch_clone(struct px_birth *birth, struct px_child *child_out)
{
	int *tid = px_tid_address();
	int pidfd = -1;
	pid_t pid;

	birth->robust_list = px_life_list();
	birth->cloned = birth->fresh = true;
	if (tid == NULL) {
		errno = ENOSYS;
		return -1;
	}
	pid = px_clone(&pidfd, tid);
	if (pid == 0)
		px_launch_child(birth);
	*child_out = (struct px_child){ .pid = pid, .pidfd = px_file_above(pidfd) };
	return pid;
}

static pid_t px_launch_plain(struct px_birth *birth, struct px_child *child_out)
{
	struct px_control *control = px_backend_slot(birth->backend, birth->slot).control;
	pid_t pid;

	birth->robust_list = NULL;
	birth->cloned = birth->fresh = false;
	birth->bell = px_doorbell_seen(&control->bell);
	pid = fork();
	if (pid == 0)
		px_launch_child(birth);
	/* The child waits for this ring: it cannot end by itself, and be taken by a stranger and
	 * its number given to another, before its pidfd is open. */
	if (pid > 0) {
		*child_out = px_reaper_adopt(pid);
		px_doorbell_ring(&control->bell, &control->idle);
	}
	return pid;
}

/* A helper ends as it began: with the host's memory, and all signals blocked. */
PX_NORETURN static void px_helper_child(void (*run)(void *), void *argument, pid_t host,
					_Atomic uint32_t *adopted)
{
	struct px_sleeper sleeper = px_doorbell_on(adopted, 0);
	struct px_alarm alarm;

	px_lifeline_after_fork();
	/* Its end is its own, whatever becomes of the host. */
	px_alarm_open(&alarm, PX_HELPER_LONG, true);
	px_alarm_item(&alarm, px_now());
	while (px_doorbell_seen(adopted) == 0)
		px_doorbell_sleep(&sleeper, 1, px_deadline(px_now(), PX_MILLISECOND));
	if (px_lifeline_tie(-1, host))
		run(argument);
	_exit(0);
}

int px_launch_apart(struct px_child *child_out)
{
	int *tid = px_tid_address();
	int pidfd = -1;
	pid_t pid = -1;

	*child_out = (struct px_child){ .pid = 0, .pidfd = -1 };
	if (px_may_clone() && tid != NULL)
		pid = px_clone(&pidfd, tid);
	if (pid < 0)
		pid = fork();
	if (pid > 0 && pidfd < 0)
		*child_out = px_reaper_adopt(pid);
	else if (pid > 0)
		*child_out = (struct px_child){ .pid = pid, .pidfd = px_file_above(pidfd) };
	return pid == 0 ? 1 : pid > 0 ? 0 : -errno;
}

int px_launch_sibling(int32_t *pid_out)
{
	int *tid = px_tid_address();
	const uint64_t flags =
		CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	struct clone_args arguments = {
		.flags = flags,
		.parent_tid = (uintptr_t)pid_out,
		.child_tid = (uintptr_t)tid,
	};
	long pid;

	if (!PX_RAW_CLONE || tid == NULL)
		return -ENOSYS;
	pid = px_raw(SYS_clone3, (long)&arguments, sizeof(arguments), 0, 0);
	/* Filters that do not know the one let the other through. */
#if defined(__x86_64__)
	if (pid == -ENOSYS || pid == -EPERM)
		pid = syscall(SYS_clone, flags, NULL, pid_out, tid, NULL);
#else
	if (pid == -ENOSYS || pid == -EPERM)
		pid = syscall(SYS_clone, flags, NULL, pid_out, NULL, tid);
#endif
	if (pid == -1)
		pid = -errno;
	return pid == -EPERM || pid == -EINVAL ? -ENOSYS : (int)pid;
}

int px_launch_copy(void)
{
	const pid_t pid = fork();

	return pid < 0 ? -errno : pid;
}

bool px_launch_helper(void (*run)(void *), void *argument, _Atomic uint32_t *adopted,
		      uint64_t deadline)
{
	const pid_t host = px_lifeline_host();
	struct px_child child;
	const struct px_child *one = &child;
	struct px_status status = { .ending = PX_ENDING_NONE };
	const int saved = errno;
	sigset_t all, mask;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	if (px_launch_apart(&child) > 0)
		px_helper_child(run, argument, host, adopted);
	/* release: pairs with the acquire of the child, who looks each millisecond and goes on */
	atomic_store_explicit(adopted, 1, memory_order_release);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	while (child.pid != 0 && status.ending == PX_ENDING_NONE && px_now() < deadline) {
		px_reaper_wait(&one, 1, deadline);
		status = px_reaper_collect(&child);
	}
	px_reaper_kill(&child);
	if (child.pid != 0)
		px_reaper_abandon(&child);
	errno = saved;
	return status.ending == PX_ENDING_EXIT;
}

int px_launch_fork(struct px_birth *birth, struct px_child *child_out)
{
	const int saved = errno;
	sigset_t all;
	pid_t pid = -1;
	int error;

	/* No handler of the host may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &birth->mask);
	if (px_may_clone()) {
		pid = px_launch_clone(birth, child_out);
		if (pid < 0 && errno != EAGAIN && errno != ENOMEM)
			/* relaxed: a flag of its own */
			atomic_store_explicit(&px_clone_fails, true, memory_order_relaxed);
	}
	if (pid < 0 && !px_may_clone())
		pid = px_launch_plain(birth, child_out);
	error = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &birth->mask, NULL);
	errno = saved;
	return error;
}
