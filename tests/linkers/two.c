/* The second: a typed task, one that is pure, and a raw one. */
#include "linked.h"

PROCS_BODY2(int, in_two, int, a, int, b)
{
	return 10 * a + b;
}

static PROCS_PURE1(float, private_two, float, x)
{
	return x / 2;
}

static int reverse(struct procs_task *task)
{
	size_t size;
	const char *bytes = procs_argument(task, 0, &size);
	char *room = procs_reserve(task, size);

	if (room == NULL)
		return 1;
	for (size_t i = 0; i < size; i++)
		room[i] = bytes[size - 1 - i];
	return procs_commit(task, size);
}

PROCS_TASK(reversed, reverse);
