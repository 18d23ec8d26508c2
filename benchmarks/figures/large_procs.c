#include <errno.h>

#include <procs/procs.h>

#include "figure.h"
#include "large.h"

static int produce(struct procs_task *task)
{
	unsigned char *bytes = procs_reserve(task, LARGE_BYTES);

	if (bytes == NULL)
		return errno;
	large_fill(bytes, procs_index());
	return procs_commit(task, LARGE_BYTES);
}

static PROCS_TASK(produce, produce);

double large_by_procs(struct procs_pool *pool)
{
	const uint64_t begun = figure_now();
	struct procs_stream *stream = procs_pmap_sequences(
		procs_function_of(produce), LARGE_RESULTS, PROCS_OPTIONS(.pool = pool), NULL, 0);
	struct procs_result result;
	uint64_t right = 0;

	while (procs_next(stream, &result) == 1)
		right += result.failed == NULL &&
			 large_right(procs_view(&result, NULL), result.index);
	procs_close(stream);
	return right == LARGE_RESULTS ? (double)(figure_now() - begun) : -1;
}
