// expect: wrong number of arguments for f
#include <procs/procs.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return x + y; }

struct procs_stream *make(const int *xs);
struct procs_stream *make(const int *xs)
{
#ifdef RIGHT
	return procs_pmap(f, 4, NULL, xs, xs);
#else
	return procs_pmap(f, 4, NULL, xs);
#endif
}
