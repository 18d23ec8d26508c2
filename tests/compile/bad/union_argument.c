// expect: procs: argument p of f has a type that cannot travel: union u
#include <procs/procs.h>

union u {
	int x;
	float y;
};
struct s {
	union u in;
};

#ifdef RIGHT
# define TYPE struct s
#else
# define TYPE union u
#endif

PROCS_DEFINE1(int, f, TYPE, p)
{
	(void)p;
	return 1;
}
