// expect: procs: the arguments of f take more than 128 bytes
#include <procs/procs.h>

#ifdef RIGHT
enum { LENGTH = 120 };
#else
enum { LENGTH = 121 };
#endif
struct big {
	char bytes[LENGTH];
};

PROCS_DEFINE2(int, f, double, x, struct big, y)
{
	return x > y.bytes[0];
}
