/*
 * pool.c - workers that stay. A pool owns a backend and its desks, and lends
 * both to one stream after another; between them its workers sleep.
 *
 * A worker has the program's memory as it was when it was made. So the elements
 * of a map are copied for it, and when objects were loaded since it is replaced:
 * their tasks are not in it.
 */
#include "pool/pool.h"

#include <errno.h>
#include <link.h>
#include <unistd.h>

#include "backend/arrays.h"
#include "backend/owner.h"
#include "base/clock.h"
#include "base/roster.h"
#include "pool/local.h"

enum {
	PX_POOL_SPARE = 2 /* slots beyond the workers and half as many */
};

#define PX_POOL_OUTPUT_LEAST (UINT64_C(1) << 20)
#define PX_POOL_GRACE        (5 * PX_MILLISECOND)   /* for chunks in work when a stream is closed */
#define PX_POOL_PASS         (100 * PX_MILLISECOND) /* for one that only has to say that it is done */

struct procs_pool {
	struct px_store store; /* owned; this struct lies in it */
	struct px_store idle;  /* owned; of the next stream */
	uint64_t owner;        /* px_owner_self of who opened it */
	struct px_config config;
	struct px_plans plans; /* owned; empty, for workers to start with */
	struct px_backend *backend;
	uint32_t n_slots;
	struct px_desk *desks;       /* [n_slots] */
	struct procs_stream *stream; /* that has it now, or NULL */
	bool sees_arrays;            /* the arrays' region was there before its workers */
	uint64_t page;
	uint64_t objects; /* loaded and unloaded when its workers were made */
};

/* All that are open, so that a handle which is none is told from one that is. */
static struct px_roster px_pools;

static int px_count_objects(struct dl_phdr_info *info, size_t size, void *count)
{
	(void)size;
	*(uint64_t *)count = info->dlpi_adds + info->dlpi_subs;
	return 1;
}

static uint64_t px_objects(void)
{
	uint64_t count = 0;

	(void)dl_iterate_phdr(px_count_objects, &count);
	return count;
}

/* A worker that is not given anything yet. */
static int px_pool_hire(struct procs_pool *pool, uint32_t slot)
{
	struct px_desk *desk = &pool->desks[slot];
	const uint64_t half = px_backend_slot(pool->backend, slot).output_size / 2;
	const struct px_leftover none = { 0 };
	int error;

	px_backend_ready(pool->backend, slot);
	error = px_backend_hire(pool->backend, slot, none);
	if (error != 0)
		return error;
	*desk = (struct px_desk){ .staffed = true, .well = true };
	desk->ceiling = desk->over = px_align_down(half, pool->page);
	return 0;
}

static int px_pool_start(struct procs_pool *pool)
{
	const struct px_wish wish = {
		.start = pool->config.start,
		.program = pool->config.program,
		.n_slots = pool->n_slots,
		.reserve = pool->config.reserve_bytes,
		.least = px_min(PX_POOL_OUTPUT_LEAST, pool->config.reserve_bytes),
		.plans = &pool->plans,
		.store = &pool->store,
		.pooled = true,
		.hooks = pool->config.hooks,
	};
	int error = px_backend_open(&pool->backend, &wish);

	if (error != 0)
		return error;
	pool->objects = px_objects();
	pool->sees_arrays = px_arrays_hold();
	for (uint32_t i = 0; i < pool->config.workers && error == 0; i++)
		error = px_pool_hire(pool, i);
	/* With some of them one can begin; the others are made when there is work. */
	if (pool->desks[0].staffed)
		return 0;
	px_backend_close(pool->backend);
	if (pool->sees_arrays)
		px_arrays_release();
	return error;
}

static void px_pool_end(struct procs_pool *pool)
{
	struct px_store store;

	for (uint32_t i = 0; i < pool->n_slots; i++)
		if (pool->desks[i].staffed)
			px_backend_dismiss(pool->backend, i, px_now());
	px_backend_close(pool->backend);
	if (pool->sees_arrays)
		px_arrays_release();
	px_plans_free(&pool->plans);
	px_store_free(&pool->idle);
	/* The pool itself lies in it. */
	store = pool->store;
	px_store_free(&store);
}

int px_pool_open(struct procs_pool **pool_out, const struct px_config *config)
{
	struct px_store store = { .blocks = NULL };
	struct procs_pool *pool = px_store_take(&store, sizeof(*pool));
	int error = -ENOMEM;

	if (pool == NULL)
		return error;
	pool->store = store;
	pool->config = *config;
	pool->owner = px_owner_self();
	pool->page = (uint64_t)sysconf(_SC_PAGESIZE);
	pool->n_slots = config->start == PROCS_START_INLINE
				? 1
				: config->workers + config->workers / 2 + PX_POOL_SPARE;
	pool->desks = px_store_take(&pool->store, pool->n_slots * sizeof(*pool->desks));
	if (pool->desks != NULL && pool->owner != 0)
		error = px_pool_start(pool);
	if (error == 0 && !px_roster_add(&px_pools, pool, 0)) {
		px_pool_end(pool);
		return -ENOMEM;
	}
	if (error != 0) {
		store = pool->store;
		px_store_free(&store);
		return error;
	}
	*pool_out = pool;
	return 0;
}

