#include "backend/forkserver.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/arrays.h"
#include "backend/growth.h"
#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "backend/registry.h"
#include "backend/socket.h"
#include "base/clock.h"
#include "codec/text.h"
#include "shm/arena.h"
#include "shm/file.h"

enum {
	PX_TRIES = 3,       /* servers that may die over one request, */
	PX_TRIES_KNOWN = 20 /* and if one of that program has said its first word */
};

/* What a process may do depends on. */
struct px_identity {
	uid_t user[3]; /* real, effective, saved */
	gid_t group[3];
};

/* One a process; under the lock. */
static struct px_forkserver {
	struct px_child child;
	int socket;    /* owned; -1: it does not run */
	int page_file; /* owned; -1: none yet */
	struct px_server_page *page;
	struct px_program program;                       /* owned */
	struct px_identity identity;                     /* the host's when it was started */
	bool known;                                      /* it makes servers: one has begun */
	char said[sizeof(((struct px_reply *)0)->text)]; /* by one that would not be started */
} px_server = { .child = { .pidfd = -1 }, .socket = -1, .page_file = -1 };

#define PX_LARGE (UINT64_C(64) << 20) /* bytes: two milliseconds a fork */

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
	if (px_server.page_file < 0)
		return;
	px_file_close(px_server.socket);
	px_file_close(px_server.page_file);
	px_file_unmap(px_server.page, PX_SERVER_PAGE);
	if (px_server.child.pidfd >= 0)
		px_file_close(px_server.child.pidfd);
	px_server.child = (struct px_child){ .pidfd = -1 };
	px_server.socket = px_server.page_file = -1;
	px_server.page = NULL;
}

static void px_after_fork_in_copy(void)
{
	if (px_inside)
		return;
	px_forkserver_after_fork();
	pthread_mutex_unlock(&px_lock);
}

/* The server is gone, or is to go. */
static void px_server_bury(struct px_forkserver *server)
{
	const struct px_child *one = &server->child;
	const uint64_t deadline = px_deadline(px_now(), PX_SECOND);

	if (server->socket < 0)
		return;
	px_file_close(server->socket);
	server->socket = -1;
	px_reaper_kill(&server->child);
	while (server->child.pid != 0 && px_now() < deadline) {
		px_reaper_wait(&one, 1, deadline);
		(void)px_reaper_collect(&server->child);
	}
	if (server->child.pid != 0)
		px_reaper_abandon(&server->child);
	px_lifeline_release();
}

static struct px_identity px_identity_now(void)
{
	struct px_identity now = { .user = { 0 } };

	(void)getresuid(&now.user[0], &now.user[1], &now.user[2]);
	(void)getresgid(&now.group[0], &now.group[1], &now.group[2]);
	return now;
}

/* A host that gave up rights since then may neither have tasks run with them, nor kill those
 * who have them. */
static void px_server_check(struct px_forkserver *server)
{
	const struct px_identity now = px_identity_now();

	if (memcmp(&now, &server->identity, sizeof(now)) != 0)
		px_server_bury(server);
}

/* In the fork that becomes the server: nothing of the host's is kept that would last. */
PX_NORETURN static void px_server_forked(const int *fds, void *robust_list)
{
	struct px_server_page *page = px_server.page;
	int seat[PX_SEAT_N];

	px_entry_serve(fds, seat);
	px_life_relist(robust_list);
	/* Its workers have no server, and may start one: this thread took the lock. */
	px_server.page_file = -1;
	px_server.page = NULL;
	px_inside = false;
	pthread_mutex_unlock(&px_lock);
	px_arrays_forget();
	px_arena_forget_all();
	px_server_live(seat, page);
}

static int px_server_make(struct px_forkserver *server, const int *fds)
{
	const struct px_program *program = &server->program;
	void *robust_list = px_life_list();
	pid_t pid = 0;
	int error;

	/* A copy of a program with threads has their locks, and one of a large program is large:
	 * then the program is executed anew, whose registry is the same. */
	if (program->path != NULL || program->modules != NULL ||
	    (px_registry_is_open() && (!px_backend_is_alone() || px_own_bytes() > PX_LARGE))) {
		error = px_spawn(program, PX_MARK_SERVER, fds, PX_SEAT_N, &pid);
		if (error == 0) {
			server->child = px_reaper_adopt(pid);
			px_lifeline_tie_other(fds[PX_SEAT_LIFELINE], pid);
		}
		return error;
	}
	error = px_launch_apart(&server->child);
	if (error > 0)
		px_server_forked(fds, robust_list);
	return error;
}

static void px_server_note(struct px_forkserver *server, const char *said)
{
	struct px_text text = px_text_into(server->said, sizeof(server->said));

	px_text_add(&text, "%s: %s", px_program_path(&server->program), said);
}

