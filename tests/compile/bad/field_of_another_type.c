// expect: not compatible with any (generic )?association
#include <procs/procs.h>

struct point {
	double x;
	double y;
};

#ifdef RIGHT
PROCS_STRUCT(struct point, double, x, double, y);
#else
PROCS_STRUCT(struct point, double, x, int, y);
#endif
