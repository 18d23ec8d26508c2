/*
 * begin.c - what a range consists of: which task, and where its arguments lie.
 */
#include <errno.h>
#include <string.h>

#include "backend/arrays.h"
#include "backend/fold.h"
#include "backend/handover.h"
#include "backend/local.h"
#include "base/px.h"

void px_runner_reject(struct px_runner *runner)
{
	(void)runner;
	px_entry_leave(PX_REFUSED);
}

/* Which task a call is of, whose arguments begin at *at then. */
static int px_call_task(struct px_runner *runner, const struct px_call *call, uint64_t *at)
{
	const struct px_slot *slot = &runner->slot;

	if (call->named > 1 || call->named != (runner->remote != NULL))
		return -EBADMSG;
	if (!call->named) {
		runner->function = (const struct procs_function *)(uintptr_t)call->function;
	} else {
		if (sizeof(struct px_task_name) > slot->input_size - *at)
			return -EBADMSG;
		runner->function = px_admit_call(runner->remote, *slot, *at, runner->plans);
		*at += sizeof(struct px_task_name);
	}
	runner->argument_cause =
		runner->function != NULL ? PROCS_CAUSE_DECODE : PROCS_CAUSE_UNKNOWN_FUNCTION;
	return runner->function != NULL ? 0 : -ENOENT;
}

/* Arguments that another program wrote are private before they are looked at. */
static int px_own_arguments(struct px_runner *runner, uint64_t size)
{
	struct px_buffer *own = &runner->remote->arguments;

	if (px_buffer_room(own, px_max(size, 1)) != 0)
		return -ENOMEM;
	if (size > 0)
		memcpy(own->data, runner->argument[0], size);
	runner->argument[0] = own->data;
	return 0;
}

/* Flat arguments as they are. */
static int px_flat_arguments(const struct px_runner *runner, uint64_t size)
{
	if (runner->function->raw != NULL)
		return 0;
	if (size < runner->function->arguments_size || !runner->task->arguments.flat)
		return -EBADMSG;
	return runner->remote == NULL ||
			       px_plan_valid(&runner->task->arguments, runner->argument[0])
		       ? 0
		       : -EBADMSG;
}

/* The arguments of a call, from the input area: those of raw tasks and flat
 * ones as they are, others decoded from their image. */
static int px_read_call(struct px_runner *runner)
{
	const struct px_slot *slot = &runner->slot;
	uint64_t at = runner->post.input;
	struct px_call call;
	int error;

	runner->argument_cause = PROCS_CAUSE_DECODE;
	if (at > slot->input_size || sizeof(call) > slot->input_size - at)
		return -EBADMSG;
	memcpy(&call, slot->input + at, sizeof(call));
	at += sizeof(call);
	error = px_call_task(runner, &call, &at);
	if (error != 0)
		return error;
	if (call.size > slot->input_size - at)
		return -EBADMSG;
	runner->task = px_plans_of(runner->plans, runner->function);
	if (runner->task == NULL)
		return -ENOMEM;
	if (runner->task->error != 0)
		return runner->task->error;
	runner->argument[0] = slot->input + at;
	runner->argument_size[0] = call.size;
	runner->n_arguments = 1;
	if (runner->remote != NULL)
		error = px_own_arguments(runner, call.size);
	runner->arguments = runner->argument[0];
	if (error == 0 && call.encoding == PX_FRAME_RAW)
		return px_flat_arguments(runner, call.size);
	if (error == 0 && runner->function->raw != NULL)
		error = -EBADMSG;
	if (error == 0)
		error = px_image_decode(&runner->codec, &runner->task->arguments,
					runner->argument[0], call.size);
	if (error != 0)
		return error;
	runner->arguments = runner->codec.object.data;
	return 0;
}

static void px_begin_call(struct px_runner *runner)
{
	runner->argument_error = px_read_call(runner);
	if (runner->argument_error != 0 || runner->function->raw != NULL)
		return;
	runner->n_arguments = runner->function->n_arguments;
	for (size_t i = 0; i < runner->n_arguments; i++)
		runner->argument[i] = runner->arguments + runner->function->arguments[i].offset;
}

/* Elements that lie in the slot; a post that promises more than there is has none. */
static int px_begin_copied(struct px_runner *runner)
{
	const struct px_slot *slot = &runner->slot;
	uint64_t at = runner->post.input, bytes;

	for (size_t i = 0; i < runner->n_arguments; i++) {
		if (runner->order.sequence[i].base != 0)
			continue;
		/* An element of a raw task may have any size. */
		if (at > slot->input_size ||
		    !px_multiply(runner->post.count, runner->argument_size[i], &bytes) ||
		    bytes > slot->input_size - at)
			return -EBADMSG;
		runner->argument[i] = slot->input + at;
		runner->stride[i] = runner->argument_size[i];
		at = px_copied(at, runner->post.count, runner->argument_size[i]);
	}
	return 0;
}

