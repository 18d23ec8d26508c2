/* When a worker runs blocks, and what the parent hands over to run in none. */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "backend/runner.h"
#include "base/clock.h"
#include "pool/local.h"
#include "pxt.h"
#include "shm/arena.h"

enum {
	N = 2000,
	MANY = 20000
};

static int xs[MANY], in_blocks; /* items that ran in one */

static PROCS_PURE1(int, quiet, int, x)
{
	in_blocks += (int)px_context_current()->loop->in_block;
	return x + 1;
}

static PROCS_PURE1(int, talking, int, x)
{
	in_blocks += (int)px_context_current()->loop->in_block;
	return (int)procs_index() - x;
}

static PROCS_PURE1(int, scratching, int, x)
{
	int *scratch = procs_scratch(sizeof(*scratch));

	in_blocks += (int)px_context_current()->loop->in_block;
	*scratch = x;
	return *scratch;
}

/* A worker without a process: its slot, and a sense of time that needs no first,
 * careful chunks. */
struct bench {
	struct px_arena arena;
	struct px_slot slot;
	struct px_plans plans;
	struct px_runner runner;
	uint64_t posted;
};

static void open_bench(struct bench *bench)
{
	struct px_order order = {
		.function = (uintptr_t)procs_function_of(quiet),
		.n_sequences = 1,
		.sequence = { { (uintptr_t)xs, sizeof(int), sizeof(int) } },
		.chunk_ns = PX_SECOND,
		.encoding = PROCS_ENCODING_AUTO,
		.value_size = sizeof(int),
		.blocks = 1,
	};

	*bench = (struct bench){ .posted = 0 };
	pxt_equal(px_arena_open(&bench->arena, 1, 1 << 20, 4096), 0);
	bench->slot = px_arena_slot(&bench->arena, 0);
	px_slot_reset(bench->slot, &order, 0);
	px_runner_open(&bench->runner, bench->slot, &px_arena_shared(&bench->arena)->bell,
		       &bench->plans);
	px_runner_order(&bench->runner);
}

static void close_bench(struct bench *bench)
{
	px_runner_close(&bench->runner);
	px_plans_free(&bench->plans);
	px_arena_close(&bench->arena);
}

/* Runs a range of N items; returns how many of them ran in blocks. */
static int run(struct bench *bench, const struct procs_function *function, uint32_t flags)
{
	const struct px_post post = {
		.count = N,
		.share = UINT64_MAX,
		.limit = bench->slot.output_size,
		.over = bench->slot.output_size,
		.kind = PX_KIND_MAP,
		.flags = flags | PX_POST_FORCED,
		.attempt = 1,
	};

	in_blocks = 0;
	bench->runner.order.function = (uintptr_t)function;
	bench->runner.pace.items = bench->runner.pace.chunk = N;
	bench->runner.pace.spent_ns = 1;
	px_slot_post(bench->slot, bench->posted++, &post);
	while (px_runner_step(&bench->runner) == PX_STEP_WORK)
		;
	pxt_equal(px_take_done(bench->slot, bench->posted - 1), N);
	return in_blocks;
}

static void a_worker_runs_blocks_where_it_may(void **state)
{
	const int all = N / PROCS_BLOCK_ITEMS * PROCS_BLOCK_ITEMS;
	struct bench bench;

	(void)state;
	open_bench(&bench);
	pxt_equal(run(&bench, procs_function_of(quiet), 0), all);
	pxt_equal(run(&bench, procs_function_of(quiet), PX_POST_SINGLY), 0);
	pxt_equal(run(&bench, procs_function_of(quiet), 0), all);
	/* One that calls the library pays for one block, in all its life. */
	pxt_equal(run(&bench, procs_function_of(talking), 0), PROCS_BLOCK_ITEMS);
	pxt_equal(run(&bench, procs_function_of(talking), 0), 0);
	pxt_equal(run(&bench, procs_function_of(scratching), 0), PROCS_BLOCK_ITEMS);
	pxt_equal(run(&bench, procs_function_of(scratching), 0), 0);
	pxt_equal(run(&bench, procs_function_of(quiet), 0), all);
	bench.runner.order.blocks = 0;
	pxt_equal(run(&bench, procs_function_of(quiet), 0), 0);
	close_bench(&bench);
}

