// expect-gcc: has no member named 'threads'
// expect-clang: field designator 'threads' does not refer to any field
#include <procs/procs.h>

PROCS_DEFINE1(int, f, int, x) { return x; }

struct procs_stream *make(const int *xs);
struct procs_stream *make(const int *xs)
{
#ifdef RIGHT
	return procs_pmap(f, 4, PROCS_OPTIONS(.workers = 2), xs);
#else
	return procs_pmap(f, 4, PROCS_OPTIONS(.threads = 2), xs);
#endif
}
