/* Tasks of names that the test has too, with other types; see test_refused.c. */
#include <procs/procs.h>

struct shape {
	int corners;
	float size;
};

PROCS_STRUCT(struct shape, int, corners, float, size);

PROCS_DEFINE1(int, scaled, int, x)
{
	return 2 * x;
}

PROCS_DEFINE1(double, halved, double, x)
{
	return x / 2;
}

PROCS_DEFINE1(int, corners_of, struct shape, shape)
{
	return shape.corners;
}

static int give_nothing(struct procs_task *task)
{
	return procs_commit(task, 0);
}

PROCS_TASK(raw_here, give_nothing);
