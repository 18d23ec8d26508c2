/*
 * A task that crashes says where, whatever it was doing; the text is written in
 * one piece to where the caller wants it, a few times, and stands in the Failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum crash {
	NULL_POINTER,
	OWN_TEXT,
	BEYOND_A_FILE,
	DIVISION,
	ILLEGAL,
	ABORTED,
	RAISED_SYS,
	BREAKPOINT,
	CALLED_NULL,
	IN_A_LIBRARY_CALL,
	IN_A_THREAD,
	ON_A_DEEP_STACK,
	OUT_OF_STACK,
	N_CRASHES
};

#define NOINLINE __attribute__((noinline))

/* Static functions have names only in tables that libdw reads. */
#ifdef PX_LIBDW
# define HAS_NAMES true
#else
# define HAS_NAMES false
#endif

static volatile int zero;

NOINLINE static int go_down(int depth)
{
	volatile char frame[256];

	frame[0] = (char)depth;
	if (depth == 0)
		*(volatile int *)(uintptr_t)(zero + 16) = 1;
	return depth == 0 ? 0 : go_down(depth - 1) + frame[0];
}

NOINLINE static int go_down_for_ever(int depth)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	return zero == 0 ? go_down_for_ever(depth + 1) + frame[0] : 0;
}

NOINLINE static void *thread_that_crashes(void *unused)
{
	go_down(0);
	return unused;
}

NOINLINE static void read_behind_a_file(void)
{
	FILE *file = tmpfile();
	volatile char *bytes = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);

	(void)bytes[0];
}

/* What it does is meant: it must reach the processor also under UBSan. */
__attribute__((no_sanitize("undefined"))) NOINLINE static int crash_here(int how)
{
	void (*volatile nothing)(void) = NULL;
	pthread_t thread;

	switch (how) {
	case NULL_POINTER:
		return go_down(0);
	case OWN_TEXT:
		*(volatile char *)(uintptr_t)crash_here = 1;
		break;
	case BEYOND_A_FILE:
		read_behind_a_file();
		break;
	case DIVISION:
		return 7 / zero;
	case ILLEGAL:
		__builtin_trap();
	case ABORTED:
		abort();
	case RAISED_SYS:
		raise(SIGSYS);
		break;
	case BREAKPOINT:
		raise(SIGTRAP);
		break;
	case CALLED_NULL:
		nothing();
		break;
	case IN_A_LIBRARY_CALL:
		procs_fail(1, "%s", (const char *)(uintptr_t)(zero + 8));
		break;
	case IN_A_THREAD:
		pthread_create(&thread, NULL, thread_that_crashes, NULL);
		pthread_join(thread, NULL);
		break;
	case ON_A_DEEP_STACK:
		return go_down(5000);
	case OUT_OF_STACK:
		return go_down_for_ever(0);
	default:
		break;
	}
	return how + zero;
}

static PROCS_DEFINE1(int, crash, int, how)
{
	const int value = crash_here(how);

	return value + zero;
}

static const struct {
	int signal;
	const char *words[3]; /* in the traceback */
} expected[N_CRASHES] = {
	[NULL_POINTER] = { SIGSEGV,
			   { "nothing is mapped there, address 0x10", "at go_down", "at crash " } },
	[OWN_TEXT] = { SIGSEGV, { "access is not permitted", "at crash_here", "at crash " } },
	[BEYOND_A_FILE] = { SIGBUS,
			    { "behind the end of a file", "at read_behind_a_file", "at crash " } },
	[DIVISION] = { SIGFPE, { "integer division by zero", "at crash_here", "at crash " } },
	[ILLEGAL] = { SIGILL, { "illegal", "at crash_here", NULL } },
	[ABORTED] = { SIGABRT, { "raised by the program", "at crash_here", "abort" } },
	[RAISED_SYS] = { SIGSYS, { "raised by the program", "at crash_here", "at crash " } },
	[BREAKPOINT] = { SIGTRAP, { "raised by the program", "at crash_here", "at crash " } },
	[CALLED_NULL] = { SIGSEGV, { "address 0x0", "at 0x0", "at crash_here" } },
	[IN_A_LIBRARY_CALL] = { SIGSEGV, { "address 0x8", "procs_fail", "at crash_here" } },
	[IN_A_THREAD] = { SIGSEGV, { "address 0x10", "at go_down", "at thread_that_crashes" } },
	[ON_A_DEEP_STACK] = { SIGSEGV, { "address 0x10", "at go_down", "more of the same" } },
	[OUT_OF_STACK] = { SIGSEGV,
			   { "stack overflow", "at go_down_for_ever", "more of the same" } },
};

static int without_a_core(void **state)
{
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	return pxt_before(state);
}

