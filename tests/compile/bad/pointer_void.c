// expect: procs: argument p of f has a type that cannot travel: void [*]
#include <procs/procs.h>

#ifdef RIGHT
# define TYPE struct procs_bytes
#else
# define TYPE void *
#endif

PROCS_DEFINE1(int, f, TYPE, p)
{
	(void)p;
	return 1;
}
