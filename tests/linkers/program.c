/*
 * program.c - maps and calls by spawn and by a forkserver, and tells what came of each:
 *
 *	program                     is its own worker
 *	program --worker WORKER [MODULE]
 *	program --list              lists its own tasks
 *	program --unseen WORKER     maps a task of that name, if the worker has it
 */
#include <stdio.h>
#include <string.h>

#include "linked.h"

static int show(struct procs_stream *stream)
{
	struct procs_result result;
	int n = 0;

	if (stream == NULL)
		printf("%s\n", procs_last_failure()->message);
	while (stream != NULL && procs_next(stream, &result) > 0)
		if (result.bytes == 3 && result.failed == NULL)
			n += printf("%.3s\n", (const char *)result.data);
		else
			n += printf("%s\n", procs_text(&result));
	procs_close(stream);
	return n == 0;
}

static int show_all(const struct procs_options *options)
{
	const int as[] = { 1, 2, 3 }, bs[] = { 4, 5, 6 };
	const struct spot spots[] = { { 1, 2, "one" } };
	const double by[] = { 10 };
	const struct procs_spec specs[] = { procs_proc(in_two, 7, 8),
					    procs_raw(procs_function_of(reversed), "abc", 3) };

	return show(procs_pmap(in_two, 3, options, as, bs)) |
	       show(procs_pmap(moved, 1, options, spots, by)) | show(procs_call(specs, 2, options));
}

/* Here so that it can be asked for; the worker's is another. */
static PROCS_DEFINE1(int, unseen, int, x)
{
	return -x;
}

static int show_unseen(const char *worker)
{
	const int xs[] = { 14 };

	return show(procs_pmap(
		unseen, 1,
		PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = worker, .traceback_fd = -1),
		xs));
}

int main(int argc, char **argv)
{
	const char *const modules[] = { argc > 3 ? argv[3] : NULL, NULL };
	struct procs_options options = { .size = sizeof(options), .workers = 2 };
	int wrong;

	procs_worker_hook(argc, argv);
	if (argc > 1 && strcmp(argv[1], "--list") == 0)
		return procs_worker_main(argc, argv);
	if (argc > 2 && strcmp(argv[1], "--unseen") == 0)
		return show_unseen(argv[2]);
	if (argc > 2) {
		options.worker = argv[2];
		options.modules = argc > 3 ? modules : NULL;
	}
	options.start = PROCS_START_SPAWN;
	wrong = show_all(&options);
	options.workers = 0;
	options.start = 0;
	if (procs_forkserver_start(&options) != 0)
		printf("%s\n", procs_last_failure()->message);
	wrong |= show_all(PROCS_OPTIONS(.start = PROCS_START_FORKSERVER, .workers = 2));
	procs_forkserver_stop();
	return wrong;
}
