/* The first of two tasks of one name; see twins.c. */
#include <procs/procs.h>

PROCS_DEFINE1(int, twin, int, x)
{
	return x + 1;
}
