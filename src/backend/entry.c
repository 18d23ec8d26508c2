/*
 * entry.c - how a worker begins and ends, so that nothing of the host
 * happens twice: its handlers, its pending text, its exit functions.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <pthread.h>

#include "backend/arrays.h"
#include "backend/crash.h"
#include "backend/environment.h"
#include "backend/forkserver.h"
#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "backend/owner.h"
#include "base/clock.h"
#include "base/raw.h"
#include "codec/image.h"
#include "shm/doorbell.h"

#define PX_ADOPTION_LOOK (100 * PX_MILLISECOND)

/* As exec does: what the host catches goes back to its default, what it
 * ignores stays ignored. */
static void px_reset_handlers(void)
{
	struct sigaction action;

	for (int number = 1; number < NSIG; number++) {
		if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_DFL ||
		    action.sa_handler == SIG_IGN)
			continue;
		action = (struct sigaction){ .sa_handler = SIG_DFL };
		(void)sigaction(number, &action, NULL);
	}
}

/* Whether a stream has text to write, without a call where the C library shows
 * it. */
static bool px_text_pending(FILE *file)
{
#ifdef __GLIBC__
	return file->_IO_write_ptr > file->_IO_write_base;
#else
	return __fpending(file) > 0;
#endif
}

void px_entry_flush(void)
{
	if (px_text_pending(stdout))
		fflush(stdout);
	if (px_text_pending(stderr))
		fflush(stderr);
}

void px_entry_leave(int status)
{
	px_entry_flush();
	for (;;)
		(void)px_raw(SYS_exit_group, status, 0, 0, 0);
}

/* The task called exit, or main's thread ended as the last: before any handler
 * of the host, since the last registered runs first. The parent learns the
 * status from the kernel. */
static void px_exit_guard(int status, void *unused)
{
	(void)unused;
	px_entry_flush();
	px_worker_last_words();
	px_entry_leave(status);
}

/* quick_exit keeps its status to itself, but glibc hands it, as a second
 * argument, to what its C++ ABI registers. Weak: elsewhere it is missing, and
 * then the host's own handlers run. */
extern int __cxa_at_quick_exit(void (*)(void *, int), void *) __attribute__((weak));

static void px_quick_exit_guard(void *unused, int status)
{
	(void)unused;
	_exit(status);
}

static void px_set_guards(void)
{
	(void)on_exit(px_exit_guard, NULL);
	if (__cxa_at_quick_exit != NULL)
		(void)__cxa_at_quick_exit(px_quick_exit_guard, NULL);
}

/* Until the parent has our pidfd, which a raw clone makes at once. */
static void px_await_adoption(const struct px_birth *birth)
{
	const struct px_slot slot = px_backend_slot(birth->backend, birth->slot);

	while (px_doorbell_seen(&slot.control->bell) == birth->bell) {
		if (getppid() != birth->parent)
			_exit(0);
		px_slot_rest(slot, birth->bell, px_deadline(px_now(), PX_ADOPTION_LOOK));
	}
}

void px_entry_heed_children(bool heed)
{
	const struct sigaction action = { .sa_handler = heed ? SIG_DFL : SIG_IGN };

	(void)sigaction(SIGCHLD, &action, NULL);
}

/* Copies them out of the way first, so that none is overwritten before it has moved. False: one
 * did not find room. What is the host's at the number of one that is not there goes, too. */
static bool px_move_descriptors(const int fds[PX_SEAT_N], int seat[PX_SEAT_N])
{
	int above[PX_SEAT_N];
	bool all = true;

	for (int i = 0; i < PX_SEAT_N; i++) {
		above[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD_CLOEXEC, PX_HANDED_FIRST + PX_SEAT_N)
				       : -1;
		all &= fds[i] < 0 || above[i] >= 0;
	}
	for (int i = 0; i < PX_SEAT_N; i++) {
		seat[i] = above[i] >= 0 ? dup3(above[i], PX_HANDED_FIRST + i, O_CLOEXEC) : -1;
		if (seat[i] < 0)
			close(PX_HANDED_FIRST + i);
	}
	closefrom(PX_HANDED_FIRST + PX_SEAT_N);
	return all;
}

/* What the host had not written yet is the host's to write; and so are its books. */
static void px_forget_text(void)
{
	if (px_text_pending(stdout))
		__fpurge(stdout);
	if (px_text_pending(stderr))
		__fpurge(stderr);
	px_image_after_fork();
	px_reaper_after_fork();
}

void px_entry_serve(const int fds[PX_SEAT_N], int seat[PX_SEAT_N])
{
	sigset_t none;

	px_reset_handlers();
	px_forget_text();
	px_lifeline_after_fork();
	if (!px_move_descriptors(fds, seat))
		_exit(0);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* What a fork has of its parent and a worker must not: handlers, text, books. */
static void px_entry_forget(struct px_birth *birth)
{
	struct px_backend *backend = birth->backend;

	if (!birth->cloned)
		px_reset_handlers();
	px_forget_text();
	px_forkserver_after_fork();
	if (birth->cloned)
		px_lifeline_after_fork();
	px_arena_keep(&backend->arena, birth->slot);
}

void px_entry(struct px_birth *birth)
{
	struct px_backend *backend = birth->backend;
	struct px_control *control = px_backend_slot(backend, birth->slot).control;

	if (!px_lifeline_tie(birth->lifeline, birth->host))
		_exit(0);
	px_owner_descend(birth->remote != NULL ? birth->depth : px_owner_depth());
	/* Its fault is a thirtieth of what a process costs that runs nothing but one short
	 * call; a worker of a map has it once. */
	if (!backend->order.one_shot)
		px_environment_cap();
	if (birth->remote == NULL)
		px_entry_forget(birth);
	px_arena_hide(&backend->arena, birth->slot, birth->leftover.low_from,
		      birth->leftover.low_to);
	px_arena_hide(&backend->arena, birth->slot, birth->leftover.over_from,
		      birth->leftover.over_to);
	px_arena_seclude(&backend->arena, birth->slot);
	if (!birth->cloned)
		px_await_adoption(birth);
	px_crash_watch(&control->report);
	(void)px_life_register(&control->life, birth->fresh ? birth->robust_list : px_life_list(),
			       birth->fresh);
	if (birth->remote == NULL) {
		px_arena_seal_others(&backend->arena);
		px_arrays_seal();
	}
	px_set_guards();
	/* The kernel has 64 signals; glibc's set has them first. */
	(void)px_raw(SYS_rt_sigprocmask, SIG_SETMASK, (long)&birth->mask, 0, 8);
}
