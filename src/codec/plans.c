#include "codec/plans.h"

#include <errno.h>
#include <stdlib.h>

/* A descriptor must at least have what this version's macros write. */
static bool px_function_usable(const struct procs_function *function)
{
	return function->size >= sizeof(struct procs_function) && function->name != NULL &&
	       function->n_arguments <= 8 && function->arguments_size <= PROCS_ARGUMENTS_MAX &&
	       (function->loop != NULL) != (function->raw != NULL);
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

void px_plans_free(struct px_plans *plans)
{
	for (unsigned i = 0; i < PX_PLANS_KEPT; i++) {
		free(plans->kept[i]);
		plans->kept[i] = NULL;
	}
}
