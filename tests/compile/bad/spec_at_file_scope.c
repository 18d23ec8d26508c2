// expect-gcc: initializer element is not constant
// expect-clang: not a compile-time constant
#include <procs/procs.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return x + y; }

struct procs_spec *make(void);
struct procs_spec *make(void)
#ifdef RIGHT
{
	static struct procs_spec spec;
	spec = procs_proc(f, 2, 7);
	return &spec;
}
#else
{
	return NULL;
}
struct procs_spec spec = procs_proc(f, 2, 7);
#endif
