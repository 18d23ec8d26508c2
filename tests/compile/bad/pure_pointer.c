// expect: procs: argument p of f has a type that cannot travel: int [*]
#include <procs/procs.h>

#ifdef RIGHT
# define TYPE const char *
#else
# define TYPE int *
#endif

PROCS_PURE1(int, f, TYPE, p)
{
	(void)p;
	return 1;
}
