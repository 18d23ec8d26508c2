/*
 * worker.h - for those who build workers: programs and shared objects whose tasks
 * other processes reach by name.
 *
 * With PROCS_START_SPAWN a worker is a program that was executed, with
 * PROCS_START_FORKSERVER it may be; it has no memory of the caller but its slot and
 * the arrays. So tasks are found by their names, in the registry that PROCS_DEFINE and
 * PROCS_TASK write into each program and shared object. There are three ways to have
 * such a worker:
 *
 * - a program that is its own worker: the first line of its main is
 *	procs_worker_hook(argc, argv);
 * - a worker binary: int main(int argc, char **argv) { return procs_worker_main(argc, argv); }
 * - a shared object with PROCS_MODULE; in one of its files, which the stock
 *   procs-worker loads.
 *
 * The registry is that of the object in which these words stand: a program does not
 * see that of a library it is linked with, nor tasks of a static archive that it
 * mentions nowhere (link those with -Wl,--whole-archive).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROCS_WORKER_H
#define PROCS_WORKER_H

#include <stddef.h>

#include <procs/procs.h>
#include <procs/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A hook by name; written by PROCS_INIT and PROCS_TEARDOWN. */
struct procs_hook {
	size_t size;      /* bytes of this descriptor */
	const char *name; /* NUL-terminated */
	procs_init *init; /* one of the two is NULL */
	procs_teardown *teardown;
};

/* What one program or shared object offers; written by the macros below. */
struct procs_module {
	size_t size;         /* bytes of this descriptor */
	const char *version; /* PROCS_VERSION of the headers */
	const struct procs_function *const *tasks, *const *tasks_end;
	const struct procs_hook *const *hooks, *const *hooks_end;
};

/* The linker's names for the bounds of two sections of this program or shared object. */
extern const struct procs_function *const __start_procs_tasks[]
	__attribute__((weak, visibility("hidden")));
extern const struct procs_function *const __stop_procs_tasks[]
	__attribute__((weak, visibility("hidden")));
extern const struct procs_hook *const __start_procs_hooks[]
	__attribute__((weak, visibility("hidden")));
extern const struct procs_hook *const __stop_procs_hooks[]
	__attribute__((weak, visibility("hidden")));

#define PROCS_MODULE_HERE_                                                     \
	{ sizeof(struct procs_module), PROCS_VERSION, __start_procs_tasks,     \
	  __stop_procs_tasks, __start_procs_hooks, __stop_procs_hooks }

/** The name under which procs-worker finds the registry of a shared object. */
#define PROCS_MODULE_SYMBOL "procs_module"

/** PROCS_MODULE; at file scope, once in a shared object, lets procs-worker load it. */
#ifdef __cplusplus
# define PROCS_MODULE_NAME_ extern "C" PROCS_EXPORT const struct procs_module procs_module;
#else
# define PROCS_MODULE_NAME_ PROCS_EXPORT extern const struct procs_module procs_module;
#endif
#define PROCS_MODULE                                                           \
	PROCS_MODULE_NAME_                                                     \
	const struct procs_module procs_module = PROCS_MODULE_HERE_

/**
 * PROCS_INIT(f); and PROCS_TEARDOWN(f); at file scope, behind the function: enters a
 * hook into the registry, so that options.init and options.teardown may name it where
 * workers are executed.
 */
#define PROCS_INIT(f) PROCS_HOOK_(f, &f, NULL)
#define PROCS_TEARDOWN(f) PROCS_HOOK_(f, NULL, &f)
#define PROCS_HOOK_(f, init, teardown)                                         \
	static const struct procs_hook procs_hook_##f = {                      \
		sizeof(struct procs_hook), #f, init, teardown                  \
	};                                                                     \
	PROCS_ENTRY_("procs_hooks")                                            \
	static const struct procs_hook *const procs_hook_at_##f = &procs_hook_##f

/* The registry of the object that includes this header. */
PROCS_UNUSED static inline const struct procs_module *procs_module_here(void)
{
	static const struct procs_module here = PROCS_MODULE_HERE_;

	return &here;
}

/** procs_worker_hook(argc, argv); see procs_worker_enter. */
#define procs_worker_hook(argc, argv)                                          \
	procs_worker_enter((argc), (argv), procs_module_here())

/** return procs_worker_main(argc, argv); see procs_worker_run. */
#define procs_worker_main(argc, argv)                                          \
	procs_worker_run((argc), (argv),                                       \
			 (const struct procs_module *const[]){ procs_module_here() }, 1)

/**
 * The first line of main in a program that is its own worker: what procs_worker_hook
 * expands to. Returns at once unless this library executed the program to be a
 * worker; then it never returns. What main would do is not done in workers, so put
 * nothing before it that leaves traces.
 *
 * Without it PROCS_START_SPAWN and PROCS_START_FORKSERVER need options.worker or
 * options.modules.
 * @argc, @argv: as main got them, borrowed. @module: the registry of the program,
 * borrowed for good.
 * Returns: in the program as such. Errors: none; a program with more rights than its
 * user (AT_SECURE) is never a worker. A worker whose handover is refused ends with
 * status 2.
 * Ownership: nothing. Blocks: no; a worker for its life. Allocates: no.
 * Threads: the first, before there are others. Fork: before. Signals: no.
 */
PROCS_EXPORT void procs_worker_enter(int argc, char *const argv[],
				     const struct procs_module *module);

/**
 * The whole main of a worker binary; procs_worker_main gives it the registry of the
 * binary itself. Run by hand it writes its usage to standard error and touches nothing
 * else; with --list it writes the tasks and hooks it offers to standard output.
 *
 * @argc, @argv: as main got them, borrowed. @modules: [n] registries, borrowed for
 * good. @n: 1..64 of them.
 * Returns: the status to end with: 2 by hand and for what is wrong, 0 after --list; a
 * worker never returns. Errors: as said; two tasks of one name, or more modules, are
 * refused, and the caller of the worker is told so.
 * Ownership: nothing. Blocks: a worker for its life. Allocates: no.
 * Threads: the first, before there are others. Fork: before. Signals: no.
 */
PROCS_EXPORT int procs_worker_run(int argc, char *const argv[],
				  const struct procs_module *const modules[], size_t n);

/**
 * Tells whoever executed this program to be a worker that it cannot be one; by hand,
 * writes that to standard error. Items that wait for it are Failed(SPAWN) with this
 * message.
 *
 * @argc, @argv: as main got them, borrowed. @why: one line, borrowed for the call; cut
 * at 500 bytes.
 * Returns: 2, the status to end with. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: the first. Fork: any side. Signals: no.
 */
PROCS_EXPORT int procs_worker_refuse(int argc, char *const argv[], const char *why);

/**
 * The arguments behind the mark by which the library says that it executed a program to
 * be a worker: for stock workers, the modules to load.
 *
 * @argc, @argv: as main got them, borrowed.
 * Returns: the number of the first of them in argv, at most argc; 0 if this program was
 * not executed to be a worker. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT int procs_worker_arguments(int argc, char *const argv[]);

#ifdef __cplusplus
}
#endif

#endif /* PROCS_WORKER_H */
