/*
 * client.h - what a host has of one forkserver: starts it, asks it, and buries it. Under the
 * lock of forkserver.c, all of it.
 */
#ifndef PROCS_BACKEND_CLIENT_H
#define PROCS_BACKEND_CLIENT_H

#include "backend/forkserver.h"
#include "backend/handover.h"
#include "backend/reaper.h"
#include "backend/spawn.h"
#include "shm/file.h"

/* What a process may do depends on. */
struct px_identity {
	uid_t user[3]; /* real, effective, saved */
	gid_t group[3];
};

struct px_client {
	struct px_child child;
	struct px_kept pidfd;        /* that of the child */
	struct px_kept socket;       /* owned */
	struct px_server_page *page; /* NULL: it does not run */
	uint32_t requests;
	int seat[PX_SEAT_N];         /* of the one that is being started, */
	void *robust_list;           /* and the list of the thread that does it */
	struct px_program program;   /* owned */
	struct px_identity identity; /* the host's when it was started */
	bool known;                  /* the program makes servers: one has begun */
	char said[PX_REPLY_TEXT];    /* by one that would not be started, or "" */
};

#define PX_CLIENT_NONE                                                                             \
 {                                                                                                 \
  .child = { .pidfd = -1 }, .pidfd = { .file = -1 }, .socket = {.file = -1 }                       \
 }

/* Starts one of its program: 0, or a negative errno; 1 in a copy of the host that is to be the
 * server. */
int px_client_start(struct px_client *client);

/* Buries a server that may not be used any more. A host that gave up rights may neither have
 * tasks run with them, nor kill those who have them; and one that closed the socket has
 * another file by that number. */
void px_client_check(struct px_client *client);

/* One request: 0 and the pid; -ESRCH if there is no server any more, and no child; or what
 * the server says. */
int px_client_ask(struct px_client *client, const int handed[PX_HANDED_N], pid_t *pid_out);

/* The server is gone, or is to go: the child that it still made, or 0. */
pid_t px_client_bury(struct px_client *client);

/* In a copy of the host. */
void px_client_forget(struct px_client *client);

#endif /* PROCS_BACKEND_CLIENT_H */
