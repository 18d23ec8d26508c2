// expect: (size of unnamed array|array size) is negative
#include <procs/procs.h>

#ifdef RIGHT
# define STAR
#else
# define STAR *
#endif

struct list {
	int STAR p;
	int n;
};
PROCS_STRUCT(struct list, int, p, int, n);
