// expect: procs: argument p of f has a type that cannot travel: __int128
#include <procs/procs.h>

#ifdef RIGHT
# define TYPE long long
#else
# define TYPE __int128
#endif

PROCS_DEFINE1(int, f, TYPE, p)
{
	(void)p;
	return 1;
}
