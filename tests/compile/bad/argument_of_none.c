// expect: wrong number of arguments for f
#include <procs/procs.h>

PROCS_DEFINE0(int, f) { return 1; }

struct procs_spec make(void);
struct procs_spec make(void)
{
#ifdef RIGHT
	return procs_proc(f);
#else
	return procs_proc(f, 2);
#endif
}
