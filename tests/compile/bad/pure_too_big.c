// expect: procs: the arguments of f take more than 128 bytes
#include <procs/procs.h>

#ifdef RIGHT
# define LENGTH 16
#else
# define LENGTH 17
#endif

struct row {
	double x[LENGTH];
};
PROCS_STRUCT(struct row, double, x);

PROCS_PURE1(double, f, struct row, row)
{
	return row.x[0];
}
