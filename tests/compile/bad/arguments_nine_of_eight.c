// expect-gcc: passed 6 arguments, but takes just 4
// expect-clang: too many arguments provided to function-like macro invocation
#include <procs/procs.h>

#ifdef RIGHT
PROCS_DEFINE8(int, f, int, a, int, b, int, c, int, d, int, e, int, g, int, h, int, i)
#else
PROCS_DEFINE8(int, f, int, a, int, b, int, c, int, d, int, e, int, g, int, h, int, i, int, j)
#endif
{
	return a + b + c + d + e + g + h + i;
}
