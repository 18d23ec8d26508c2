/*
 * calls - what a process for each call costs, with two in flight, against two
 * programs that do no more than they must:
 *
 *	calls_pipe   fork(), the result through a pipe, waitpid(): what everybody
 *	             writes. It resets nothing, protects nothing, notices nothing.
 *	calls_raw    clone3, the result in a shared slot, a futex; and the steps
 *	             that a worker of ours takes when it enters and leaves.
 *
 * And for comparison, without an aim: what fork() and a pipe cost against a
 * clone that ends at once, without a result, which is the least that a process
 * for each call can cost on this machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <procs/procs.h>

#include "figure.h"

enum {
	CALLS = 500,
	IN_FLIGHT = 2
};

static PROCS_DEFINE2(long, work, long, x, long, y)
{
	return 5 * x + 3 * y;
}

static double by_procs(void *unused)
{
	static struct procs_spec specs[CALLS];
	const uint64_t begun = figure_now();
	struct procs_stream *stream;
	struct procs_result result;
	long value;

	(void)unused;
	for (long i = 0; i < CALLS; i++)
		specs[i] = procs_proc(work, i, i);
	stream = procs_call(specs, CALLS, PROCS_OPTIONS(.workers = IN_FLIGHT));
	for (long i = 0; i < CALLS; i++)
		if (procs_next(stream, &result) != 1 || procs_value(&result, &value) != 0 ||
		    value != 8 * i)
			return -1;
	procs_close(stream);
	return (double)(figure_now() - begun) / CALLS;
}

/* --- fork and a pipe --- */

struct piped {
	pid_t pid;
	int end;
};

static struct piped start_piped(long i)
{
	struct piped child = { -1, -1 };
	int ends[2];
	long value;

	if (pipe(ends) != 0)
		return child;
	child.pid = fork();
	if (child.pid == 0) {
		value = work(i, i);
		_exit(write(ends[1], &value, sizeof(value)) != sizeof(value));
	}
	close(ends[1]);
	child.end = ends[0];
	return child;
}

static int finish_piped(struct piped child, long i)
{
	long value = 0;
	int status = 1;

	if (read(child.end, &value, sizeof(value)) != sizeof(value))
		value = -1;
	close(child.end);
	waitpid(child.pid, &status, 0);
	return status == 0 && value == 8 * i;
}

static double by_pipe(void *unused)
{
	const uint64_t begun = figure_now();
	struct piped child[IN_FLIGHT];

	(void)unused;
	for (long i = 0; i < IN_FLIGHT; i++)
		child[i] = start_piped(i);
	for (long i = 0; i < CALLS; i++) {
		if (!finish_piped(child[i % IN_FLIGHT], i))
			return -1;
		if (i + IN_FLIGHT < CALLS)
			child[i % IN_FLIGHT] = start_piped(i + IN_FLIGHT);
	}
	return (double)(figure_now() - begun) / CALLS;
}

/* --- a process, and nothing else --- */

static double by_nothing(void *unused)
{
	const uint64_t begun = figure_now();
	pid_t pids[IN_FLIGHT] = { 0 };

	(void)unused;
	for (long i = 0; i < CALLS + IN_FLIGHT; i++) {
		struct clone_args arguments = { 0 };
		pid_t *pid = &pids[i % IN_FLIGHT];

		if (*pid != 0 && waitpid(*pid, NULL, __WALL) != *pid)
			return -1;
		*pid = i < CALLS ? (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments)) : 0;
		if (*pid == 0 && i < CALLS)
			_exit(0);
		if (*pid < 0)
			return -1;
	}
	return (double)(figure_now() - begun) / CALLS;
}

