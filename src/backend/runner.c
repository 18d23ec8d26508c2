#include "backend/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/crash.h"
#include "backend/growth.h"
#include "base/clock.h"
#include "base/px.h"

enum {
	PX_STRIDE_NS = 100000,   /* work between two looks at the clock inside a chunk */
	PX_SINGLE_NS = 5000,     /* items from this on are timed one by one */
	PX_SHOW_TARGETS = 2,     /* a chunk that takes this many targets shows what it has, */
	PX_SHOW_BYTES = 1 << 18, /* or with this many bytes of results */
	PX_TAPER_NS = 10000      /* of work in the last chunks, at least */
};

void px_runner_open(struct px_runner *runner, struct px_slot slot, _Atomic uint32_t *bell,
		    struct px_plans *plans)
{
	*runner = (struct px_runner){
		.slot = slot,
		.bell = bell,
		.plans = plans,
	};
	px_output_init(&runner->output, slot);
}

void px_runner_close(struct px_runner *runner)
{
	px_codec_free(&runner->codec);
	px_context_free(&runner->context);
	px_buffer_free(&runner->value);
	px_buffer_free(&runner->packed);
}

/* An item starts: its index, its alarm, the word that will blame it. */
static void px_item_begins(struct px_runner *runner, uint32_t item, uint64_t now)
{
	runner->begun_ns = now;
	px_alarm_item(&runner->alarm, now);
	px_context_item(&runner->context, runner->post.first, item, runner->post.attempt);
	px_output_running(&runner->output, item, now);
}

static struct procs_loop px_loop_over(struct px_runner *runner, struct px_chunk chunk)
{
	struct procs_loop loop = {
		.size = sizeof(loop),
		.next = chunk.from,
		.end = chunk.to,
		.progress = &runner->output.progress->progress,
	};

	for (size_t i = 0; i < runner->n_arguments; i++) {
		loop.argument[i] = runner->argument[i];
		loop.stride[i] = runner->stride[i];
	}
	return loop;
}

/* How many items may run between two looks at the clock. */
static uint32_t px_stride(const struct px_runner *runner)
{
	const uint64_t item = px_pace_item(&runner->pace);

	if (item == 0 || item >= PX_SINGLE_NS || runner->order.timeout_ns > 0)
		return 1;
	return (uint32_t)(PX_STRIDE_NS / item);
}

/* Below this frame a crash report need not look. */
#define PX_TASK_BEGINS(runner) ((runner)->own_process ? px_crash_floor() : (void)0)

/* Whether the loop may run blocks. Not a second time for a task that calls the
 * library in them: no vector does that, and each such block is run twice. */
static bool px_may_block(const struct px_runner *runner)
{
	return runner->order.blocks && !(runner->post.flags & PX_POST_SINGLY) &&
	       runner->talker != runner->function;
}

/* Values side by side. The loop of the task itself stores the progress of each
 * item, or block; only a failing one comes back here. Returns the items finished. */
static uint32_t px_run_dense(struct px_runner *runner, struct px_chunk part, uint64_t now)
{
	struct px_context *context = &runner->context;
	struct procs_loop loop = px_loop_over(runner, part);

	loop.out_stride = runner->order.value_size;
	if (runner->order.direct)
		loop.out = (unsigned char *)(uintptr_t)runner->order.out +
			   runner->post.first * loop.out_stride;
	else
		loop.out = px_output_values(&runner->output);
	loop.blocks = px_may_block(runner);
	px_item_begins(runner, part.from, now);
	context->loop = &loop;
	PX_TASK_BEGINS(runner);
	runner->function->loop(&loop);
	context->loop = NULL;
	if (!loop.blocks && px_may_block(runner))
		runner->talker = runner->function;
	if (loop.failed)
		px_runner_emit_failure(runner, (uint32_t)loop.next++, px_now() - now);
	return (uint32_t)loop.next;
}

static void px_run_raw(struct px_runner *runner, uint32_t item, uint64_t now)
{
	struct px_context *context = &runner->context;
	struct procs_task task = { .n_arguments = runner->n_arguments, .output = &runner->output };
	int code;

	for (size_t i = 0; i < task.n_arguments; i++)
		task.argument[i] = (struct procs_bytes){ runner->argument[i] +
								 (uint64_t)item * runner->stride[i],
							 runner->argument_size[i] };
	PX_TASK_BEGINS(runner);
	code = runner->function->raw(&task);
	if (code != 0 && task.no_room)
		px_context_blame(
			context, PROCS_CAUSE_TOO_BIG, EFBIG,
			"the task wanted %llu bytes; a quarter of the slot's %llu always has room",
			(unsigned long long)task.wanted,
			(unsigned long long)runner->slot.output_size);
	else if (code != 0)
		px_context_blame(context, PROCS_CAUSE_ERROR, code, "the task returned %d", code);
	else if (task.room > 0 && !task.is_committed)
		px_context_blame(context, PROCS_CAUSE_ERROR, ENODATA,
				 "the task reserved %llu bytes and committed none",
				 (unsigned long long)task.room);
	if (context->failed)
		px_runner_emit_failure(runner, item, px_now() - now);
	else
		px_runner_emit_raw(runner, item, &task, px_now() - now);
}

