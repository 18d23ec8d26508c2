/*
 * explain.c - what a call would do here, in words. The numbers are those that
 * benchmarks/figures/starts.c and calls.c measured on one machine, and are told as such.
 */
#include <errno.h>
#include <procs/procs.h>

#include "api/open.h"
#include "backend/forkserver.h"
#include "backend/growth.h"
#include "backend/spawn.h"
#include "codec/text.h"

enum {
	PX_FORK_US = 100,       /* of a small parent */
	PX_FORK_US_MB = 37,     /* for each MB of its own memory in pages of 4 KiB */
	PX_FORKSERVER_US = 200, /* at any size */
	PX_SPAWN_US = 1000,
	PX_BIG_US = 1000 /* from here on another method is worth it */
};

static uint64_t px_fork_us(uint64_t private)
{
	return PX_FORK_US + PX_FORK_US_MB * (private >> 20);
}

static void px_explain_fork(struct px_text *text, uint64_t private)
{
	px_text_add(text, "start: fork: children see the program as it is at that moment\n");
	px_text_add(text,
		    "a process costs some %llu us: %d, and %d for each MB of memory of the host's "
		    "own, %llu MB now; and the host then pays for each page that it changes\n",
		    (unsigned long long)px_fork_us(private), PX_FORK_US, PX_FORK_US_MB,
		    (unsigned long long)(private >> 20));
	if (!px_backend_is_alone())
		px_text_add(
			text,
			"the host has threads: whatever lock they hold at that moment stays taken in "
			"the child, but those of malloc and stdio\n");
	if (px_fork_us(private) >= PX_BIG_US || !px_backend_is_alone())
		px_text_add(text,
			    "better: PROCS_START_FORKSERVER, some %d us whatever the host is, or "
			    "PROCS_START_SPAWN, some %d us; tasks are found by name then, with "
			    "procs_worker_hook first in main\n",
			    PX_FORKSERVER_US, PX_SPAWN_US);
}

static void px_explain_start(struct px_text *text, const struct px_config *config, uint64_t private)
{
	const struct px_program *program = &config->program;

	switch (config->start) {
	case PROCS_START_INLINE:
		px_text_add(text,
			    "start: inline: in the calling thread, without a process; a crash is "
			    "not contained\n");
		break;
	case PROCS_START_FORKSERVER:
		px_text_add(text, "start: forkserver, which %s\n",
			    px_forkserver_runs() ? "runs" : "will be started when it is needed");
		px_text_add(text, "a process costs some %d us, whatever the host is\n",
			    PX_FORKSERVER_US);
		break;
	case PROCS_START_SPAWN:
		px_text_add(text, "start: spawn: %s is executed\n", px_program_path(program));
		px_text_add(text, "a process costs some %d us, whatever the host is\n",
			    PX_SPAWN_US);
		break;
	default:
		px_explain_fork(text, private);
		break;
	}
}

int procs_explain(const struct procs_options *options, char *text, size_t size)
{
	struct px_text out = px_text_into(text, text != NULL ? size : 0);
	struct px_config config;
	int error = px_open_config("procs_explain", options, &config);

	if (error != 0) {
		px_text_add(&out, "%s\n", procs_last_failure()->message);
		return error;
	}
	px_explain_start(&out, &config, px_own_bytes());
	px_text_add(&out, "workers: %u, %s\n", config.workers,
		    options != NULL && options->workers > 0 ? "as options say"
		    : config.pool != NULL                   ? "the pool's"
		    : config.start == PROCS_START_INLINE
			    ? "none of which is a process"
			    : "the CPUs this thread may use and its control groups' quotas leave");
	px_text_add(&out, "a map has one process a worker, procs_call one an item%s\n",
		    config.pool != NULL ? "; but here they are there already" : "");
	return (int)out.length;
}
