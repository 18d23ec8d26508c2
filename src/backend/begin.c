/*
 * begin.c - what a range consists of: which task, and where its arguments lie.
 */
#include <errno.h>
#include <string.h>

#include "backend/runner.h"
#include "base/px.h"

/* The arguments of a call, from the input area: those of raw tasks and flat
 * ones as they are, others decoded from their image. */
static int px_read_call(struct px_runner *runner)
{
	const struct px_slot *slot = &runner->slot;
	const uint64_t at = runner->post.input;
	struct px_call call;
	int error;

	if (at > slot->input_size || sizeof(call) > slot->input_size - at)
		return -EBADMSG;
	memcpy(&call, slot->input + at, sizeof(call));
	if (call.size > slot->input_size - at - sizeof(call))
		return -EBADMSG;
	runner->function = (const struct procs_function *)(uintptr_t)call.function;
	runner->task = px_plans_of(runner->plans, runner->function);
	if (runner->task == NULL)
		return -ENOMEM;
	if (runner->task->error != 0)
		return runner->task->error;
	runner->argument[0] = slot->input + at + sizeof(call);
	runner->argument_size[0] = call.size;
	runner->n_arguments = 1;
	runner->arguments = runner->argument[0];
	if (call.encoding == PX_FRAME_RAW)
		return runner->function->raw != NULL ||
				       call.size >= runner->function->arguments_size
			       ? 0
			       : -EBADMSG;
	if (runner->function->raw != NULL)
		return -EBADMSG;
	error = px_image_decode(&runner->codec, &runner->task->arguments, runner->argument[0],
				call.size);
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

static void px_begin_map(struct px_runner *runner)
{
	const struct px_order *order = &runner->order;

	runner->function = (const struct procs_function *)(uintptr_t)order->function;
	runner->task = px_plans_of(runner->plans, runner->function);
	runner->argument_error = runner->task == NULL ? -ENOMEM : runner->task->error;
	runner->n_arguments = order->n_sequences;
	for (size_t i = 0; i < runner->n_arguments; i++) {
		const struct px_array *array = &order->sequence[i];

		runner->argument[i] = (const unsigned char *)(uintptr_t)array->base +
				      runner->post.first * array->stride;
		runner->stride[i] = array->stride;
		runner->argument_size[i] = array->element_size;
	}
}

bool px_runner_begin(struct px_runner *runner)
{
	memset(runner->stride, 0, sizeof(runner->stride));
	runner->spent_ns = 0;
	runner->in_range = true;
	if (runner->post.kind == PX_KIND_CALL)
		px_begin_call(runner);
	else
		px_begin_map(runner);
	return px_output_begin(&runner->output, runner->sequence, &runner->post,
			       runner->order.value_size) == 0;
}
