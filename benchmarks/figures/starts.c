/*
 * starts - what the ways to make workers cost:
 *
 *	forkserver_2GB   a process for each call, made by a forkserver, from a parent with 2 GB
 *	                 of touched memory against a small one: the same rate, nearly
 *	forkserver_fork  the same against plain fork() from that parent
 *	spawn_start      a worker binary that is executed, from the moment it is asked for to the
 *	                 first instruction of its task, against posix_spawn of a program linked with
 *	                 the same libraries, this one, that only exits, until that is known; both
 *	                 after a rest, so that no process is still on its way out beside it
 *	spawn_call       for comparison, without an aim: from one call to the next, without rest
 *	spawn_array      a pool of executed workers against one of forked ones: exp and sin over
 *	                 an array,
 *	spawn_stream     and short items through a stream
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "figure.h"

enum {
	CALLS = 200,
	FORKS = 2,
	SPAWNS = 40,
	N_ARRAY = 4000000,
	N_STREAM = 2000000
};

#define BIG (UINT64_C(2) << 30)

PROCS_DEFINE2(long, work, long, x, long, y)
{
	return 5 * x + 3 * y;
}

PROCS_PURE1(double, wave, double, x)
{
	return exp(-x) * sin(x);
}

/* ns for each of n calls. */
static double call_all(enum procs_start start, uint32_t workers, int n)
{
	static struct procs_spec specs[CALLS];
	const uint64_t begun = figure_now();
	struct procs_stream *stream;
	struct procs_result result;
	long value;

	for (long i = 0; i < n; i++)
		specs[i] = procs_proc(work, i, i);
	stream = procs_call(specs, (size_t)n, PROCS_OPTIONS(.workers = workers, .start = start));
	for (long i = 0; i < n; i++)
		if (procs_next(stream, &result) != 1 || procs_value(&result, &value) != 0 ||
		    value != 8 * i)
			return -1;
	procs_close(stream);
	return (double)(figure_now() - begun) / n;
}

static double fork_all(void)
{
	const uint64_t begun = figure_now();
	int status;

	for (int i = 0; i < FORKS; i++) {
		const pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (waitpid(pid, &status, 0) != pid)
			return -1;
	}
	return (double)(figure_now() - begun) / FORKS;
}

/* A process that measures when it is told to. */
struct meter {
	pid_t pid;
	int ask, answer;
};

static void meter_live(uint64_t size, int ask, int answer)
{
	double ns;
	char what;

	if (procs_forkserver_start(NULL) != 0)
		_exit(1);
	if (size > 0) {
		unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			_exit(1);
		madvise(memory, size, MADV_NOHUGEPAGE);
		memset(memory, 1, size);
	}
	while (read(ask, &what, 1) == 1) {
		ns = what == 'f' ? fork_all() : call_all(PROCS_START_FORKSERVER, 2, CALLS);
		if (write(answer, &ns, sizeof(ns)) != sizeof(ns))
			break;
	}
	procs_forkserver_stop();
	_exit(0);
}

static struct meter meter_open(uint64_t size)
{
	int ask[2], answer[2];
	struct meter meter;

