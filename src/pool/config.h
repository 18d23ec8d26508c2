/*
 * config.h - options as the caller gave them, checked and filled with defaults.
 */
#ifndef PROCS_POOL_CONFIG_H
#define PROCS_POOL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include <procs/procs.h>

#include "backend/backend.h"

enum {
	PX_WORKERS_MOST = 4096
};

struct px_config {
	struct procs_pool *pool; /* whose workers, or NULL */
	uint32_t workers;
	enum procs_start start;
	struct px_program program; /* borrowed */
	enum procs_order order;
	enum procs_encoding encoding;
	enum procs_compression compression;
	enum procs_checksum checksum;
	bool copy_results;
	bool isolate_output;
	struct px_hooks hooks;
	uint64_t recycle_items;
	uint64_t recycle_bytes;
	int traceback_fd;  /* -1: none */
	bool window_grows; /* the caller left window_items to us */
	uint64_t window_items;
	uint64_t window_bytes;
	uint64_t timeout_ns;
	uint64_t reserve_bytes;
	uint64_t seed;
};

/*
 * Resolves options, NULL meaning all defaults. 0; -EINVAL, with *why naming the
 * field (a constant), -E2BIG for options of a newer size that ask for what is
 * not known here.
 */
int px_config_resolve(const struct procs_options *options, struct px_config *config_out,
		      const char **why);

/* Of options for a forkserver, the program it is to execute, borrowed. NULL, or the option
 * that is wrong, or not for it. */
const char *px_config_program(const struct procs_options *options, struct px_program *program_out);

/* Whether this program was executed to be a worker, and is none: it has no hook, or calls
 * before it. */
bool px_config_is_unattached(void);

/* Whether the environment names a start method that is none. */
bool px_config_is_misnamed(void);

/* Whether workers that these options ask for see nothing of this process but arrays.
 * Options that are nonsense are refused elsewhere. */
bool px_config_is_blind(const struct procs_options *options);

/* The first option that is set, and that a pool leaves to its streams; or NULL. The
 * options are such as px_config_resolve has accepted. */
const char *px_config_not_of_pool(const struct procs_options *options);

#endif /* PROCS_POOL_CONFIG_H */