static void px_begin_map(struct px_runner *runner)
{
	const struct px_order *order = &runner->order;

	runner->function = (const struct procs_function *)(uintptr_t)order->function;
	runner->argument_cause = PROCS_CAUSE_DECODE;
	if (runner->function == NULL) {
		runner->argument_cause = PROCS_CAUSE_UNKNOWN_FUNCTION;
		runner->argument_error = -ENOENT;
		return;
	}
	runner->task = px_plans_of(runner->plans, runner->function);
	runner->argument_error = runner->task == NULL ? -ENOMEM : runner->task->error;
	runner->n_arguments = order->n_sequences;
	for (size_t i = 0; i < runner->n_arguments; i++) {
		const struct px_array *array = &order->sequence[i];

		runner->argument[i] =
			(const unsigned char *)(uintptr_t)(array->base +
							   runner->post.first * array->stride);
		runner->stride[i] = array->stride;
		runner->argument_size[i] = array->element_size;
	}
	if (runner->post.flags & PX_POST_COPIED && runner->argument_error == 0)
		runner->argument_error = px_begin_copied(runner);
}

/* Its timeout is that of its order. */
static void px_runner_time(struct px_runner *runner)
{
	px_alarm_change(&runner->alarm, runner->order.timeout_ns, runner->order.one_shot);
	/* relaxed: a hint for the parent's own deadline */
	atomic_fetch_and_explicit(&runner->slot.control->flags, ~(uint32_t)PX_WORKER_NO_TIMER,
				  memory_order_relaxed);
	if (!runner->alarm.works && runner->order.timeout_ns > 0)
		px_runner_flag(runner, PX_WORKER_NO_TIMER);
}

/* The array to write is open, and no other. One that is filled again and again stays
 * so: to be opened anew costs a fault for each of its pages. */
static void px_runner_open_array(struct px_runner *runner, const struct px_order *before)
{
	const struct px_order *order = &runner->order;

	if (!runner->own_process ||
	    (!runner->shut && order->out == before->out && order->out_size == before->out_size))
		return;
	px_arrays_shut(before->out, before->out_size);
	px_arrays_open(order->out, order->out_size);
	runner->shut = false;
}

void px_runner_shut(struct px_runner *runner)
{
	px_arrays_shut(runner->order.out, runner->order.out_size);
	runner->shut = true;
}

/* A reduction's task may be another than the last one at its place. */
static void px_runner_renew(struct px_runner *runner)
{
	const struct procs_function *function =
		(const struct procs_function *)(uintptr_t)runner->order.function;

	if (px_fold_is(function))
		px_plans_forget(runner->plans, function);
}

void px_runner_order(struct px_runner *runner)
{
	const struct px_order before = runner->order;

	runner->order = runner->slot.control->order;
	if (runner->remote != NULL) {
		const int error =
			px_admit_order(runner->remote, runner->slot, runner->plans, &runner->order);

		if (error != 0 && error != -ENOENT)
			px_runner_reject(runner);
	} else if (runner->order.function != 0) {
		px_runner_renew(runner);
	}
	px_runner_open_array(runner, &before);
	runner->pack_vain = runner->pack_again = 0;
	runner->pace = px_pace_begin(runner->order.chunk_ns);
	runner->context.seed = runner->order.seed;
	if (runner->own_process && runner->order.timeout_ns != before.timeout_ns)
		px_runner_time(runner);
}

bool px_runner_tidy(struct px_runner *runner)
{
	if (runner->tidy == NULL || px_tidy_up(runner->tidy))
		return true;
	px_runner_flag(runner, PX_WORKER_TIRED);
	return false;
}

/* Before the items of a new stream: whether those of earlier ones left this process as
 * it was. If not it says so, and has the range go to another. */
static bool px_runner_fit(struct px_runner *runner)
{
	if (runner->tidy != NULL && runner->tidy->spoiled)
		return false; /* nor the ranges behind that one */
	return !(runner->post.flags & PX_POST_ORDER) || px_runner_tidy(runner);
}

/* Whether the range was posted when nobody knew yet how large a result may be: then one
 * that exceeds its share is enough for a worker. */
static bool px_runner_misled(struct px_runner *runner)
{
	if (runner->post.flags & PX_POST_ORDER)
		runner->largest = runner->wary = 0;
	return runner->sequence < runner->wary;
}

bool px_runner_begin(struct px_runner *runner)
{
	const bool fit = px_runner_fit(runner) && !px_runner_misled(runner);

	if (runner->post.flags & PX_POST_ORDER)
		px_runner_order(runner);
	else if (runner->shut)
		px_runner_open_array(runner, &runner->order);
	if (runner->remote != NULL &&
	    !px_admit_post(runner->remote, runner->slot, &runner->order, &runner->post))
		px_runner_reject(runner);
	memset(runner->stride, 0, sizeof(runner->stride));
	runner->spent_ns = 0;
	runner->carved = 0;
	runner->in_range = true;
	runner->context.inside = &runner->slot.control->inside;
	runner->context.alarm = &runner->alarm;
	runner->context.own_process = runner->own_process;
	if (runner->post.kind == PX_KIND_CALL)
		px_begin_call(runner);
	else
		px_begin_map(runner);
	return px_output_begin(&runner->output, runner->sequence, &runner->post,
			       runner->order.value_size) == 0 &&
	       fit;
}
