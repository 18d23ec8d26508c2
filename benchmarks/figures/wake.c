/*
 * wake - from the end of a task to its value in the hands of a caller who sleeps,
 * against a bare futex: one process wakes another.
 */
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <procs/procs.h>

#include "figure.h"

enum {
	WAKES = 30,
	REST_US = 3000
};

static PROCS_DEFINE1(uint64_t, rest, int, x)
{
	(void)x;
	usleep(REST_US);
	return figure_now();
}

static double by_procs(void *unused)
{
	static int xs[WAKES];
	struct procs_stream *stream = procs_pmap(rest, WAKES, PROCS_OPTIONS(.workers = 1), xs);
	struct procs_result result;
	double spans[WAKES];
	uint64_t ended;

	(void)unused;
	for (int i = 0; i < WAKES; i++) {
		if (procs_next(stream, &result) != 1 || procs_value(&result, &ended) != 0)
			return -1;
		spans[i] = (double)(figure_now() - ended);
	}
	procs_close(stream);
	return figure_median(spans, WAKES);
}

static double by_futex(void *unused)
{
	struct {
		_Atomic uint32_t bell;
		_Atomic uint64_t ended;
	} *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	double spans[WAKES];
	pid_t child;

	(void)unused;
	if (shared == MAP_FAILED)
		return -1;
	child = fork();
	if (child == 0) {
		for (int i = 0; i < WAKES; i++) {
			usleep(REST_US);
			atomic_store(&shared->ended, figure_now());
			atomic_fetch_add(&shared->bell, 1);
			syscall(SYS_futex, &shared->bell, FUTEX_WAKE, 1, NULL, NULL, 0);
		}
		_exit(0);
	}
	for (uint32_t i = 0; i < WAKES; i++) {
		while (atomic_load(&shared->bell) == i)
			syscall(SYS_futex, &shared->bell, FUTEX_WAIT, i, NULL, NULL, 0);
		spans[i] = (double)(figure_now() - atomic_load(&shared->ended));
	}
	waitpid(child, NULL, 0);
	munmap(shared, 4096);
	return figure_median(spans, WAKES);
}

int main(void)
{
	const struct figure figure = {
		.name = "wake", .aim = 1 / 1.5, .ours = by_procs, .reference = by_futex
	};

	return (int)figure_run(&figure);
}
