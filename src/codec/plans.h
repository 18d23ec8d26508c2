/*
 * plans.h - the plans of the tasks a stream has met, so that each is made once.
 * A forked worker inherits them.
 */
#ifndef PROCS_CODEC_PLANS_H
#define PROCS_CODEC_PLANS_H

#include "codec/type.h"

enum {
	PX_PLANS_KEPT = 8 /* tasks; a ninth displaces the one met longest ago */
};

struct px_task_plans {
	const struct procs_function *function; /* borrowed from the program */
	struct px_plan arguments;
	struct px_plan result;
	uint32_t block;      /* items that its loop may run at a stretch; 0: one by one */
	int error;           /* why there are none: as px_plan_result, or -EINVAL */
	const char *culprit; /* the type that is to blame, or NULL */
};

struct px_plans {
	struct px_task_plans *kept[PX_PLANS_KEPT]; /* owned */
	unsigned next;
};

/* Whether it is a descriptor at all: has what the first version's macros wrote. */
static inline bool px_function_known(const struct procs_function *function)
{
	return function->size >= offsetof(struct procs_function, block);
}

/* The plans of a task, borrowed until eight others were asked for; NULL without
 * memory. A task whose plans cannot be made has them with `error` set. */
const struct px_task_plans *px_plans_of(struct px_plans *plans,
					const struct procs_function *function);

/* Another task has that descriptor now. */
void px_plans_forget(struct px_plans *plans, const struct procs_function *function);

void px_plans_free(struct px_plans *plans);

#endif /* PROCS_CODEC_PLANS_H */
