#include "elsewhere.h"

#include <string.h>

PROCS_BODY2(long, far_product, long, a, short, b)
{
	return a * b;
}

PROCS_BODY0(const char *, far_name)
{
	return "elsewhere";
}

/* The same name as a static task of test_types.c: both must keep to themselves. */
static PROCS_DEFINE1(int, twice, int, x)
{
	return 2 * x;
}

/* test_misuse.c means something else by this name, of the same size. */
struct homonym {
	const char *text;
};

PROCS_STRUCT(struct homonym, const char *, text);

/* Its arguments in the other order. */
PROCS_BODY2(int, far_difference, int, b, int, a)
{
	return a - b;
}

static int fill(struct procs_task *task)
{
	size_t size;
	const unsigned char *count = procs_argument(task, 0, &size);
	void *room = procs_reserve(task, size > 0 ? count[0] : 0);

	if (room == NULL)
		return 1;
	memset(room, 'x', count[0]);
	return procs_commit(task, count[0]);
}

PROCS_TASK(far_fill, fill);

PROCS_PURE_BODY1(float, far_third, short, x)
{
	return (float)x / 3;
}
