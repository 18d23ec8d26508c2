// expect: wrong number of arguments for f
#include <procs/procs.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return x * y; }
PROCS_DEFINE2(int, add, int, a, int, b) { return a + b; }

int sum(const int *xs);
int sum(const int *xs)
{
	int all = 0;
#ifdef RIGHT
	return procs_reduce(f, add, 4, &all, NULL, xs, xs);
#else
	return procs_reduce(f, add, 4, &all, NULL, xs);
#endif
}