/* Where the task's result goes, as a C object: a small one needs no malloc. */
static unsigned char *px_value_room(struct px_runner *runner)
{
	const uint64_t size = runner->task->result.size;

	if (size <= sizeof(runner->small))
		return runner->small;
	return px_buffer_room(&runner->value, size) == 0 ? runner->value.data : NULL;
}

static void px_run_typed(struct px_runner *runner, uint32_t item, uint64_t now)
{
	struct px_context *context = &runner->context;
	struct procs_loop loop = px_loop_over(runner, (struct px_chunk){ item, item + 1 });

	loop.out = px_value_room(runner);
	if (loop.out == NULL) {
		px_context_blame(context, PROCS_CAUSE_ENCODE, ENOMEM, "no memory for the result");
	} else {
		context->loop = &loop;
		PX_TASK_BEGINS(runner);
		runner->function->loop(&loop);
		context->loop = NULL;
	}
	if (context->failed)
		px_runner_emit_failure(runner, item, px_now() - now);
	else
		px_runner_emit_value(runner, item, loop.out, px_now() - now);
}

/* One item with a frame of its own. */
static uint32_t px_run_framed(struct px_runner *runner, uint32_t item, uint64_t now)
{
	px_item_begins(runner, item, now);
	if (runner->argument_error != 0) {
		px_context_blame(&runner->context, runner->argument_cause, -runner->argument_error,
				 "%s",
				 runner->argument_cause == PROCS_CAUSE_DECODE
					 ? "the arguments cannot be decoded"
					 : runner->remote->refusal);
		px_runner_emit_failure(runner, item, 0);
	} else if (runner->function->raw != NULL) {
		px_run_raw(runner, item, now);
	} else {
		px_run_typed(runner, item, now);
	}
	return item + 1;
}

/* Whether a result of the size that is promised may find no room. */
static bool px_crowded(const struct px_runner *runner)
{
	return !(runner->post.flags & PX_POST_FORCED) && !px_output_has_room(&runner->output);
}

/* Whether no further item may start: the share of bytes is used up, or would be if the
 * next result were as large as any; or the parent is about to kill this worker for the
 * item it just ran. */
static bool px_enough(const struct px_runner *runner)
{
	const struct px_output *output = &runner->output;
	const uint64_t share = runner->post.share, payload = output->payload;
	const uint64_t next = px_max(runner->largest, output->largest);
	const bool full = payload >= share || (payload > 0 && next > share - payload);

	return full || px_crowded(runner) || px_slot_stopped(runner->slot) == PX_STOP_NOW;
}

static uint32_t px_run_part(struct px_runner *runner, struct px_chunk part, uint64_t now)
{
	uint32_t at = part.from;

	if (runner->order.value_size > 0 && runner->argument_error == 0)
		return px_run_dense(runner, part, now);
	while (at < part.to && !px_enough(runner))
		at = px_run_framed(runner, at, now);
	return at;
}

/* Runs the chunk, or as much of it as there is room for. Returns the items of
 * the range that are finished then. */
static uint32_t px_run(struct px_runner *runner, struct px_chunk chunk, uint64_t begun)
{
	const uint64_t patience = PX_SHOW_TARGETS * runner->order.chunk_ns;
	const uint32_t stride = px_stride(runner);
	uint64_t now = begun, shown = begun, payload = runner->output.payload;
	uint32_t at = chunk.from;

	while (at < chunk.to && !px_enough(runner)) {
		const uint32_t to = (uint32_t)px_min(chunk.to, (uint64_t)at + stride);

		at = px_run_part(runner, (struct px_chunk){ at, to }, now);
		if (at >= chunk.to)
			break;
		now = px_now();
		/* The chunk was misjudged, or fills a cache: let go what is finished. */
		if (now - shown > patience || runner->output.payload - payload >= PX_SHOW_BYTES) {
			payload = runner->output.payload;
			px_output_done(&runner->output, at);
			px_runner_tell(runner, at);
			now = shown = px_now();
		}
	}
	return at;
}

static void px_pass_range(struct px_runner *runner)
{
	const struct px_output *output = &runner->output;

	if (output->largest > runner->largest) {
		runner->largest = output->largest;
		if (output->payload > runner->post.share)
			runner->wary = px_slot_posted(runner->slot);
	}
	runner->in_range = false;
	px_slot_pass(runner->slot, ++runner->sequence);
}

