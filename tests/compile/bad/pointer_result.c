// expect: procs: the result of f has a type that cannot travel: int [*]
#include <procs/procs.h>

#ifdef RIGHT
# define RESULT const char *
#else
# define RESULT int *
#endif

PROCS_DEFINE1(RESULT, f, int, x)
{
	(void)x;
	return NULL;
}
