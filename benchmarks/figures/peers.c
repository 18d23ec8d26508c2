/*
 * peers - what others reach who isolate by processes, in programs of their own that
 * print how many ns it took:
 *
 *	stream_python   10^6 of 5x + 3y taken item by item, against the best that Python's
 *	                multiprocessing does with them (python_pool.py)
 *	results_mpi     1,000 results of 1 MiB, produced in place by one worker and read by
 *	                the parent, against Open MPI between two ranks (mpi_rank)
 *
 * usage: figure_peers PYTHON_SCRIPT [RANK_PROGRAM]
 */
#include <stdio.h>
#include <stdlib.h>

#include <procs/procs.h>

#include "figure.h"
#include "large.h"

enum {
	WORKERS = 2,
	ITEMS = 1000000
};

static struct procs_pool *one, *two;
static int *xs, *ys;

static PROCS_PURE2(int, sum, int, x, int, y)
{
	return 5 * x + 3 * y;
}

static double stream_by_procs(void *unused)
{
	const uint64_t begun = figure_now();
	struct procs_stream *stream = procs_pmap(sum, ITEMS, PROCS_OPTIONS(.pool = two), xs, ys);
	struct procs_result result;
	int value, right = 0;

	(void)unused;
	while (procs_next(stream, &result) == 1)
		right += procs_value(&result, &value) == 0 && value == (int)(2 * result.index);
	procs_close(stream);
	return right == ITEMS ? (double)(figure_now() - begun) : -1;
}

static double results_by_procs(void *unused)
{
	(void)unused;
	return large_by_procs(one);
}

/* What the command prints, a number of ns. */
static double by_command(void *command)
{
	FILE *peer = popen(command, "r");
	double span = -1;

	if (peer == NULL)
		return -1;
	if (fscanf(peer, "%lf", &span) != 1)
		span = -1;
	return pclose(peer) == 0 ? span : -1;
}

static enum figure_status against(const char *name, double aim, double (*ours)(void *),
				  const char *runner, const char *program)
{
	char command[4096];
	const struct figure figure = { .name = name,
				       .aim = aim,
				       .rounds = 9,
				       .ours = ours,
				       .reference = by_command,
				       .argument = command };

	if ((size_t)snprintf(command, sizeof(command), "%s '%s'", runner, program) >=
	    sizeof(command))
		return FIGURE_ERROR;
	return figure_run(&figure);
}

int main(int argc, char *argv[])
{
	enum figure_status status;

	if (argc != 2 && argc != 3) {
		fputs("usage: figure_peers PYTHON_SCRIPT [RANK_PROGRAM]\n", stderr);
		return FIGURE_ERROR;
	}
	/* Root may be all there is, as in a container. */
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	large_prepare();
	one = procs_pool_open(PROCS_OPTIONS(.workers = 1));
	two = procs_pool_open(PROCS_OPTIONS(.workers = WORKERS));
	xs = procs_array(int, ITEMS);
	ys = procs_array(int, ITEMS);
	if (one == NULL || two == NULL || xs == NULL || ys == NULL)
		return FIGURE_ERROR;
	for (int i = 0; i < ITEMS; i++) {
		xs[i] = i;
		ys[i] = -i;
	}
	status = against("stream_python", 5, stream_by_procs, "python3", argv[1]);
	if (argc == 3)
		status = figure_both(status, against("results_mpi", 2.5, results_by_procs,
						     "mpirun --oversubscribe -n 2", argv[2]));
	procs_array_free(xs);
	procs_array_free(ys);
	procs_pool_close(one);
	procs_pool_close(two);
	return (int)status;
}