/* The end of a range: on to the next, and a ring if there is none. */
static enum px_step px_finish_range(struct px_runner *runner)
{
	const bool leave = runner->post.flags & PX_POST_LEAVE;
	struct px_post next;

	px_pass_range(runner);
	if (runner->order.one_shot)
		return PX_STEP_LAST;
	if (leave) {
		px_runner_ring(runner);
		return PX_STEP_LAST;
	}
	if (!px_slot_read_post(runner->slot, runner->sequence, &next))
		px_runner_ring(runner);
	return PX_STEP_WORK;
}

static enum px_step px_hand_back(struct px_runner *runner)
{
	px_output_hand_back(&runner->output);
	px_pass_range(runner);
	px_runner_ring(runner);
	return runner->order.one_shot ? PX_STEP_LAST : PX_STEP_WORK;
}

/* A worker's text must be out before its result is: once the result is taken,
 * nobody waits for it any more. */
static void px_flush(const struct px_runner *runner)
{
	if (runner->own_process)
		px_entry_flush();
}

/* Items that this worker may still run before it is to leave. */
static uint64_t px_items_left(const struct px_runner *runner)
{
	const uint64_t most = runner->order.recycle_items;

	return most == 0 ? UINT64_MAX : most - px_min(most, runner->items);
}

/* Whether it has done enough: no further range comes, what is left goes to another. */
static bool px_tired(struct px_runner *runner, uint64_t now)
{
	if (runner->order.one_shot)
		return false;
	if (px_items_left(runner) > 0 &&
	    (runner->order.recycle_bytes == 0 || !px_grown(runner, now)))
		return false;
	px_runner_flag(runner, PX_WORKER_TIRED);
	return true;
}

/* At the end chunks get smaller, so that others can have a part of the rest, down
 * to what is not worth their being woken. */
static uint32_t px_taper(const struct px_runner *runner)
{
	const uint64_t item = px_pace_item(&runner->pace);

	if (!(runner->post.flags & PX_POST_LAST))
		return 0;
	return item > 0 ? (uint32_t)px_max(PX_TAPER_NS / item, 1) : 1;
}

/* It leaves nothing to tidy up. */
static bool px_is_pure(const struct px_runner *runner)
{
	return runner->function != NULL && runner->function->block > 0;
}

static enum px_step px_run_chunk(struct px_runner *runner)
{
	const uint32_t most = (uint32_t)px_min(px_items_left(runner), px_pace_next(&runner->pace));
	const uint64_t begun = px_now();
	struct px_chunk chunk;
	uint64_t spent, now;
	uint32_t done;
	bool tired;

	if (most == 0)
		return px_hand_back(runner);
	chunk = px_slot_carve(runner->slot, runner->sequence, most, px_taper(runner));
	if (px_chunk_empty(chunk))
		return px_finish_range(runner);
	if (chunk.from < runner->carved || chunk.to > runner->post.count)
		px_runner_reject(runner);
	runner->carved = chunk.to;
	if (!px_slot_claim(runner->slot, runner->claims))
		return PX_STEP_LOST;
	if (runner->tidy != NULL && !px_is_pure(runner))
		runner->tidy->tidy = false;
	px_context_begin(&runner->context);
	done = px_run(runner, chunk, begun);
	px_context_end(&runner->context);
	now = px_now();
	spent = now - begun;
	runner->items += done - chunk.from;
	tired = px_tired(runner, now);
	runner->spent_ns += spent;
	px_output_spent(&runner->output, runner->spent_ns);
	px_flush(runner);
	px_output_done(&runner->output, done);
	if (!px_slot_publish(runner->slot, runner->claims++))
		return PX_STEP_LOST;
	px_runner_tell(runner, done);
	px_pace_add(&runner->pace, done - chunk.from, spent);
	if (done < chunk.to || tired)
		return px_hand_back(runner);
	return runner->order.one_shot ? px_finish_range(runner) : PX_STEP_WORK;
}

enum px_step px_runner_step(struct px_runner *runner)
{
	if (!runner->in_range) {
		if (!px_slot_read_post(runner->slot, runner->sequence, &runner->post))
			return PX_STEP_IDLE;
		if (!px_runner_begin(runner))
			return px_hand_back(runner);
	}
	return px_run_chunk(runner);
}

void px_runner_last_words(struct px_runner *runner)
{
	struct px_context *context = &runner->context;
	uint32_t item;

	if (px_context_current() != context || !context->failed)
		return;
	context->inner = NULL;
	item = (uint32_t)(px_context_index(context) - context->first);
	context->loop = NULL;
	px_runner_emit_failure(runner, item, px_now() - runner->begun_ns);
	px_output_done(&runner->output, item + 1);
	if (px_slot_publish(runner->slot, runner->claims++))
		px_runner_tell(runner, item + 1);
}
