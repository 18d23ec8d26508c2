/*
 * forkserver.h - a small process that makes workers for its host, whatever the host has
 * become meanwhile.
 *
 * The host asks over a socket, one request at a time, and hands over the descriptors of
 * one slot; the server clones itself and says the pid. The child is a child of the host
 * (CLONE_PARENT), attaches to the slot as an executed worker does, and needs the server no
 * more. So the server knows nothing of streams, and its death loses nothing: it is started
 * again. Whether it had made the child that it died over, the kernel has written into a
 * page that the two share (CLONE_PARENT_SETTID), before the child runs.
 *
 * Where a raw clone is not to be had the child is the server's: then its status is known
 * from Linux 6.15 on only.
 *
 * Source of the idea: AFL's fork server; Android's zygote.
 */
#ifndef PROCS_BACKEND_FORKSERVER_H
#define PROCS_BACKEND_FORKSERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/handover.h"
#include "backend/spawn.h"
#include "base/px.h"

enum {
	PX_SERVER_PAGE = 4096
};

/* What host and server share, one server one page. Workers have it no more. */
struct px_server_page {
	_Atomic int32_t pid; /* of the child that was made last; 0: of this request none yet */
	int32_t host;        /* as px_lifeline_host() was in the thread that started the server */
	/* Number of the request << 32, and then of the child and a host whose server died over
	 * it, that which came first: the child's pid, or PX_GIVEN_UP. Needed where the kernel
	 * does not write pid: such a child may come up when another is already asked for. */
	_Atomic uint64_t claim;
};

#define PX_GIVEN_UP UINT64_C(0xffffffff)

/* A server's first word. */
struct px_server_hello {
	struct px_build build;
	struct px_reply reply; /* with a cause: it is none */
};

/* The descriptors of an executed server are 3, 4 and 5. */
enum px_seat {
	PX_SEAT_SOCKET,
	PX_SEAT_PAGE,
	PX_SEAT_LIFELINE,
	PX_SEAT_N
};

/* Starts it, if it does not run: of a program to execute, or of this one, if that names none.
 * The strings are copied and hold for starts when it has died. 0 or a negative errno;
 * -EPROTO for another build, -ETIMEDOUT. */
int px_forkserver_start(const struct px_program *program);
void px_forkserver_stop(void);

/* Whether it runs, as far as is known. Waits for nothing. */
bool px_forkserver_runs(void);

/* Whether what it makes are copies of this program, as far as is known. Likewise. */
bool px_forkserver_is_ours(void);

/* For messages: why the last one could not be started, or "". */
void px_forkserver_said(char *text, size_t size);

/* Has it make a worker; it is started if need be. 0 and the pid, or a negative errno. */
int px_forkserver_hire(const int handed[PX_HANDED_N], pid_t *pid_out);

/* In a raw clone, where no pthread_atfork handler ran. */
void px_forkserver_after_fork(void);

/* server.c: the life of a server. Ends with its host, or when that says so. */
PX_NORETURN void px_server_live(const int seat[PX_SEAT_N], struct px_server_page *page);

/* The same in an executed program, and why it will be none: false if nobody asked. */
bool px_server_executed(void);
bool px_server_refuse(const struct px_reply *reply);

#endif /* PROCS_BACKEND_FORKSERVER_H */
