/* The least a program with procs does: it maps two items and ends. */
#include <procs/procs.h>

static PROCS_DEFINE1(int, twice, int, x)
{
	return 2 * x;
}

int main(void)
{
	int xs[] = { 20, 1 }, value, sum = 0;
	struct procs_stream *stream = procs_pmap(twice, 2, NULL, xs);
	struct procs_result result;

	while (procs_next(stream, &result) > 0)
		if (procs_value(&result, &value) == 0)
			sum += value;
	procs_close(stream);
	return sum == 42 ? 0 : 9;
}
