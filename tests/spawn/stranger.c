/* Takes a worker binary, maps with it and tells what came: for a build that is another
 * than the worker's. */
#include <stdio.h>

#include "tasks.h"

int main(int argc, char **argv)
{
	const int as[] = { 1, 2 }, bs[] = { 3, 4 };
	struct procs_stream *stream;
	struct procs_result result;

	if (argc != 2)
		return 2;
	stream = procs_pmap(
		plus, 2,
		PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = argv[1], .traceback_fd = -1),
		as, bs);
	if (stream == NULL)
		printf("%s\n", procs_last_failure()->message);
	while (stream != NULL && procs_next(stream, &result) > 0)
		printf("%s\n", procs_text(&result));
	procs_close(stream);
	if (procs_forkserver_start(PROCS_OPTIONS(.worker = argv[1])) != 0)
		printf("%s\n", procs_last_failure()->message);
	procs_forkserver_stop();
	return 0;
}
