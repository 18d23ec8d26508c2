// expect: wrong number of arguments for g
#include <procs/procs.h>

PROCS_DEFINE1(int, f, int, x) { return x; }
PROCS_DEFINE1(int, g, int, x) { return x; }
PROCS_DEFINE2(int, add, int, a, int, b) { return a + b; }

int sum(const int *xs);
int sum(const int *xs)
{
	int all = 0;
#ifdef RIGHT
	return procs_reduce(f, add, 4, &all, NULL, xs);
#else
	return procs_reduce(f, g, 4, &all, NULL, xs);
#endif
}