PXT_SHARED(_Atomic uint64_t, stays, 1);

static PROCS_PURE1(int, stay_once, int, x)
{
	uint64_t nobody = 0;

	if (x == MANY / 2 && atomic_compare_exchange_strong(stays, &nobody, (uint64_t)getpid()))
		for (;;)
			pause();
	return x + 1;
}

static struct px_span *singly_span(const struct procs_stream *stream)
{
	struct px_span *span = stream->window.head;

	while (span != NULL && !span->singly)
		span = span->next;
	return span;
}

static uint32_t flags_of(const struct procs_stream *stream, const struct px_span *span)
{
	const struct px_slot slot = px_backend_slot(stream->backend, span->slot);

	return slot.control->entry[span->region.sequence % PX_RING].post.flags;
}

static struct procs_stream *open_stream(void)
{
	const struct px_input input = {
		.kind = PX_INPUT_MAP,
		.n = MANY,
		.function = procs_function_of(stay_once),
		.n_sequences = 1,
		.sequence = { { (uintptr_t)xs, sizeof(int), sizeof(int) } },
	};
	struct procs_stream *stream = NULL;
	struct px_config config;
	const char *why;

	pxt_equal(px_config_resolve(PROCS_OPTIONS(.workers = 1, .window_items = 2 * MANY), &config,
				    &why),
		  0);
	pxt_equal(px_stream_open(&stream, &config, &input, &why), 0);
	return stream;
}

static void expect_the_rest(struct procs_stream *stream)
{
	struct procs_result result;

	for (int i = 0; i < MANY; i++) {
		pxt_equal(px_stream_next(stream, &result, PX_NEVER), 1);
		pxt_equal(*(const int *)result.data, i + 1);
	}
	pxt_equal(px_stream_next(stream, &result, PX_NEVER), 0);
}

/* The items of a lost block, however they are cut up, are posted as such until
 * they are done; those before and behind it are not. */
static void the_items_of_a_lost_block_run_singly(void **state)
{
	const uint64_t late = px_deadline(px_now(), 20 * PX_SECOND);
	struct procs_stream *stream;
	struct px_span *span, *rest;

	(void)state;
	stream = open_stream();
	pxt_await(stays, 1);
	pxt_equal(kill((pid_t)atomic_load(stays), SIGKILL), 0);
	while ((span = singly_span(stream)) == NULL && px_now() < late) {
		px_collect(stream, px_now());
		sched_yield();
	}
	pxt_check(span != NULL);
	pxt_equal(span->state, PX_SPAN_WAITING);
	pxt_equal(span->count, PROCS_BLOCK_ITEMS);
	pxt_check(MANY / 2 >= span->first && MANY / 2 < span->first + span->count);
	pxt_check(span->previous->state == PX_SPAN_FINISHED && !span->next->singly);
	pxt_equal(px_window_prepare(&stream->window, 1), 0);
	rest = px_window_split(&stream->window, span, 100);
	pxt_check(rest->singly);
	do
		pxt_equal(px_post_all(stream, px_now()), 0);
	while (span->state == PX_SPAN_WAITING && px_now() < late);
	pxt_equal(span->state, PX_SPAN_POSTED);
	pxt_check(flags_of(stream, span) & PX_POST_SINGLY);
	expect_the_rest(stream);
	px_stream_close(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(a_worker_runs_blocks_where_it_may),
		pxt_test(the_items_of_a_lost_block_run_singly),
	};

	for (int i = 0; i < MANY; i++)
		xs[i] = i;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
