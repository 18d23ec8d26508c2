/* The first file of tasks: one that others use and one of its own, a struct, a hook. */
#include "linked.h"

PROCS_STRUCT(struct spot, double, x, double, y, char, name);

PROCS_BODY2(struct spot, moved, struct spot, from, double, by)
{
	from.x += by;
	from.y += by;
	return from;
}

static PROCS_DEFINE1(int, private_one, int, x)
{
	return x + 1;
}

static int ready(void *user)
{
	return user != NULL;
}

PROCS_INIT(ready);
