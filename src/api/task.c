/*
 * task.c - what a task may ask of the library while it runs.
 */
#include <errno.h>
#include <procs/task.h>

#include "backend/context.h"

uint64_t procs_index(void)
{
	const struct px_context *context = px_context_current();

	if (context == NULL)
		return UINT64_MAX;
	/* The index of some item is what a block can do with until it is run again. */
	(void)px_context_defer(context);
	return px_context_index(context);
}

uint32_t procs_attempt(void)
{
	const struct px_context *context = px_context_current();

	return context != NULL ? context->attempt : 0;
}

uint64_t procs_random(void)
{
	struct px_context *context = px_context_current();

	/* Whose stream it is, is not known in a block: any will do until it is run again. */
	if (context != NULL && px_context_defer(context))
		context = NULL;
	return px_context_random(context);
}

double procs_random_double(void)
{
	/* The upper 53 bits: as many as a double holds exactly. */
	return (double)(procs_random() >> 11) * 0x1p-53;
}

void *procs_scratch(size_t size)
{
	struct px_context *context = px_context_current();
	void *memory;

	if (context == NULL) {
		errno = EPERM;
		return NULL;
	}
	/* It is good, but a whole block's may be much: the block is the last one. */
	(void)px_context_defer(context);
	memory = px_context_scratch(context, size);
	if (memory == NULL)
		errno = ENOMEM;
	return memory;
}

void procs_absent(struct procs_loop *loop)
{
	(void)procs_fail(ENOENT, "the task is not in this program");
	/* Outside of any item nothing stops it. */
	loop->failed = 1;
}

int procs_absent_raw(struct procs_task *task)
{
	(void)task;
	(void)procs_fail(ENOENT, "the task is not in this program");
	return ENOENT;
}

size_t procs_argument_count(const struct procs_task *task)
{
	return task != NULL ? task->n_arguments : 0;
}

const void *procs_argument(const struct procs_task *task, size_t number, size_t *size_out)
{
	const bool there = task != NULL && number < task->n_arguments;

	if (size_out != NULL)
		*size_out = there ? task->argument[number].size : 0;
	return there ? task->argument[number].data : NULL;
}

void *procs_reserve(struct procs_task *task, size_t size)
{
	unsigned char *room;

	if (task == NULL || task->is_committed) {
		errno = task == NULL ? EINVAL : EALREADY;
		return NULL;
	}
	room = px_output_reserve(task->output, size);
	if (room == NULL) {
		task->no_room = true;
		task->wanted = size;
		errno = ENOSPC;
		return NULL;
	}
	task->reserved = room;
	task->room = size;
	return room;
}

int procs_commit(struct procs_task *task, size_t size)
{
	if (task == NULL)
		return -EINVAL;
	if (task->is_committed)
		return -EALREADY;
	if (size > task->room)
		return -EINVAL;
	task->is_committed = true;
	task->committed = size;
	return 0;
}