static void compare_least(void)
{
	enum {
		ROUNDS = 9
	};

	double ratios[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		ratios[i] = by_pipe(NULL) / by_nothing(NULL);
	printf("  a process that ends at once is %.2f times as fast as fork and a pipe (n=%d)\n",
	       figure_median(ratios, ROUNDS), ROUNDS);
}

/* --- clone3, a slot, a futex --- */

enum {
	SLOTS = 8,
	SLOT_BYTES = 1 << 20,
	INPUT_BYTES = 4096
};

struct slot {
	_Atomic uint32_t word;
	uint32_t pad[7];
	uint64_t node[4];
	long value;
};

static unsigned char *arena; /* a page with the bell, then the slots */
static _Atomic uint32_t *bell;
static int lifeline[2], ends[SLOTS];

static struct {
	void *next;
	long offset;
	void *pending;
} head;

static unsigned char stack_memory[65536];

static struct slot *slot_of(int i)
{
	return (struct slot *)(void *)(arena + 4096 + (size_t)i * SLOT_BYTES);
}

static void on_crash(int number)
{
	signal(number, SIG_DFL);
}

static void on_leaving(int status, void *unused)
{
	(void)unused;
	_exit(status);
}

static void enter(int number, const sigset_t *mask)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
	struct slot *slot = slot_of(number);
	unsigned char *at = (unsigned char *)slot;
	const stack_t stack = { .ss_sp = stack_memory, .ss_size = sizeof(stack_memory) };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK }, before;
	stack_t hosts;
	char byte;

	fcntl(ends[number], F_SETOWN, getpid());
	(void)!read(ends[number], &byte, 1);
	__fpurge(stdout);
	__fpurge(stderr);
	close(lifeline[0]);
	close(lifeline[1]);
	if (number > 0)
		munmap(slot_of(0), (size_t)number * SLOT_BYTES);
	if (number < SLOTS - 1)
		munmap(slot_of(number + 1), (size_t)(SLOTS - 1 - number) * SLOT_BYTES);
	madvise(at, 4096, MADV_DONTFORK);
	madvise(at + 4096 + INPUT_BYTES, SLOT_BYTES - 4096 - INPUT_BYTES, MADV_DONTFORK);
	sigaltstack(NULL, &hosts);
	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, &before);
	head.next = slot->node;
	head.offset = -32;
	atomic_store(&slot->word, (uint32_t)syscall(SYS_gettid) | FUTEX_WAITERS);
	syscall(SYS_set_robust_list, &head, sizeof(head));
	on_exit(on_leaving, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

static pid_t start_raw(int number, long i, int *pidfd)
{
	int *tid = NULL;
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID |
			 0x100000000ULL /* CLONE_CLEAR_SIGHAND */,
		.pidfd = (uintptr_t)pidfd,
	};
	sigset_t all, mask;
	pid_t pid;

	prctl(PR_GET_TID_ADDRESS, &tid, 0, 0, 0);
	arguments.child_tid = (uintptr_t)tid;
	slot_of(number)->value = -1;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		enter(number, &mask);
		slot_of(number)->value = work(i, i);
		fflush(stdout);
		fflush(stderr);
		atomic_fetch_add(bell, 1);
		syscall(SYS_futex, bell, FUTEX_WAKE, 1, NULL, NULL, 0);
		_exit(0);
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return pid;
}

static void collect(pid_t *pid, int pidfd)
{
	siginfo_t info = { 0 };

	if (*pid == 0)
		return;
	waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED | __WALL);
	close(pidfd);
	*pid = 0;
}

static int prepare_raw(void)
{
	char path[64];

	arena = mmap(NULL, 4096 + (size_t)SLOTS * SLOT_BYTES, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED || pipe2(lifeline, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	bell = (_Atomic uint32_t *)(void *)arena;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", lifeline[0]);
	for (int i = 0; i < SLOTS; i++) {
		ends[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		fcntl(ends[i], F_SETSIG, SIGKILL);
		fcntl(ends[i], F_SETFL, O_RDONLY | O_NONBLOCK | O_ASYNC);
	}
	return 0;
}

static void finish_raw(void)
{
	munmap(arena, 4096 + (size_t)SLOTS * SLOT_BYTES);
	close(lifeline[0]);
	close(lifeline[1]);
	for (int i = 0; i < SLOTS; i++)
		close(ends[i]);
}

static double by_raw(void *unused)
{
	const uint64_t begun = figure_now();
	pid_t pids[SLOTS] = { 0 };
	int pidfds[SLOTS];
	long started = 0;

	(void)unused;
	if (prepare_raw() != 0)
		return -1;
	for (long i = 0; i < CALLS; i++) {
		while (started < CALLS && started < i + IN_FLIGHT) {
			const int number = (int)(started % SLOTS);

			/* Its process has long been gone. */
			collect(&pids[number], pidfds[number]);
			pids[number] = start_raw(number, started++, &pidfds[number]);
			if (pids[number] < 0)
				return -1;
		}
		for (;;) {
			const uint32_t seen = atomic_load(bell);

			if (*(volatile long *)&slot_of((int)(i % SLOTS))->value == 8 * i)
				break;
			syscall(SYS_futex, bell, FUTEX_WAIT, seen, NULL, NULL, 0);
		}
	}
	for (int i = 0; i < SLOTS; i++)
		collect(&pids[i], pidfds[i]);
	finish_raw();
	return (double)(figure_now() - begun) / CALLS;
}

int main(void)
{
	const struct figure pipe_figure = {
		.name = "calls_pipe", .aim = 1.3, .ours = by_procs, .reference = by_pipe
	};
	const struct figure raw_figure = {
		.name = "calls_raw", .aim = 0.85, .ours = by_procs, .reference = by_raw
	};
	const enum figure_status status = figure_run(&pipe_figure);

	compare_least();
	return figure_both(status, figure_run(&raw_figure));
}
