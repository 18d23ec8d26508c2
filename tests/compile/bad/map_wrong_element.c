// expect: incompatible[- ]pointer[- ]type
// flags: -Werror=incompatible-pointer-types
#include <procs/procs.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return x + y; }

struct procs_stream *make(const int *xs, const double *doubles);
struct procs_stream *make(const int *xs, const double *doubles)
{
#ifdef RIGHT
	(void)doubles;
	return procs_pmap(f, 4, NULL, xs, xs);
#else
	return procs_pmap(f, 4, NULL, xs, doubles);
#endif
}