static void each_crash_says_where(void **state)
{
	const int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int hows[N_CRASHES];
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	for (int i = 0; i < N_CRASHES; i++)
		hows[i] = i;
	stream = procs_pmap(crash, N_CRASHES, PROCS_OPTIONS(.traceback_fd = sink), hows);
	for (int i = 0; i < N_CRASHES; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
		pxt_equal(result.failed->code, expected[i].signal);
		for (int k = 0; k < 3; k++)
			if (expected[i].words[k] != NULL && (k == 0 || HAS_NAMES) &&
			    strstr(result.failed->traceback, expected[i].words[k]) == NULL)
				pxt_failed(__FILE__, __LINE__, "crash %d: no \"%s\" in\n%s", i,
					   expected[i].words[k], result.failed->traceback);
		/* Nothing of ours below the task. */
		pxt_check(strstr(result.failed->traceback, "px_runner") == NULL);
		pxt_check(strstr(result.failed->traceback, "px_worker") == NULL);
		pxt_check((strstr(result.failed->message, "stack overflow") != NULL) ==
			  (i == OUT_OF_STACK));
#ifdef PX_LIBDW
		pxt_check(strstr(result.failed->traceback, "test_crashes.c:") != NULL);
#endif
	}
	procs_close(stream);
	close(sink);
}

static const int refuse_line = __LINE__ + 5; /* of its first procs_fail */

static PROCS_DEFINE1(int, refuse, int, x)
{
	if (x >= 0)
		return procs_fail(EDOM, "x is %d", x);
	procs_fail_data(EDOM, &x, sizeof(x), "x is %d", x);
	return 0;
}

/* All that a stream of n failures writes to its descriptor. */
static char *written_by(int n, int fd_of_stream, int *pipe_ends, char *buffer, size_t room)
{
	int xs[40];
	struct procs_stream *stream;
	struct procs_result result;
	ssize_t got;

	for (int i = 0; i < n; i++)
		xs[i] = i;
	stream = procs_pmap(refuse, (size_t)n, PROCS_OPTIONS(.traceback_fd = fd_of_stream), xs);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		if (fd_of_stream < 0)
			pxt_text(result.failed->traceback, "");
		else
			pxt_check(strstr(result.failed->traceback, "  at refuse (") != NULL);
	}
	procs_close(stream);
	got = read(pipe_ends[0], buffer, room - 1);
	buffer[got > 0 ? got : 0] = '\0';
	return buffer;
}

static int count_of(const char *text, const char *word)
{
	int n = 0;

	for (text = strstr(text, word); text != NULL; text = strstr(text + 1, word))
		n++;
	return n;
}

static void a_few_are_written_then_counted(void **state)
{
	char text[16384], line[64];
	int ends[2];

	(void)state;
	pxt_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	written_by(3, ends[1], ends, text, sizeof(text));
	pxt_equal(count_of(text, "procs: item "), 3);
	pxt_equal(count_of(text, "Failed(EDOM: x is "), 3);
	pxt_equal(count_of(text, "not shown"), 0);
	/* The line of procs_fail, not of the task. */
	snprintf(line, sizeof(line), "test_crashes.c:%d)\n", refuse_line);
	pxt_equal(count_of(text, line), 3);
	written_by(40, ends[1], ends, text, sizeof(text));
	pxt_equal(count_of(text, "procs: item "), 10);
	pxt_equal(count_of(text, "procs: 30 more tracebacks of this stream are not shown\n"), 1);
	written_by(40, -1, ends, text, sizeof(text));
	pxt_text(text, "");
	/* A reader that has gone is no signal for the host. */
	close(ends[0]);
	ends[0] = -1;
	written_by(20, ends[1], ends, text, sizeof(text));
	close(ends[1]);
}

/* Neither a pipe that nobody empties nor a file that may not grow holds up or
 * ends the host. */
static void write_where_it_cannot(void *unused)
{
	const struct rlimit none = { 0, 0 };
	struct procs_spec spec = procs_proc(refuse, 1);
	struct procs_stream *stream;
	struct procs_result result;
	char block[65536] = { 0 };
	int ends[2], file;

	(void)unused;
	pxt_equal(pipe(ends), 0);
	pxt_equal(write(ends[1], block, sizeof(block)), sizeof(block));
	stream = procs_call(&spec, 1, PROCS_OPTIONS(.traceback_fd = ends[1]));
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(strstr(result.failed->traceback, "at refuse") != NULL);
	procs_close(stream);
	file = fileno(tmpfile());
	setrlimit(RLIMIT_FSIZE, &none);
	stream = procs_call(&spec, 1, PROCS_OPTIONS(.traceback_fd = file));
	pxt_equal(procs_next(stream, &result), 1);
	procs_close(stream);
}

