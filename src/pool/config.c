#include "pool/config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/arrays.h"
#include "backend/forkserver.h"
#include "backend/owner.h"
#include "backend/registry.h"
#include "backend/spawn.h"
#include "base/px.h"
#include "base/valgrind.h"
#include "pool/pool.h"
#include "pool/quota.h"

#define PX_WINDOW_ITEMS       1024 /* a worker */
#define PX_WINDOW_ITEMS_MOST  (UINT64_C(1) << 40)
#define PX_WINDOW_WORKER      (UINT64_C(4) << 20) /* bytes a worker, and of all, unless set: */
#define PX_WINDOW_ALL_LEAST   (UINT64_C(16) << 20)
#define PX_WINDOW_ALL_MOST    (UINT64_C(64) << 20)
#define PX_WINDOW_BYTES_LEAST UINT64_C(4096)
#define PX_WINDOW_BYTES_MOST  (UINT64_C(1) << 48)
#define PX_RECYCLE_MOST       (UINT64_C(1) << 48)
#define PX_TIMEOUT_LEAST      UINT64_C(1000000)
#define PX_TIMEOUT_MOST       (UINT64_C(1) << 62)
#define PX_RESERVE            (UINT64_C(16) << 30)
#define PX_RESERVE_VALGRIND   (UINT64_C(64) << 20) /* it keeps books of each page */
#define PX_RESERVE_LEAST      (UINT64_C(64) << 10)
#define PX_RESERVE_MOST       (UINT64_C(1) << 44)
#define PX_PATH_MOST          4096

/* The CPUs this thread may use. */
static uint32_t px_usable_cpus(void)
{
	const int saved = errno;
	uint32_t cpus = 1;
	cpu_set_t *set;

	/* More CPUs than a plain cpu_set_t holds: ask with more room until it fits. */
	for (int room = CPU_SETSIZE; room <= CPU_SETSIZE << 8; room *= 2) {
		const size_t size = CPU_ALLOC_SIZE(room);

		set = CPU_ALLOC(room);
		if (set == NULL)
			break;
		if (sched_getaffinity(0, size, set) == 0) {
			cpus = (uint32_t)CPU_COUNT_S(size, set);
			CPU_FREE(set);
			break;
		}
		CPU_FREE(set);
		if (errno != EINVAL)
			break;
	}
	errno = saved;
	return (uint32_t)px_clamp(cpus, 1, PX_WORKERS_MOST);
}

static uint64_t px_default_reserve(void)
{
	/* Not in a program with more rights than its user: the environment is the user's. */
	const char *text = secure_getenv("PROCS_RESERVE");
	char *end = NULL;
	unsigned long long bytes = 0;

	if (text != NULL && *text >= '0' && *text <= '9')
		bytes = strtoull(text, &end, 10);
	if (end != NULL && *end == '\0' && bytes >= PX_RESERVE_LEAST && bytes <= PX_RESERVE_MOST)
		return bytes;
	if (px_is_valgrind())
		return PX_RESERVE_VALGRIND;
	return PX_RESERVE;
}

/* A shorter struct is an older program's; of a longer one, what is not known
 * here must be unused. Idea: libxkbcommon, src/abi-check.h. */
static int px_config_copy(const struct procs_options *options, struct procs_options *copy,
			  const char **why)
{
	const unsigned char *bytes = (const unsigned char *)options;
	const size_t oldest = offsetof(struct procs_options, reserve_bytes) + sizeof(uint64_t);

	memset(copy, 0, sizeof(*copy));
	if (options == NULL)
		return 0;
	*why = "size";
	if (options->size < oldest)
		return -EINVAL;
	if (options->size > 1 << 16)
		return -E2BIG;
	for (size_t i = sizeof(*copy); i < options->size; i++)
		if (bytes[i] != 0)
			return -E2BIG;
	memcpy(copy, options, px_min(options->size, sizeof(*copy)));
	return 0;
}

/* Zero, or within bounds. */
static bool px_in(uint64_t value, uint64_t low, uint64_t high)
{
	return value == 0 || (value >= low && value <= high);
}

/* What was decided when the pool was opened. */
static const char *px_config_pools(const struct procs_options *o)
{
	return o->workers != 0         ? "workers"
	       : o->start != 0         ? "start"
	       : o->init != NULL       ? "init"
	       : o->teardown != NULL   ? "teardown"
	       : o->recycle_items != 0 ? "recycle_items"
	       : o->recycle_bytes != 0 ? "recycle_bytes"
	       : o->reserve_bytes != 0 ? "reserve_bytes"
	       : o->worker != NULL     ? "worker"
	       : o->modules != NULL    ? "modules"
				       : NULL;
}

