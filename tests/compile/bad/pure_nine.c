// expect: procs: a task takes at most 8 arguments
#include <procs/procs.h>

#ifdef RIGHT
PROCS_PURE8(int, f, int, a, int, b, int, c, int, d, int, e, int, g, int, h, int, i)
#else
PROCS_PURE9(int, f, int, a, int, b, int, c, int, d, int, e, int, g, int, h, int, i, int, j)
#endif
{
	return 1;
}
