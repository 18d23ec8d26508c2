// expect: conflicting types for .f.
#include <procs/procs.h>

PROCS_DECLARE1(int, f, int, x);

#ifdef RIGHT
PROCS_PURE_BODY1(int, f, int, x)
#else
PROCS_PURE_BODY1(int, f, long, x)
#endif
{
	return (int)x;
}
