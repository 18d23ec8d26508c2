/* A task of the name that another file has, too. */
#include "twins.h"

static PROCS_DEFINE1(int, twin, int, x)
{
	return x + 2;
}

const struct procs_function *other_twin(void)
{
	return procs_function_of(twin);
}
