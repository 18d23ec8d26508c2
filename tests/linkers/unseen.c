/* For an archive: tasks in a file that nobody mentions. */
#include <procs/procs.h>

PROCS_DEFINE1(int, unseen, int, x)
{
	return 3 * x;
}
