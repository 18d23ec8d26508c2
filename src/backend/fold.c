#include "backend/fold.h"

#include <string.h>

#include "backend/context.h"
#include "backend/crash.h"
#include "base/clock.h"
#include "base/px.h"

enum {
	PX_PIECE = 64 /* items mapped before they are combined: by this many map runs ahead */
};

/* A block at work. Values lie as their type may want to, up to a line. */
struct px_folding {
	const struct px_fold *fold;
	struct px_context *context;
	uint64_t size;                                             /* of a value */
	uint64_t piece_most;                                       /* items at once */
	_Alignas(PX_LINE) unsigned char total[PX_FOLD_VALUE_MOST]; /* combined so far */
	_Alignas(PX_LINE) unsigned char piece[PX_PIECE * PX_FOLD_VALUE_MOST];
};

/* Time is taken: of one item if it is limited, else of a piece. */
static void px_fold_begins(const struct px_folding *folding)
{
	const uint64_t now = px_now();

	/* relaxed: see px_take_inside() */
	atomic_store_explicit(&folding->context->inside->started_ns, now, memory_order_relaxed);
	px_alarm_item(folding->context->alarm, now);
}

/* Runs a loop of calls of which number 0 is `step`. False if one failed. */
static bool px_fold_run(struct px_folding *folding, const struct procs_function *function,
			struct procs_loop *loop, uint64_t step)
{
	struct px_context *context = folding->context;
	struct px_inside *inside = context->inside;

	/* relaxed, both: see px_take_inside() */
	atomic_store_explicit(&inside->calls, 0, memory_order_relaxed);
	atomic_store_explicit(&inside->step, step, memory_order_relaxed);
	loop->size = sizeof(*loop);
	loop->progress = &inside->calls;
	context->inner_step = step;
	context->inner = loop;
	if (context->own_process)
		px_crash_floor();
	function->loop(loop);
	context->inner = NULL;
	return !loop->failed;
}

/* Values of items [first, first + count) into the piece. */
static bool px_fold_map(struct px_folding *folding, uint64_t first, uint64_t count)
{
	const struct px_fold *fold = folding->fold;
	struct procs_loop loop = { .end = count,
				   .out = folding->piece,
				   .out_stride = folding->size };

	for (uint32_t i = 0; i < fold->n_sequences; i++) {
		const struct px_array *array = &fold->sequence[i];

		loop.argument[i] =
			(const unsigned char *)(uintptr_t)array->base + first * array->stride;
		loop.stride[i] = array->stride;
	}
	return px_fold_run(folding, fold->map, &loop, first << 1);
}

/* Combines the total with `count` values, of which the first is item `first`'s;
 * the first of all becomes the total. */
static bool px_fold_add(struct px_folding *folding, const unsigned char *values, uint64_t first,
			uint64_t count, bool begun)
{
	struct procs_loop loop = {
		.next = !begun,
		.end = count,
		.argument = { folding->total, values },
		.stride = { 0, folding->size },
		.out = folding->total,
	};

	if (!begun)
		memcpy(folding->total, values, folding->size);
	return loop.next == loop.end ||
	       px_fold_run(folding, folding->fold->combine, &loop, first << 1 | 1);
}

static uint64_t px_fold_end(const struct px_fold *fold, uint64_t block)
{
	return fold->values != NULL ? fold->n : px_min((block + 1) * fold->grain, fold->n);
}

/* Leaves the value of a block in the total. False if a call failed. */
static bool px_fold_block(struct px_folding *folding, uint64_t block)
{
	const uint64_t first = block * folding->fold->grain;
	const uint64_t end = px_fold_end(folding->fold, block);
	uint64_t count;

	for (uint64_t at = first; at < end; at += count) {
		count = px_min(folding->piece_most, end - at);
		px_fold_begins(folding);
		if (!px_fold_map(folding, at, count) ||
		    !px_fold_add(folding, folding->piece, at, count, at > first))
			return false;
	}
	return true;
}

/* The same with the values of all blocks. */
static bool px_fold_blocks_together(struct px_folding *folding)
{
	const struct px_fold *fold = folding->fold;
	const uint64_t n_blocks = px_fold_blocks(fold);

	for (uint64_t block = 0; block < n_blocks; block++) {
		px_fold_begins(folding);
		if (!px_fold_add(folding, fold->values + block * folding->size, block * fold->grain,
				 1, block > 0))
			return false;
	}
	return true;
}

/* The loop of the task `blocks`. */
static void px_fold_loop(struct procs_loop *loop)
{
	const struct px_fold *fold = (const void *)loop->argument[0];
	_Atomic uint64_t *progress = loop->progress;
	struct px_folding folding;
	bool done = true;

	folding.fold = fold;
	folding.context = px_context_current();
	folding.size = fold->map->result.size;
	/* Time that is limited for each item is taken of each. */
	folding.piece_most = folding.context->alarm->timeout_ns > 0 ? 1 : PX_PIECE;
	for (; loop->next < loop->end; loop->next++) {
		/* release: as the loops of task_macros.h */
		atomic_store_explicit(progress, loop->next << 1 | 1, memory_order_release);
		if (fold->values != NULL)
			done = px_fold_blocks_together(&folding);
		else
			done = px_fold_block(&folding, px_context_index(folding.context));
		if (!done)
			break;
		memcpy(loop->out + loop->next * loop->out_stride, folding.total, folding.size);
	}
}

/* By what makes one type of two spellings; a struct is its name. */
static bool px_same_type(const struct procs_type *a, const struct procs_type *b)
{
	return a->code == b->code && a->size == b->size &&
	       (a->code != PROCS_CODE_STRUCT || strcmp(a->name, b->name) == 0);
}

const char *px_fold_wrong(const struct procs_function *map, const struct procs_function *combine)
{
	if (combine->raw != NULL || combine->n_arguments != 2)
		return "combine is to be a typed task of two arguments";
	if (!px_same_type(&combine->arguments[0].type, &map->result) ||
	    !px_same_type(&combine->arguments[1].type, &map->result))
		return "an argument of combine has not the type of the task's result";
	if (!px_same_type(&combine->result, &map->result))
		return "the result of combine has not the type of the task's result";
	if (map->result.size > PX_FOLD_VALUE_MOST)
		return "combine cannot take two values of more than 64 bytes";
	return NULL;
}

struct px_fold px_fold_of(const struct procs_function *map, const struct procs_function *combine,
			  uint64_t n)
{
	return (struct px_fold){
		.blocks = { .size = sizeof(struct procs_function),
			    .name = map->name,
			    .result = map->result,
			    .loop = px_fold_loop,
			    .structs = map->structs,
			    .structs_end = map->structs_end },
		.map = map,
		.combine = combine,
		.n = n,
		.grain = px_divide_up(n, PX_BLOCKS_MOST),
	};
}

bool px_fold_is(const struct procs_function *function)
{
	return function->loop == px_fold_loop;
}

uint64_t px_fold_blocks(const struct px_fold *fold)
{
	return px_divide_up(fold->n, fold->grain);
}

struct px_blame px_fold_blame(const struct px_fold *fold, uint64_t block, uint64_t step)
{
	const uint64_t first = block * fold->grain;

	if (step >> 1 < first || step >> 1 >= px_fold_end(fold, block))
		return (struct px_blame){ first, fold->blocks.name };
	return (struct px_blame){ step >> 1, step & 1 ? fold->combine->name : fold->map->name };
}
