// expect: wrong number of arguments for f
#include <procs/procs.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return x + y; }

struct procs_spec make(void);
struct procs_spec make(void)
{
#ifdef RIGHT
	return procs_proc(f, 2, 7);
#else
	return procs_proc(f, 2, 7, 1);
#endif
}
