/*
 * unhooked.c - a program that names itself as the worker and has no hook: what it executes
 * would do the same, and so on, if the library did not see that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <procs/procs.h>

PROCS_REMOTE1(int, twice, int, x);

int main(void)
{
	int xs[1] = { 1 }, out[1];
	struct procs_failures failures;
	const int64_t failed = procs_pmap_into_listed(
		twice, 1, out, &failures,
		PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = SELF, .traceback_fd = -1), xs);

	/* In the program that was executed. */
	if (failed == -ELOOP)
		return 3;
	printf("%lld: %s\n", (long long)failed, failures.listed[0].message);
	return failed == 1 && failures.listed[0].cause == PROCS_CAUSE_SPAWN &&
			       strstr(failures.listed[0].message, "status 3") != NULL
		       ? 0
		       : 1;
}
