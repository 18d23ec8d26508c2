/*
 * client.c - the host's side of one forkserver.
 */
#include "backend/client.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/growth.h"
#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "backend/registry.h"
#include "backend/socket.h"
#include "base/clock.h"
#include "codec/text.h"

#define PX_LARGE (UINT64_C(64) << 20) /* bytes: two milliseconds a fork */

void px_client_forget(struct px_client *client)
{
	px_file_let_go(&client->socket);
	px_file_let_go(&client->pidfd);
	px_file_unmap(client->page, PX_SERVER_PAGE);
	client->child = (struct px_child){ .pidfd = -1 };
	client->page = NULL;
}

/* Whose child it is that a dead server was asked for: the kernel wrote it, or the child
 * claims it; or it comes too late and ends. */
static pid_t px_client_last(struct px_client *client)
{
	uint64_t claim = (uint64_t)client->requests << 32;
	/* acquire: the kernel's store for a server that is gone */
	const pid_t pid = atomic_load_explicit(&client->page->pid, memory_order_acquire);

	/* acq_rel: of this and the child's in server.c one is first, and nothing else counts */
	if (pid != 0 || atomic_compare_exchange_strong_explicit(
				&client->page->claim, &claim, claim | PX_GIVEN_UP,
				memory_order_acq_rel, memory_order_acquire))
		return pid;
	return (pid_t)(claim & INT32_MAX);
}

pid_t px_client_bury(struct px_client *client)
{
	const struct px_child *one = &client->child;
	const uint64_t deadline = px_deadline(px_now(), PX_SECOND);
	pid_t last;

	if (client->page == NULL)
		return 0;
	/* Who closes one of our numbers closes many: closefrom(3). And older kernels give all
	 * pidfds one inode. */
	if (px_file_kept(&client->socket) < 0 || px_file_kept(&client->pidfd) < 0)
		client->child.pidfd = -1;
	client->pidfd.file = -1;
	px_file_let_go(&client->socket);
	px_reaper_kill(&client->child);
	while (client->child.pid != 0 && px_now() < deadline) {
		px_reaper_wait(&one, 1, deadline);
		(void)px_reaper_collect(&client->child);
	}
	if (client->child.pid != 0)
		px_reaper_abandon(&client->child);
	last = px_client_last(client);
	px_file_unmap(client->page, PX_SERVER_PAGE);
	client->page = NULL;
	px_lifeline_release();
	return last;
}

static struct px_identity px_identity_now(void)
{
	struct px_identity now = { .user = { 0 } };

	(void)getresuid(&now.user[0], &now.user[1], &now.user[2]);
	(void)getresgid(&now.group[0], &now.group[1], &now.group[2]);
	return now;
}

void px_client_check(struct px_client *client)
{
	const struct px_identity now = px_identity_now();

	if (client->page != NULL && (memcmp(&now, &client->identity, sizeof(now)) != 0 ||
				     px_file_kept(&client->socket) < 0))
		(void)px_client_bury(client);
}

static int px_client_make(struct px_client *client)
{
	const struct px_program *program = &client->program;
	pid_t pid = 0;
	int error;

	/* A copy of a program with threads has their locks, and one of a large program is large:
	 * then the program is executed anew, whose registry is the same. */
	if (program->path != NULL || program->modules != NULL ||
	    (px_registry_is_open() && (!px_backend_is_alone() || px_own_bytes() > PX_LARGE))) {
		error = px_spawn(program, PX_MARK_SERVER, client->seat, PX_SEAT_N, &pid);
		if (error == 0) {
			client->child = px_reaper_adopt(pid);
			px_lifeline_tie_other(client->seat[PX_SEAT_LIFELINE], pid);
		}
		return error;
	}
	client->robust_list = px_life_list();
	return px_launch_apart(&client->child);
}