	if (pipe(ask) != 0 || pipe(answer) != 0)
		abort();
	meter = (struct meter){ fork(), ask[1], answer[0] };
	if (meter.pid == 0) {
		close(ask[1]);
		close(answer[0]);
		meter_live(size, ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	return meter;
}

static void meter_close(struct meter *meter)
{
	close(meter->ask);
	close(meter->answer);
	waitpid(meter->pid, NULL, 0);
}

static double meter_ask(const struct meter *meter, char what)
{
	double ns;

	if (write(meter->ask, &what, 1) != 1 || read(meter->answer, &ns, sizeof(ns)) != sizeof(ns))
		return -1;
	return ns;
}

static double big_forkserver(void *meters)
{
	return meter_ask((const struct meter *)meters + 1, 's');
}

static double small_forkserver(void *meters)
{
	return meter_ask((const struct meter *)meters, 's');
}

static double big_fork(void *meters)
{
	return meter_ask((const struct meter *)meters + 1, 'f');
}

/* Longer than a process takes to be gone. */
static void rest(void)
{
	const struct timespec span = { .tv_nsec = 2000000 };

	nanosleep(&span, NULL);
}

PROCS_DEFINE0(uint64_t, moment)
{
	return figure_now();
}

/* Asked for one when the last has ended: notes when. */
static int ask_moment(void *asked, struct procs_spec *spec)
{
	uint64_t *next = asked;

	if (*next == SPAWNS)
		return 0;
	*spec = procs_proc(moment);
	rest();
	next[1 + (*next)++] = figure_now();
	return 1;
}

static double spawn_ours(void *unused)
{
	static uint64_t asked[1 + SPAWNS];
	struct procs_stream *stream;
	struct procs_result result;
	double sum = 0;
	uint64_t begun;

	(void)unused;
	asked[0] = 0;
	stream = procs_call_from(ask_moment, asked,
				 PROCS_OPTIONS(.workers = 1, .start = PROCS_START_SPAWN));
	for (int i = 0; i < SPAWNS; i++) {
		if (procs_next(stream, &result) != 1 || procs_value(&result, &begun) != 0)
			return -1;
		sum += (double)(begun - asked[1 + i]);
	}
	procs_close(stream);
	return sum / SPAWNS;
}

static double spawn_calls(void *unused)
{
	(void)unused;
	return call_all(PROCS_START_SPAWN, 1, SPAWNS);
}

static double spawn_bare(void *rests)
{
	static char self[] = "/proc/self/exe", leave[] = "--leave";
	char *const arguments[] = { self, leave, NULL };
	double sum = 0;
	uint64_t begun;
	int status;
	pid_t pid;

	for (int i = 0; i < SPAWNS; i++) {
		if (rests != NULL)
			rest();
		begun = figure_now();
		if (posix_spawn(&pid, self, NULL, NULL, arguments, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || status != 0)
			return -1;
		sum += (double)(figure_now() - begun);
	}
	return sum / SPAWNS;
}

struct pools {
	struct procs_pool *forked, *spawned;
	double *in, *out;
};

static double array_on(struct procs_pool *pool, const struct pools *pools)
{
	const uint64_t begun = figure_now();

	if (procs_pmap_into(wave, N_ARRAY, pools->out, PROCS_OPTIONS(.pool = pool), pools->in) != 0)
		return -1;
	return (double)(figure_now() - begun) / N_ARRAY;
}

static double stream_on(struct procs_pool *pool, const struct pools *pools)
{
	const uint64_t begun = figure_now();
	struct procs_stream *stream =
		procs_pmap(wave, N_STREAM, PROCS_OPTIONS(.pool = pool), pools->in);
	struct procs_result result;
	long n = 0;

	while (procs_next(stream, &result) == 1)
		n++;
	procs_close(stream);
	return n == N_STREAM ? (double)(figure_now() - begun) / N_STREAM : -1;
}

static double array_spawned(void *pools)
{
	return array_on(((struct pools *)pools)->spawned, pools);
}

static double array_forked(void *pools)
{
	return array_on(((struct pools *)pools)->forked, pools);
}

static double stream_spawned(void *pools)
{
	return stream_on(((struct pools *)pools)->spawned, pools);
}

static double stream_forked(void *pools)
{
	return stream_on(((struct pools *)pools)->forked, pools);
}

static enum figure_status run_pools(void)
{
	struct pools pools = {
		.in = procs_array(double, N_ARRAY),
		.out = procs_array(double, N_ARRAY),
	};
	enum figure_status status;

	pools.forked = procs_pool_open(PROCS_OPTIONS(.workers = 2));
	pools.spawned = procs_pool_open(PROCS_OPTIONS(.workers = 2, .start = PROCS_START_SPAWN));
	if (pools.in == NULL || pools.out == NULL || pools.forked == NULL || pools.spawned == NULL)
		return FIGURE_ERROR;
	for (int i = 0; i < N_ARRAY; i++)
		pools.in[i] = i % 1000 / 100.0;
	status = figure_run(
		&(struct figure){ "spawn_array", 0.97, 31, array_spawned, array_forked, &pools });
	status = figure_both(status,
			     figure_run(&(struct figure){ "spawn_stream", 0.97, 31, stream_spawned,
							  stream_forked, &pools }));
	procs_pool_close(pools.spawned);
	procs_pool_close(pools.forked);
	procs_array_free(pools.in);
	procs_array_free(pools.out);
	return status;
}

int main(int argc, char **argv)
{
	struct meter meters[2];
	enum figure_status status;

	/* As early as a program can, with all its libraries. */
	if (argc == 2 && strcmp(argv[1], "--leave") == 0)
		return 0;
	procs_worker_hook(argc, argv);
	meters[0] = meter_open(0);
	meters[1] = meter_open(BIG);
	status = figure_run(&(struct figure){ "forkserver_2GB", 0.7, 31, big_forkserver,
					      small_forkserver, meters });
	status = figure_both(status,
			     figure_run(&(struct figure){ "forkserver_fork", 100, 11,
							  big_forkserver, big_fork, meters }));
	/* The second has a copy of the first one's pipe. */
	meter_close(&meters[1]);
	meter_close(&meters[0]);
	status =
		figure_both(status, figure_run(&(struct figure){ "spawn_start", 1 / 1.15, 31,
								 spawn_ours, spawn_bare, meters }));
	(void)figure_run(&(struct figure){ "spawn_call", 0, 11, spawn_calls, spawn_bare, NULL });
	return (int)figure_both(status, run_pools());
}