static void a_full_pipe_or_file_is_no_harm(void **state)
{
	(void)state;
	pxt_isolated(write_where_it_cannot, NULL);
}

/* A signal that looks like a fault, but after which the program would go on. */
static PROCS_DEFINE1(int, fault_once, int, x)
{
	siginfo_t info = { .si_signo = SIGSEGV, .si_code = SEGV_MAPERR };

	if (x == 0)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), SIGSEGV,
			&info);
	return x;
}

static void a_fault_that_does_not_repeat_is_a_crash_too(void **state)
{
	int xs[] = { 0, 1, 2 };
	struct procs_stream *stream =
		procs_pmap(fault_once, 3, PROCS_OPTIONS(.workers = 1, .traceback_fd = -1), xs);
	struct procs_result result;

	(void)state;
	for (int i = 0; i < 3; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.failed != NULL, i == 0);
	}
	procs_close(stream);
}

static volatile sig_atomic_t caught;

static void catch (int number)
{
	caught = number;
}

/* A task's own handler; it ends the item in its own way. */
static void leave(int number)
{
	_exit(number);
}

static PROCS_DEFINE1(int, crash_its_own_way, int, how)
{
	signal(SIGSEGV, leave);
	return crash_here(how);
}

static void handlers_stay_with_their_owners(void *unused)
{
	struct sigaction ours = { .sa_handler = catch, .sa_flags = SA_RESTART }, now;
	struct procs_spec specs[] = { procs_proc(crash, NULL_POINTER),
				      procs_proc(crash_its_own_way, NULL_POINTER),
				      procs_proc(crash, RAISED_SYS) };
	struct procs_stream *stream;
	struct procs_result result;

	(void)unused;
	sigaction(SIGSEGV, &ours, NULL);
	signal(SIGSYS, SIG_IGN);
	stream = procs_call(specs, 3, PROCS_OPTIONS(.traceback_fd = -1));
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
	pxt_equal(result.failed->code, SIGSEGV);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(result.failed->cause, PROCS_CAUSE_EXIT);
	pxt_equal(result.failed->code, SIGSEGV);
	/* What the host ignores, its tasks do too, but those that a new program runs; where a
	 * sanitizer has a thread, a forkserver is one. */
	pxt_equal(procs_next(stream, &result), 1);
	if (!pxt_serves() || !pxt_is_instrumented())
		pxt_equal(result.failed != NULL, pxt_spawns());
	pxt_check(result.failed == NULL || result.failed->code == SIGSYS);
	procs_close(stream);
	sigaction(SIGSEGV, NULL, &now);
	pxt_check(now.sa_handler == catch);
	raise(SIGSEGV);
	pxt_equal(caught, SIGSEGV);
}

static void the_hosts_handlers_are_the_hosts(void **state)
{
	(void)state;
	pxt_isolated(handlers_stay_with_their_owners, NULL);
}

/* Noise over all control words but the first, where the report is too. */
static PROCS_DEFINE1(int, write_noise, int, round)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uint64_t seed = (uint64_t)round * 31;
	unsigned long start, end, page = 0;
	char line[512];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && end - start == 4096 &&
		    strstr(line, "/dev/zero") != NULL)
			page = start;
	for (uint64_t *at = (uint64_t *)(page + 1024); at < (uint64_t *)(page + 4096); at++)
		*at = round % 2 != 0 ? pxt_random(&seed) : pxt_random(&seed) % 100;
	if (round % 3 == 0)
		signal(SIGSEGV, SIG_DFL);
	raise(round % 3 == 0 ? SIGSEGV : SIGKILL);
	return 0;
}

static void a_report_of_noise_is_only_text(void **state)
{
	struct procs_result result;
	int sink;

	(void)state;
	if (pxt_is_instrumented())
		skip();
	sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	for (int round = 0; round < 60; round++) {
		struct procs_spec spec = procs_proc(write_noise, round);
		struct procs_stream *stream =
			procs_call(&spec, 1, PROCS_OPTIONS(.traceback_fd = sink));

		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_check(result.failed->cause == PROCS_CAUSE_SIGNAL ||
			  result.failed->cause == PROCS_CAUSE_CORRUPT);
		pxt_check(strlen(result.failed->traceback) < 20000);
		procs_close(stream);
	}
	close(sink);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_crash_says_where, without_a_core, pxt_after),
		pxt_test(a_few_are_written_then_counted),
		pxt_test(a_full_pipe_or_file_is_no_harm),
		pxt_test(a_fault_that_does_not_repeat_is_a_crash_too),
		pxt_test(the_hosts_handlers_are_the_hosts),
		pxt_test(a_report_of_noise_is_only_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