int px_pool_usable(const struct procs_pool *pool)
{
	if (!px_roster_has(&px_pools, pool))
		return -EINVAL;
	if (pool->owner != px_owner_self())
		return -EPERM;
	return pool->stream != NULL ? -EBUSY : 0;
}

int px_pool_close(struct procs_pool *pool)
{
	const int error = px_pool_usable(pool);

	if (error != 0)
		return error;
	(void)px_roster_drop(&px_pools, pool);
	px_pool_end(pool);
	return 0;
}

bool px_pool_sees_arrays(const struct procs_pool *pool)
{
	return pool->sees_arrays;
}

void px_pool_config(const struct procs_pool *pool, struct px_config *config)
{
	config->workers = pool->config.workers;
	config->start = pool->config.start;
	config->program = pool->config.program;
	config->reserve_bytes = pool->config.reserve_bytes;
	config->hooks = pool->config.hooks;
	config->recycle_items = pool->config.recycle_items;
	config->recycle_bytes = pool->config.recycle_bytes;
}

void px_pool_enter(struct procs_stream *stream)
{
	struct procs_pool *pool = stream->pool;
	const uint64_t now = px_now();
	const uint64_t objects = px_objects();

	stream->backend = pool->backend;
	stream->desks = pool->desks;
	stream->n_slots = pool->n_slots;
	for (uint32_t i = 0; i < pool->n_slots; i++) {
		struct px_desk *desk = &pool->desks[i];

		if (!desk->staffed)
			continue;
		stream->staffed++;
		desk->moved_ns = now;
		if ((objects != pool->objects && pool->config.start == PROCS_START_FORK) ||
		    px_backend_tired(pool->backend, i))
			px_stream_dismiss_one(stream, i, now);
	}
	pool->objects = objects;
	pool->stream = stream;
}

/* Whether its worker is done with all that was posted. */
static bool px_desk_is_done(const struct procs_stream *stream, uint32_t slot)
{
	struct px_desk *desk = &stream->desks[slot];

	desk->passed =
		px_take_passed(px_backend_slot(stream->backend, slot), desk->passed, desk->posted);
	return desk->passed == desk->posted;
}

static bool px_desks_are_done(const struct procs_stream *stream)
{
	for (uint32_t i = 0; i < stream->n_slots; i++)
		if (stream->desks[i].staffed && !px_desk_is_done(stream, i))
			return false;
	return true;
}

/* Takes back what nobody has begun, and waits a little for what was. */
static void px_pool_settle(struct procs_stream *stream)
{
	const uint64_t grace = stream->open > 0 ? PX_POOL_GRACE : PX_POOL_PASS;
	const uint64_t deadline = px_deadline(px_now(), grace);
	const struct px_span *span;
	uint32_t seen;

	for (uint32_t i = 0; i < stream->n_slots; i++)
		for (span = stream->desks[i].oldest; span != NULL; span = span->newer)
			if (span->state == PX_SPAN_POSTED)
				(void)px_slot_take_back(px_backend_slot(stream->backend, i),
							span->region.sequence, px_span_held(span),
							true);
	do {
		seen = px_backend_seen(stream->backend);
		if (px_desks_are_done(stream))
			return;
		px_backend_wait(stream->backend, seen, NULL, 0, deadline);
	} while (px_now() < deadline);
}

struct px_store px_pool_lend(struct procs_pool *pool)
{
	const struct px_store store = pool->idle;

	pool->idle = (struct px_store){ .blocks = NULL };
	return store;
}

void px_pool_return(struct procs_pool *pool, struct px_store store)
{
	px_store_clear(&store);
	px_store_free(&pool->idle);
	pool->idle = store;
}

void px_pool_leave(struct procs_stream *stream)
{
	struct procs_pool *pool = stream->pool;
	const uint64_t now = px_now();

	px_pool_settle(stream);
	for (uint32_t i = 0; i < stream->n_slots; i++) {
		struct px_desk *desk = &stream->desks[i];

		/* Rooms that were never left. */
		for (const struct px_span *span = desk->oldest; span != NULL; span = span->newer)
			px_room_note(stream, span);
		desk->oldest = desk->newest = NULL;
		desk->open = 0;
		px_room_trim(stream, i, px_room_warm(stream));
		if (!desk->staffed || px_desk_is_done(stream, i))
			continue;
		/* At work on what nobody waits for any more. */
		px_backend_kill(stream->backend, i, PROCS_CAUSE_CANCELLED, now);
		px_stream_dismiss_one(stream, i, now);
	}
	px_backend_reorder(stream->backend, &(struct px_order){ 0 });
	pool->stream = NULL;
}