static void px_client_note(struct px_client *client, const char *said)
{
	struct px_text text = px_text_into(client->said, sizeof(client->said));

	px_text_add(&text, "%s: %s", px_program_path(&client->program), said);
}

/* Its first word: 0 or a negative errno. */
static int px_client_greet(struct px_client *client)
{
	struct px_server_hello hello;
	const ssize_t got = px_socket_take(client->socket.file, &hello, sizeof(hello), NULL, 0);

	if (got != (ssize_t)sizeof(hello)) {
		px_client_note(client,
			       got == -EAGAIN ? "it says nothing" : "it ended without a word");
		return got == -EAGAIN ? -ETIMEDOUT : -ESRCH;
	}
	hello.reply.text[sizeof(hello.reply.text) - 1] = '\0';
	if (px_build_differs(&hello.build) != NULL)
		px_client_note(client, px_build_differs(&hello.build));
	else if (hello.reply.cause != 0)
		px_client_note(client, hello.reply.text);
	return px_build_differs(&hello.build) != NULL ? -EPROTO
	       : hello.reply.cause != 0               ? -ENOEXEC
						      : 0;
}

/* A page and a pair of ends: 0 or a negative errno. */
static int px_client_join(struct px_client *client, int ends[2], int *page_out)
{
	int error;

	*page_out = px_file_make(PX_SERVER_PAGE);
	if (*page_out < 0)
		return *page_out;
	client->page = px_file_map(*page_out, 0, PX_SERVER_PAGE, NULL, true);
	error = client->page != NULL ? px_socket_pair(ends) : -ENOMEM;
	if (error == 0)
		return 0;
	if (client->page != NULL)
		px_file_unmap(client->page, PX_SERVER_PAGE);
	client->page = NULL;
	px_file_close(*page_out);
	return error;
}

int px_client_start(struct px_client *client)
{
	int ends[2];
	int error;

	client->said[0] = '\0';
	error = px_client_join(client, ends, &client->seat[PX_SEAT_PAGE]);
	if (error != 0)
		return error;
	client->identity = px_identity_now();
	px_lifeline_hold();
	client->page->host = px_lifeline_host();
	client->seat[PX_SEAT_SOCKET] = ends[1];
	client->seat[PX_SEAT_LIFELINE] = px_lifeline_end();
	error = px_client_make(client);
	if (error > 0)
		return error;
	px_file_close(ends[1]);
	px_file_close(client->seat[PX_SEAT_PAGE]);
	px_lifeline_end_close(client->seat[PX_SEAT_LIFELINE]);
	client->socket = px_file_keep(ends[0]);
	client->pidfd = px_file_keep(client->child.pidfd);
	if (error != 0)
		px_client_note(client, strerrordesc_np(-error));
	else
		error = px_client_greet(client);
	if (error != 0)
		(void)px_client_bury(client);
	else
		px_socket_hurry(client->socket.file);
	client->known |= error == 0;
	return error;
}

int px_client_ask(struct px_client *client, const int handed[PX_HANDED_N], pid_t *pid_out)
{
	int32_t answer;
	ssize_t got;
	int error;

	client->requests++;
	/* relaxed: the request orders them */
	atomic_store_explicit(&client->page->pid, 0, memory_order_relaxed);
	atomic_store_explicit(&client->page->claim, (uint64_t)client->requests << 32,
			      memory_order_relaxed);
	error = px_socket_give(client->socket.file, handed, PX_HANDED_N);
	if (error == -ETOOMANYREFS || error == -ENOMEM || error == -ENOBUFS)
		return -EAGAIN;
	got = error == 0 ? px_socket_take(client->socket.file, &answer, sizeof(answer), NULL, 0)
			 : error;
	if (got == (ssize_t)sizeof(answer)) {
		*pid_out = answer;
		return answer > 0 ? 0 : answer;
	}
	*pid_out = px_client_bury(client);
	return *pid_out > 0 ? 0 : -ESRCH;
}
