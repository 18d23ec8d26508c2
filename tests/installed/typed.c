/* A program of somebody else, in C: a typed task, called and mapped. */
#include <errno.h>
#include <procs/procs.h>
#include <stdio.h>

PROCS_DEFINE2(int, f, int, x, int, y) { return 5 * x + 3 * y; }

static int show(struct procs_stream *stream)
{
	struct procs_result result;
	int value, more = stream ? 0 : -errno;

	while (stream && (more = procs_next(stream, &result)) > 0)
		if (procs_value(&result, &value) == 0)
			printf("%d\n", value);
		else
			printf("%s\n", procs_text(&result));
	procs_close(stream);
	return more;
}

int main(void)
{
	struct procs_spec specs[] = { procs_proc(f, 2, 7), procs_proc(f, .x = -3, .y = 8) };
	int xs[] = { 12, 75, -2, 9 }, ys[] = { 5, -6, 0, 23 };

	printf("%s\n", procs_version());
	if (show(procs_call(specs, 2, NULL)) < 0)
		return 1;
	return show(procs_pmap(f, 4, NULL, xs, ys)) < 0;
}
