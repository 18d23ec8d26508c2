// A module in C++: raw tasks and hooks.
#include <procs/worker.h>

static int nothing(struct procs_task *task)
{
	return procs_reserve(task, 0) != nullptr ? procs_commit(task, 0) : 1;
}
PROCS_TASK(nothing, nothing);

static int ready(void *user)
{
	return user != nullptr;
}
PROCS_INIT(ready);

PROCS_MODULE;
