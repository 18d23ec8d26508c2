#ifndef TESTS_LINKERS_LINKED_H
#define TESTS_LINKERS_LINKED_H

#include <procs/worker.h>

struct spot {
	double x, y;
	char name[8];
};

PROCS_DECLARE2(int, in_two, int, a, int, b);
PROCS_DECLARE2(struct spot, moved, struct spot, from, double, by);
PROCS_TASK_DECLARE(reversed);

#endif