/* Who has no process cannot leave it. */
static uint64_t px_recycle_most(const struct procs_options *o)
{
	return o->start == PROCS_START_INLINE ? 0 : PX_RECYCLE_MOST;
}

static bool px_path_is_good(const char *path)
{
	return path[0] == '/' && strnlen(path, PX_PATH_MOST) < PX_PATH_MOST;
}

static bool px_modules_are_good(const char *const *modules)
{
	size_t n = 0;

	while (n <= PX_MODULES_MOST && modules[n] != NULL && px_path_is_good(modules[n]))
		n++;
	return n > 0 && n <= PX_MODULES_MOST && modules[n] == NULL;
}

/* The method by its name, for who does not say; not in a program with more rights than its
 * user. */
static uint32_t px_default_start(void)
{
	static const char *const names[] = { [PROCS_START_FORK] = "fork",
					     [PROCS_START_INLINE] = "inline",
					     [PROCS_START_FORKSERVER] = "forkserver",
					     [PROCS_START_SPAWN] = "spawn" };
	const char *name = secure_getenv("PROCS_START");

	for (uint32_t i = PROCS_START_FORK; name != NULL && i <= PROCS_START_SPAWN; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return name == NULL || *name == '\0' ? PROCS_START_FORK : UINT32_MAX;
}

/* What workers that find tasks and hooks by name cannot have. */
static const char *px_config_unnamed(const struct procs_options *o)
{
	const bool spawn = o->start == PROCS_START_SPAWN;

	if ((o->worker != NULL || o->modules != NULL) && !spawn)
		return o->worker != NULL ? "worker" : "modules";
	if (!px_start_attaches(o->start))
		return NULL;
	if (o->worker == NULL && o->modules == NULL && !px_registry_is_open() &&
	    !(o->start == PROCS_START_FORKSERVER && !px_forkserver_is_ours()))
		return "start";
	if (o->init != NULL && px_registry_init_name(o->init) == NULL)
		return "init";
	if (o->teardown != NULL && px_registry_teardown_name(o->teardown) == NULL)
		return "teardown";
	if (o->hooks_user != NULL && px_arrays_place((uintptr_t)o->hooks_user, 1) != PX_PLACE_ARRAY)
		return "hooks_user";
	return NULL;
}

bool px_config_is_misnamed(void)
{
	return px_default_start() > PROCS_START_SPAWN;
}

bool px_config_is_unattached(void)
{
	return !px_registry_is_open() && secure_getenv(PX_UNATTACHED) != NULL;
}

bool px_config_is_blind(const struct procs_options *options)
{
	struct procs_options o;
	const char *why;

	if (px_config_copy(options, &o, &why) != 0)
		return false;
	return o.pool != NULL ||
	       px_start_attaches(o.start != PROCS_START_DEFAULT ? o.start : px_default_start());
}

static const char *px_config_wrong(const struct procs_options *o)
{
	if (!px_in(o->workers, 1, PX_WORKERS_MOST))
		return "workers";
	if (o->start > PROCS_START_SPAWN)
		return "start";
	if (o->order > PROCS_ORDER_COMPLETED)
		return "order";
	if (o->encoding > PROCS_ENCODING_TPL)
		return "encoding";
	if (o->compression > PROCS_COMPRESSION_ALWAYS)
		return "compression";
	if (o->checksum > PROCS_CHECKSUM_ALWAYS)
		return "checksum";
	if (o->copy_results > 1)
		return "copy_results";
	if (o->init != NULL && o->start == PROCS_START_INLINE)
		return "init";
	if (o->teardown != NULL && o->start == PROCS_START_INLINE)
		return "teardown";
	if (!px_in(o->recycle_items, 1, px_recycle_most(o)))
		return "recycle_items";
	if (!px_in(o->recycle_bytes, 1, px_recycle_most(o)))
		return "recycle_bytes";
	if (o->isolate_output > 1)
		return "isolate_output";
	if (o->worker != NULL && !px_path_is_good(o->worker))
		return "worker";
	if (o->modules != NULL && !px_modules_are_good(o->modules))
		return "modules";
	if (o->traceback_fd < -1)
		return "traceback_fd";
	if (!px_in(o->window_items, 1, PX_WINDOW_ITEMS_MOST))
		return "window_items";
	if (!px_in(o->window_bytes, PX_WINDOW_BYTES_LEAST, PX_WINDOW_BYTES_MOST))
		return "window_bytes";
	if (!px_in(o->timeout_ns, PX_TIMEOUT_LEAST, PX_TIMEOUT_MOST))
		return "timeout_ns";
	if (!px_in(o->reserve_bytes, PX_RESERVE_LEAST, PX_RESERVE_MOST))
		return "reserve_bytes";
	return o->pool != NULL ? px_config_pools(o) : NULL;
}

const char *px_config_not_of_pool(const struct procs_options *options)
{
	struct procs_options o;
	const char *why;

	(void)px_config_copy(options, &o, &why);
	return o.pool != NULL          ? "pool"
	       : o.order != 0          ? "order"
	       : o.encoding != 0       ? "encoding"
	       : o.compression != 0    ? "compression"
	       : o.checksum != 0       ? "checksum"
	       : o.copy_results != 0   ? "copy_results"
	       : o.traceback_fd != 0   ? "traceback_fd"
	       : o.window_items != 0   ? "window_items"
	       : o.window_bytes != 0   ? "window_bytes"
	       : o.timeout_ns != 0     ? "timeout_ns"
	       : o.isolate_output != 0 ? "isolate_output"
	       : o.seed != 0           ? "seed"
				       : NULL;
}

const char *px_config_program(const struct procs_options *options, struct px_program *program_out)
{
	const char *why = NULL;
	struct procs_options o;
	int error = px_config_copy(options, &o, &why);

	*program_out = (struct px_program){ o.worker, o.modules };
	if (error != 0)
		return why;
	/* What is left says nothing. */
	o.worker = NULL;
	o.modules = NULL;
	if (program_out->path != NULL && !px_path_is_good(program_out->path))
		return "worker";
	if (program_out->modules != NULL && !px_modules_are_good(program_out->modules))
		return "modules";
	why = px_config_not_of_pool(options);
	return why != NULL ? why : px_config_pools(&o);
}

static uint32_t px_default_workers(const struct procs_options *options)
{
	uint32_t cpus;

	if (options->start == PROCS_START_INLINE)
		return 1;
	if (options->workers > 0)
		return options->workers;
	/* A worker's siblings have the CPUs already. */
	if (px_owner_depth() > 0)
		return 1;
	cpus = px_usable_cpus();
	/* No quota leaves less than one. */
	return cpus > 1 ? (uint32_t)px_min(cpus, px_quota_cpus("")) : cpus;
}

int px_config_resolve(const struct procs_options *options, struct px_config *config_out,
		      const char **why)
{
	struct procs_options o;
	int error = px_config_copy(options, &o, why);

	if (error != 0)
		return error;
	if (o.start == PROCS_START_DEFAULT && o.pool == NULL)
		o.start = px_default_start();
	*why = px_config_wrong(&o);
	if (*why == NULL)
		*why = px_config_unnamed(&o);
	if (*why != NULL)
		return -EINVAL;
	*why = "pool";
	error = o.pool != NULL ? px_pool_usable(o.pool) : 0;
	if (error != 0)
		return error;
	*config_out = (struct px_config){
		.pool = o.pool,
		.workers = o.pool == NULL ? px_default_workers(&o) : 0,
		.start = o.start,
		.program = { o.worker, o.modules },
		.order = o.order,
		.encoding = o.encoding,
		.compression = o.compression,
		.checksum = o.checksum,
		.copy_results = o.copy_results,
		.isolate_output = o.isolate_output,
		.hooks = { o.init, o.teardown, o.hooks_user },
		.recycle_items = o.recycle_items,
		.recycle_bytes = o.recycle_bytes,
		.traceback_fd = o.traceback_fd == 0 ? STDERR_FILENO : o.traceback_fd,
		.window_grows = o.window_items == 0,
		.window_items = o.window_items,
		.window_bytes = o.window_bytes,
		.timeout_ns = o.timeout_ns,
		.reserve_bytes = o.reserve_bytes > 0 ? o.reserve_bytes : px_default_reserve(),
		.seed = o.seed,
	};
	if (o.pool != NULL)
		px_pool_config(o.pool, config_out);
	/* Inline there is nobody else whose writes could be torn, and the padding of a value
	 * would make the checksum one of bytes that valgrind calls undefined. */
	if (config_out->start == PROCS_START_INLINE && config_out->checksum == PROCS_CHECKSUM_AUTO)
		config_out->checksum = PROCS_CHECKSUM_NEVER;
	if (config_out->window_items == 0)
		config_out->window_items = (uint64_t)config_out->workers * PX_WINDOW_ITEMS;
	if (config_out->window_bytes == 0)
		config_out->window_bytes = px_clamp(config_out->workers * PX_WINDOW_WORKER,
						    PX_WINDOW_ALL_LEAST, PX_WINDOW_ALL_MOST);
	return 0;
}
