// expect-gcc: has no member named 'z'
// expect-clang: field designator 'z' does not refer to any field
#include <procs/procs.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return x + y; }

struct procs_spec make(void);
struct procs_spec make(void)
{
#ifdef RIGHT
	return procs_proc(f, .x = 2, .y = 7);
#else
	return procs_proc(f, .x = 2, .z = 7);
#endif
}
