/*
 * spawn.h - executes worker binaries. The only file that calls posix_spawn.
 *
 * What the new program gets is made here and nowhere else: descriptors 0, 1, 2 and
 * those that are named; default dispositions, but of SIGINT, an empty mask; an environment without the
 * variables by which somebody else could have it load code. The program is named by an
 * absolute path, and looked for nowhere.
 */
#ifndef PROCS_BACKEND_SPAWN_H
#define PROCS_BACKEND_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "backend/backend.h"

/* Behind argv[0], by which a program knows that it was executed to be a worker, or a
 * forkserver. */
#define PX_MARK_WORKER "--procs-worker"
#define PX_MARK_SERVER "--procs-forkserver"

/* In the environment of a program that is executed to be a worker, until it has attached: one
 * that calls this library before, since it has no hook, would execute itself again and again. */
#define PX_UNATTACHED  "PROCS_UNATTACHED"

/* Takes that out of the environment of this process. */
void px_spawn_attached(void);

/* The path as it will be executed, for messages. */
const char *px_program_path(const struct px_program *program);

/*
 * Executes it with the mark and the modules as arguments. fds[i] becomes descriptor 3 + i;
 * -1 leaves that closed, as are all others from 3 on.
 *
 * 0 and the pid of a child whose pidfd is not open yet; or a negative errno of fork or
 * execve.
 */
int px_spawn(const struct px_program *program, const char *mark, const int *fds, size_t n,
	     pid_t *pid_out);

/* Whether an errno of px_spawn is about the program, and will be the same again. */
bool px_spawn_is_final(int error);

/* program.c. A copy that is owned: 0 or -ENOMEM; and whether two are of the same words. */
int px_program_copy(struct px_program *to, const struct px_program *from);
void px_program_free(struct px_program *program);
bool px_program_same(const struct px_program *a, const struct px_program *b);

#endif /* PROCS_BACKEND_SPAWN_H */
