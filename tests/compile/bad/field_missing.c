// expect: no member named 'z'
#include <procs/procs.h>

struct point {
	double x;
	double y;
};

#ifdef RIGHT
PROCS_STRUCT(struct point, double, x, double, y);
#else
PROCS_STRUCT(struct point, double, x, double, z);
#endif