/* Its first word: 0 or a negative errno. */
static int px_server_greet(struct px_forkserver *server)
{
	struct px_server_hello hello;
	const ssize_t got = px_socket_take(server->socket, &hello, sizeof(hello), NULL, 0);

	if (got != (ssize_t)sizeof(hello)) {
		px_server_note(server,
			       got == -EAGAIN ? "it says nothing" : "it ended without a word");
		return got == -EAGAIN ? -ETIMEDOUT : -ESRCH;
	}
	hello.reply.text[sizeof(hello.reply.text) - 1] = '\0';
	if (px_build_differs(&hello.build) != NULL)
		px_server_note(server, px_build_differs(&hello.build));
	else if (hello.reply.cause != 0)
		px_server_note(server, hello.reply.text);
	return px_build_differs(&hello.build) != NULL ? -EPROTO
	       : hello.reply.cause != 0               ? -ENOEXEC
						      : 0;
}

static int px_server_start(struct px_forkserver *server)
{
	int ends[2], fds[PX_SEAT_N];
	int error;

	server->said[0] = '\0';
	if (server->page_file < 0) {
		server->page_file = px_file_make(PX_SERVER_PAGE);
		if (server->page_file < 0)
			return server->page_file;
		server->page = px_file_map(server->page_file, 0, PX_SERVER_PAGE, NULL, true);
	}
	if (server->page == NULL)
		return -ENOMEM;
	error = px_socket_pair(ends);
	if (error != 0)
		return error;
	server->identity = px_identity_now();
	px_lifeline_hold();
	/* Its lock is taken under ours, so its handlers come first: a fork takes the locks in
	 * the reverse order. */
	if (!px_has_handlers)
		px_has_handlers = pthread_atfork(px_before_fork, px_after_fork_in_host,
						 px_after_fork_in_copy) == 0;
	server->page->host = px_lifeline_host();
	fds[PX_SEAT_SOCKET] = ends[1];
	fds[PX_SEAT_PAGE] = server->page_file;
	fds[PX_SEAT_LIFELINE] = px_lifeline_end();
	error = px_server_make(server, fds);
	px_file_close(ends[1]);
	px_lifeline_end_close(fds[PX_SEAT_LIFELINE]);
	server->socket = ends[0];
	if (error != 0)
		px_server_note(server, strerrordesc_np(-error));
	else
		error = px_server_greet(server);
	if (error != 0)
		px_server_bury(server);
	server->known |= error == 0;
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
	if (px_server.socket >= 0) {
		error = px_program_same(&px_server.program, &copy) ? 0 : -EBUSY;
	} else {
		px_program_free(&px_server.program);
		px_server.program = copy;
		px_server.known = false;
		copy = (struct px_program){ .path = NULL };
		error = px_server_start(&px_server);
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
	px_server_bury(&px_server);
	px_file_close(px_server.page_file);
	if (px_server.page != NULL)
		px_file_unmap(px_server.page, PX_SERVER_PAGE);
	px_server.page_file = -1;
	px_server.page = NULL;
	px_server_unlock(&mask);
	errno = saved;
}

bool px_forkserver_runs(void)
{
	sigset_t mask;
	bool runs;

	px_server_lock(&mask);
	runs = px_server.socket >= 0;
	px_server_unlock(&mask);
	return runs;
}

bool px_forkserver_is_ours(void)
{
	sigset_t mask;
	bool ours;

	px_server_lock(&mask);
	ours = px_server.program.path == NULL && px_server.program.modules == NULL;
	px_server_unlock(&mask);
	return ours;
}

const char *px_forkserver_said(void)
{
	return px_server.said;
}

/* One request: 0 and the pid; -ESRCH if there is no server any more, and no child; or what
 * the server says. */
static int px_server_ask(struct px_forkserver *server, const int handed[PX_HANDED_N],
			 pid_t *pid_out)
{
	int32_t answer;
	ssize_t got;
	int error;

	/* relaxed: the request orders it */
	atomic_store_explicit(&server->page->pid, 0, memory_order_relaxed);
	error = px_socket_give(server->socket, handed, PX_HANDED_N);
	if (error == -ETOOMANYREFS || error == -ENOMEM || error == -ENOBUFS)
		return -EAGAIN;
	got = error == 0 ? px_socket_take(server->socket, &answer, sizeof(answer), NULL, 0) : error;
	if (got == (ssize_t)sizeof(answer)) {
		*pid_out = answer;
		return answer > 0 ? 0 : answer;
	}
	px_server_bury(server);
	/* acquire: the kernel's store for a server that is gone */
	*pid_out = atomic_load_explicit(&server->page->pid, memory_order_acquire);
	return *pid_out > 0 ? 0 : -ESRCH;
}

int px_forkserver_hire(const int handed[PX_HANDED_N], pid_t *pid_out)
{
	const int saved = errno;
	int error = -ESRCH;
	sigset_t mask;

	px_server_lock(&mask);
	for (int i = 0; error == -ESRCH && i < (px_server.known ? PX_TRIES_KNOWN : PX_TRIES); i++) {
		px_server_check(&px_server);
		error = px_server.socket < 0 ? px_server_start(&px_server) : 0;
		if (error == 0)
			error = px_server_ask(&px_server, handed, pid_out);
	}
	/* Somebody kills them: that may end. */
	if (error == -ESRCH && px_server.known)
		error = -EAGAIN;
	px_server_unlock(&mask);
	errno = saved;
	return error;
}
