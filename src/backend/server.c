/*
 * server.c - the forkserver's side: one thread, that clones itself when it is asked to.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backend/attach.h"
#include "backend/forkserver.h"
#include "backend/life.h"
#include "backend/lifeline.h"
#include "backend/local.h"
#include "backend/socket.h"
#include "shm/file.h"

/* The child attaches, and has nothing of the server any more. */
PX_NORETURN static void px_server_child(const int seat[PX_SEAT_N], struct px_server_page *page,
					const int handed[PX_HANDED_N], struct px_origin origin)
{
	/* Of the host, whose child it is; a child of the server's ends with that. */
	origin.host = origin.cloned ? page->host : 0;

	for (int i = 0; i < PX_SEAT_N; i++)
		px_file_close(seat[i]);
	px_file_unmap(page, PX_SERVER_PAGE);
	px_entry_heed_children(true);
	px_attach(handed, origin);
}

/* In a child that the kernel did not announce: if the server died over its request, the host
 * has either seen this claim or asks another one. A host that is at a later request was told
 * of this child by the server. */
static void px_server_claim(struct px_server_page *page, uint64_t claim)
{
	uint64_t there = claim;

	/* acq_rel: of this and the host's in forkserver.c one is first, and nothing else counts */
	if (!atomic_compare_exchange_strong_explicit(&page->claim, &there,
						     claim | (uint64_t)getpid(),
						     memory_order_acq_rel, memory_order_acquire) &&
	    there == (claim | PX_GIVEN_UP))
		_exit(0);
}

static int px_server_serve(const int seat[PX_SEAT_N], struct px_server_page *page,
			   const int handed[PX_HANDED_N], void *robust_list)
{
	/* relaxed: the request orders it */
	const uint64_t claim = atomic_load_explicit(&page->claim, memory_order_relaxed);
	bool raw = true;
	int pid = px_launch_sibling((int32_t *)(uintptr_t)&page->pid);

	if (pid == -ENOSYS) {
		raw = false;
		pid = px_launch_copy();
		if (pid == 0)
			px_server_claim(page, claim);
	}
	if (pid == 0)
		px_server_child(seat, page, handed,
				(struct px_origin){ .cloned = raw, .robust_list = robust_list });
	/* relaxed: for a host that finds the server dead; the kernel stored it before */
	if (pid > 0)
		atomic_store_explicit(&page->pid, pid, memory_order_relaxed);
	return pid;
}

void px_server_live(const int seat[PX_SEAT_N], struct px_server_page *page)
{
	const struct px_server_hello hello = { .build = px_build_own() };
	const int socket = seat[PX_SEAT_SOCKET];
	void *robust_list = px_life_list();
	int handed[PX_HANDED_N];
	int32_t answer, word;
	ssize_t got;

	if (!px_lifeline_tie(seat[PX_SEAT_LIFELINE], page->host))
		_exit(0);
	/* Children of its own are nobody's to wait for. */
	px_entry_heed_children(false);
	if (px_socket_say(socket, &hello, sizeof(hello)) != 0)
		_exit(0);
	for (;;) {
		got = px_socket_take(socket, &word, sizeof(word), handed, PX_HANDED_N);
		if (got == (ssize_t)sizeof(word))
			answer = px_server_serve(seat, page, handed, robust_list);
		else if (got == -EMFILE)
			answer = -EMFILE;
		else
			break;
		for (int i = 0; i < PX_HANDED_N; i++)
			px_file_close(handed[i]);
		if (px_socket_say(socket, &answer, sizeof(answer)) != 0)
			break;
	}
	_exit(0);
}

bool px_server_executed(void)
{
	int seat[PX_SEAT_N];
	uint64_t size;
	void *page;

	for (int i = 0; i < PX_SEAT_N; i++)
		seat[i] = PX_HANDED_FIRST + i;
	if (!px_lifeline_accept(seat[PX_SEAT_LIFELINE]))
		seat[PX_SEAT_LIFELINE] = -1;
	if (!px_file_is_sealed(seat[PX_SEAT_PAGE], &size) || size < sizeof(struct px_server_page))
		return false;
	page = px_file_map(seat[PX_SEAT_PAGE], 0, PX_SERVER_PAGE, NULL, true);
	if (page == NULL)
		return false;
	for (int i = 0; i < PX_SEAT_N; i++)
		(void)fcntl(seat[i], F_SETFD, FD_CLOEXEC);
	px_server_live(seat, page);
}

bool px_server_refuse(const struct px_reply *reply)
{
	const struct px_server_hello hello = { .build = px_build_own(), .reply = *reply };

	return px_socket_say(PX_HANDED_FIRST + PX_SEAT_SOCKET, &hello, sizeof(hello)) == 0;
}
