/*
 * registry.h - tasks and hooks by their names: those of the program, and of modules
 * that a worker binary offers.
 *
 * A name is compared byte by byte with those of the tables, and is nothing else: it is
 * never looked up in the symbols of the program. Who calls says what types the task
 * has for him; another task of that name is refused.
 */
#ifndef PROCS_BACKEND_REGISTRY_H
#define PROCS_BACKEND_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <procs/worker.h>

#include "codec/plans.h"
#include "codec/text.h"
#include "shm/layout.h"

enum {
	PX_MODULES_MOST = 64
};

/* Takes the registries of this program; they stay. Once, before there are threads. 0,
 * -E2BIG or -EPROTO for what another version wrote. */
int px_registry_open(const struct procs_module *const *modules, size_t n);

/* Whether there is one. */
bool px_registry_is_open(void);

/* Whether all names differ: 0 or -ENOTUNIQ, and then which do not. */
int px_registry_check(struct px_text *why);

/* The task of that name. NULL and why: none, two, or one with other types. The name is
 * private to the caller, and ends. */
const struct procs_function *px_registry_find(const struct px_task_name *wanted,
					      struct px_plans *plans, struct px_text *why);

/* Whether the task is found by its name, in this program: 0, -ENOENT or -ENOTUNIQ. */
int px_registry_has(const struct procs_function *function);

/* Writes the name of a task; -ENAMETOOLONG. Its plans are without error. */
int px_registry_name(const struct px_task_plans *plans, struct px_task_name *name_out);

/* The hook of a name, and the name of a hook; NULL if there is none. */
const struct procs_hook *px_registry_hook(const char *name);
const char *px_registry_init_name(procs_init *init);
const char *px_registry_teardown_name(procs_teardown *teardown);

/* One line for each task and hook. `write` is called with each. */
void px_registry_list(void (*write)(const char *line, size_t size));

#endif /* PROCS_BACKEND_REGISTRY_H */
