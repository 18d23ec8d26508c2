/*
 * death - from SIGKILL of a worker to its Failed in the caller's hands, with 2 MB
 * and with 1 GB of memory in the worker, against a bare robust futex: a child
 * that registers a word, a parent that sleeps on it.
 */
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <procs/procs.h>

#include "figure.h"

struct shared {
	_Atomic uint32_t word; /* of the bare child, as glibc's mutexes have it: 32 bytes before */
	uint32_t pad[7];
	uint64_t node[4]; /* its list node */
	_Atomic int victim;
	_Atomic uint64_t killed_at;
};

static struct shared *shared;

static void grow_and_wait(size_t bytes)
{
	char *memory = malloc(bytes);

	for (size_t at = 0; memory != NULL && at < bytes; at += 4096)
		memory[at] = 1;
	atomic_store(&shared->victim, getpid());
	for (;;)
		pause();
}

static PROCS_DEFINE1(int, grow, size_t, bytes)
{
	grow_and_wait(bytes);
	return 0;
}

/* A process that kills the victim a while after it is ready. */
static pid_t start_killer(void)
{
	pid_t killer;

	atomic_store(&shared->victim, 0);
	killer = fork();
	if (killer != 0)
		return killer;
	while (atomic_load(&shared->victim) == 0)
		usleep(200);
	usleep(3000);
	atomic_store(&shared->killed_at, figure_now());
	kill(atomic_load(&shared->victim), SIGKILL);
	_exit(0);
}

static double by_procs(void *bytes)
{
	struct procs_spec spec = procs_proc(grow, *(size_t *)bytes);
	const pid_t killer = start_killer();
	struct procs_stream *stream = procs_call(&spec, 1, PROCS_OPTIONS(.traceback_fd = -1));
	struct procs_result result;
	double span = -1;

	if (procs_next(stream, &result) == 1 && result.failed != NULL &&
	    result.failed->cause == PROCS_CAUSE_SIGNAL)
		span = (double)(figure_now() - atomic_load(&shared->killed_at));
	procs_close(stream);
	waitpid(killer, NULL, 0);
	return span;
}

static void register_and_grow(size_t bytes)
{
	static struct {
		void *next;
		long offset;
		void *pending;
	} head;

	head.next = shared->node;
	head.offset = -32;
	shared->node[0] = (uintptr_t)&head;
	syscall(SYS_set_robust_list, &head, sizeof(head));
	atomic_store(&shared->word, (uint32_t)syscall(SYS_gettid) | FUTEX_WAITERS);
	grow_and_wait(bytes);
}

static double by_futex(void *bytes)
{
	const pid_t killer = start_killer();
	uint32_t word;
	double span;
	pid_t child;

	atomic_store(&shared->word, 0);
	child = fork();
	if (child == 0)
		register_and_grow(*(size_t *)bytes);
	while ((word = atomic_load(&shared->word)) == 0)
		usleep(100);
	while (!(atomic_load(&shared->word) & FUTEX_OWNER_DIED))
		syscall(SYS_futex, &shared->word, FUTEX_WAIT, word, NULL, NULL, 0);
	span = (double)(figure_now() - atomic_load(&shared->killed_at));
	waitpid(child, NULL, 0);
	waitpid(killer, NULL, 0);
	return span;
}

int main(void)
{
	static size_t sizes[] = { (size_t)2 << 20, (size_t)1 << 30 };
	struct figure small = { "death_2MB", 0.5, 31, by_procs, by_futex, &sizes[0] };
	struct figure large = { "death_1GB", 0.5, 9, by_procs, by_futex, &sizes[1] };
	enum figure_status status;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return FIGURE_ERROR;
	status = figure_run(&small);
	return figure_both(status, figure_run(&large));
}
