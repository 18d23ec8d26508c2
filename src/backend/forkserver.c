#include "backend/forkserver.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "backend/arrays.h"
#include "backend/client.h"
#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "codec/text.h"
#include "shm/arena.h"

enum {
	PX_TRIES = 3,       /* servers that may die over one request, */
	PX_TRIES_KNOWN = 20 /* and if one of that program has said its first word */
};

/* One a process; under the lock. */
static struct px_client px_server = PX_CLIENT_NONE;

/* Beside the lock, for those who only ask: a server that is stopped has it for seconds. */
static _Atomic bool px_runs, px_is_anothers;

static pthread_mutex_t px_lock = PTHREAD_MUTEX_INITIALIZER;
static bool px_has_handlers;

PX_TLS static bool px_inside; /* this thread has the lock: the fork is that of the server */

static void px_before_fork(void)
{
	if (!px_inside)
		pthread_mutex_lock(&px_lock);
}

static void px_after_fork_in_host(void)
{
	if (!px_inside)
		pthread_mutex_unlock(&px_lock);
}

void px_forkserver_after_fork(void)
{
	/* Mostly there is none, and then no page to copy. */
	if (px_server.page == NULL)
		return;
	px_client_forget(&px_server);
	/* relaxed: nobody else is here */
	atomic_store_explicit(&px_runs, false, memory_order_relaxed);
}

static void px_after_fork_in_copy(void)
{
	if (px_inside)
		return;
	px_forkserver_after_fork();
	pthread_mutex_unlock(&px_lock);
}

/* In the fork that becomes the server: nothing of the host's is kept that would last. */
PX_NORETURN static void px_forked(void)
{
	struct px_server_page *page = px_server.page;
	int seat[PX_SEAT_N];

	px_entry_serve(px_server.seat, seat);
	px_life_relist(px_server.robust_list);
	/* Its workers have no server, and may start one: this thread took the lock. */
	px_server.page = NULL;
	px_inside = false;
	pthread_mutex_unlock(&px_lock);
	px_arrays_forget();
	px_arena_forget_all();
	px_server_live(seat, page);
}

static int px_start(void)
{
	int error;

	/* The lifeline's lock is taken under ours, so its handlers come first: a fork takes the
	 * locks in the reverse order. */
	px_lifeline_hold();
	if (!px_has_handlers)
		px_has_handlers = pthread_atfork(px_before_fork, px_after_fork_in_host,
						 px_after_fork_in_copy) == 0;
	error = px_client_start(&px_server);
	if (error > 0)
		px_forked();
	px_lifeline_release();
	return error;
}

/* Signals are kept out, so that a handler of the host may fork, and none runs in a server. */
static void px_server_lock(sigset_t *mask_out)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, mask_out);
	pthread_mutex_lock(&px_lock);
	px_inside = true;
}

static void px_server_unlock(const sigset_t *mask)
{
	/* relaxed: flags of their own */
	atomic_store_explicit(&px_runs, px_server.page != NULL, memory_order_relaxed);
	atomic_store_explicit(&px_is_anothers,
			      px_server.program.path != NULL || px_server.program.modules != NULL,
			      memory_order_relaxed);
	px_inside = false;
	pthread_mutex_unlock(&px_lock);
	pthread_sigmask(SIG_SETMASK, mask, NULL);
}

int px_forkserver_start(const struct px_program *program)
{
	const int saved = errno;
	struct px_program copy = { .path = NULL };
	sigset_t mask;
	int error = px_program_copy(&copy, program);

	if (error != 0)
		return error;
	px_server_lock(&mask);
	px_client_check(&px_server);
	if (px_server.page != NULL) {
		error = px_program_same(&px_server.program, &copy) ? 0 : -EBUSY;
	} else {
		px_program_free(&px_server.program);
		px_server.program = copy;
		px_server.known = false;
		copy = (struct px_program){ .path = NULL };
		error = px_start();
		/* One that never ran is not to be asked for again. */
		if (error != 0)
			px_program_free(&px_server.program);
	}
	px_server_unlock(&mask);
	px_program_free(&copy);
	errno = saved;
	return error;
}

void px_forkserver_stop(void)
{
	const int saved = errno;
	sigset_t mask;

	px_server_lock(&mask);
	(void)px_client_bury(&px_server);
	px_server_unlock(&mask);
	errno = saved;
}

bool px_forkserver_runs(void)
{
	/* relaxed: a flag of its own; as below */
	return atomic_load_explicit(&px_runs, memory_order_relaxed);
}

bool px_forkserver_is_ours(void)
{
	return !atomic_load_explicit(&px_is_anothers, memory_order_relaxed); /* relaxed: as above */
}

void px_forkserver_said(char *text, size_t size)
{
	struct px_text out = px_text_into(text, size);
	sigset_t mask;

	px_server_lock(&mask);
	px_text_add(&out, "%s", px_server.said);
	px_server_unlock(&mask);
}

int px_forkserver_hire(const int handed[PX_HANDED_N], pid_t *pid_out)
{
	const int saved = errno;
	int error = -ESRCH;
	sigset_t mask;

	px_server_lock(&mask);
	for (int i = 0; error == -ESRCH && i < (px_server.known ? PX_TRIES_KNOWN : PX_TRIES); i++) {
		px_client_check(&px_server);
		error = px_server.page == NULL ? px_start() : 0;
		if (error == 0)
			error = px_client_ask(&px_server, handed, pid_out);
	}
	/* Somebody kills them: that may end. */
	if (error == -ESRCH && px_server.known)
		error = -EAGAIN;
	px_server_unlock(&mask);
	errno = saved;
	return error;
}
