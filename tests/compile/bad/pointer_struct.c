// expect: procs: argument p of f has a type that cannot travel: struct p [*]
#include <procs/procs.h>

struct p {
	int x;
};

#ifdef RIGHT
# define TYPE struct p
#else
# define TYPE struct p *
#endif

PROCS_DEFINE1(int, f, TYPE, p)
{
	(void)p;
	return 1;
}
