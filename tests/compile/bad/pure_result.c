// expect: procs: the result of f has a type that cannot travel: float [*]
#include <procs/procs.h>

#ifdef RIGHT
# define TYPE float
#else
# define TYPE float *
#endif

static TYPE nothing;

PROCS_PURE1(TYPE, f, int, x)
{
	(void)x;
	return nothing;
}
