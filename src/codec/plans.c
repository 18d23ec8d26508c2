#include "codec/plans.h"

#include <errno.h>
#include <stdlib.h>

#include "base/px.h"

static bool px_function_usable(const struct procs_function *function)
{
	return px_function_known(function) && function->name != NULL &&
	       function->n_arguments <= 8 && function->arguments_size <= PROCS_ARGUMENTS_MAX &&
	       (function->loop != NULL) != (function->raw != NULL);
}

/* Strings and bytes are not for blocks: those of a result would have to wait for
 * their encoding, and arguments with them are no vectors. */
static uint32_t px_block_of(const struct px_task_plans *plans)
{
	const struct procs_function *function = plans->function;

	if (function->size < sizeof(*function) || !plans->arguments.flat || !plans->result.flat)
		return 0;
	return (uint32_t)px_min(function->block, UINT32_MAX);
}

static void px_plans_make(struct px_task_plans *made, const struct procs_function *function)
{
	made->function = function;
	made->culprit = NULL;
	made->error = px_function_usable(function) ? 0 : -EINVAL;
	if (made->error == 0)
		made->error = px_plan_arguments(&made->arguments, function, &made->culprit);
	if (made->error == 0)
		made->error = px_plan_result(&made->result, function, &made->culprit);
	made->block = made->error == 0 && function->raw == NULL ? px_block_of(made) : 0;
}

const struct px_task_plans *px_plans_of(struct px_plans *plans,
					const struct procs_function *function)
{
	struct px_task_plans **place = &plans->kept[plans->next % PX_PLANS_KEPT];

	for (unsigned i = 0; i < PX_PLANS_KEPT; i++)
		if (plans->kept[i] != NULL && plans->kept[i]->function == function)
			return plans->kept[i];
	if (*place == NULL)
		*place = malloc(sizeof(**place));
	if (*place == NULL)
		return NULL;
	plans->next++;
	px_plans_make(*place, function);
	return *place;
}

void px_plans_forget(struct px_plans *plans, const struct procs_function *function)
{
	for (unsigned i = 0; i < PX_PLANS_KEPT; i++)
		if (plans->kept[i] != NULL && plans->kept[i]->function == function)
			plans->kept[i]->function = NULL;
}

void px_plans_free(struct px_plans *plans)
{
	for (unsigned i = 0; i < PX_PLANS_KEPT; i++) {
		free(plans->kept[i]);
		plans->kept[i] = NULL;
	}
}
