/*
 * Each cause of a Failed that forked workers can have, provoked, with its code
 * and its text; and the neighbours of the item unharmed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum deed {
	FINE,
	FAIL_ERRNO,
	FAIL_CODE,
	FAIL_DATA,
	FAIL_TWICE,
	FAIL_THEN_CRASH,
	FAIL_THEN_EXIT,
	EXIT_0,
	EXIT_3,
	UNDERSCORE_EXIT,
	QUICK_EXIT,
	THREAD_EXIT,
	THREAD_EXIT_BEFORE_OTHERS,
	THREAD_CALLS_EXIT,
	EXEC,
	ABORT,
	SEGV,
	FPE,
	BUS,
	ILL,
	TRAP,
	SYS,
	KILL,
	OVERFLOW_STACK,
	HANG,
	HANG_BLOCKED,
	STOP
};

static int recurse(volatile char *upper, int depth)
{
	volatile char frame[4096];

	frame[0] = *upper;
	return depth == 0 ? frame[0] : frame[0] + recurse(frame, depth - 1);
}

static void *call_exit(void *unused)
{
	(void)unused;
	exit(9);
}

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void exits(int deed)
{
	pthread_t thread;

	switch (deed) {
	case EXIT_0:
		exit(0);
	case EXIT_3:
		exit(3);
	case UNDERSCORE_EXIT:
		_exit(0);
	case QUICK_EXIT:
		quick_exit(5);
	case THREAD_EXIT_BEFORE_OTHERS:
		pthread_create(&thread, NULL, stay, NULL);
		pthread_exit(NULL);
	case THREAD_EXIT:
		pthread_exit(NULL);
	case THREAD_CALLS_EXIT:
		pthread_create(&thread, NULL, call_exit, NULL);
		pthread_join(thread, NULL);
		break;
	case EXEC:
		execl("/bin/true", "true", (char *)NULL);
		break;
	default:
		break;
	}
}

/* What it does is meant: it must reach the processor also under UBSan. */
__attribute__((no_sanitize("undefined"))) static void dies(int deed)
{
	static volatile int zero;
	volatile char top = 1;
	sigset_t all;

	switch (deed) {
	case ABORT:
		abort();
	case SEGV:
		*(volatile int *)(uintptr_t)zero = 1;
		break;
	case FPE:
		zero = 7 / zero; /* not 1: gcc turns 1 / x into a comparison */
		break;
	case OVERFLOW_STACK:
		zero = recurse(&top, 1 << 20);
		break;
	case HANG_BLOCKED:
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		for (;;)
			pause();
	case HANG:
		for (;;)
			zero++;
	case STOP:
		raise(SIGSTOP);
		break;
	case BUS:
		raise(SIGBUS);
		break;
	case ILL:
		raise(SIGILL);
		break;
	case TRAP:
		raise(SIGTRAP);
		break;
	case SYS:
		raise(SIGSYS);
		break;
	case KILL:
		raise(SIGKILL);
		break;
	default:
		break;
	}
}

static PROCS_DEFINE1(int, act, int, deed)
{
	char nul[] = { 'a', '\0', 'b' };

	switch (deed) {
	case FAIL_ERRNO:
		return procs_fail(ENOENT, "no %s, 100%%", "file");
	case FAIL_CODE:
		return procs_fail(-70000, "code");
	case FAIL_DATA:
		return procs_fail_data(EIO, nul, sizeof(nul), "with data");
	case FAIL_TWICE:
		procs_fail(EPERM, "the first");
		procs_fail(EIO, "the second");
		return 3;
	case FAIL_THEN_EXIT:
		procs_fail(EPERM, "the first");
		exit(3);
	case FAIL_THEN_CRASH:
		procs_fail(EPERM, "lost");
		abort();
	default:
		exits(deed);
		dies(deed);
		return deed;
	}
}

/* A one-item call beside two that must be fine. */
static void expect(const struct procs_options *options, int deed, enum procs_cause cause, int code,
		   const char *text)
{
	struct procs_spec specs[] = { procs_proc(act, FINE), procs_proc(act, deed),
				      procs_proc(act, FINE) };
	int deeds[] = { FINE, deed, FINE };
	struct procs_result result;

	for (int form = 0; form < 2; form++) {
		struct procs_stream *stream = form == 0 ? procs_call(specs, 3, options)
							: procs_pmap(act, 3, options, deeds);

		for (uint64_t i = 0; i < 3; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(result.index, i);
			if (i != 1) {
				if (result.failed != NULL)
					pxt_failed(__FILE__, __LINE__, "deed %d, neighbour: %s",
						   deed, procs_text(&result));
				continue;
			}
			if (result.failed == NULL)
				pxt_failed(__FILE__, __LINE__, "deed %d went well", deed);
			if (result.failed->cause != cause || result.failed->code != code)
				pxt_failed(__FILE__, __LINE__, "deed %d gave %s", deed,
					   procs_text(&result));
			pxt_text(result.failed->function, "act");
			pxt_equal(result.failed->index, 1);
			pxt_equal(result.failed->attempt, 1);
			pxt_check(result.failed->pid > 0 && result.failed->pid != getpid());
			if (text != NULL)
				pxt_text(procs_text(&result), text);
		}
		pxt_equal(procs_next(stream, &result), 0);
		pxt_equal(procs_close(stream), 0);
	}
}

static void error_has_code_text_and_data(void **state)
{
	struct procs_spec specs[] = { procs_proc(act, FAIL_DATA) };
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	expect(NULL, FAIL_ERRNO, PROCS_CAUSE_ERROR, ENOENT, "Failed(ENOENT: no file, 100%)");
	expect(NULL, FAIL_CODE, PROCS_CAUSE_ERROR, -70000, "Failed(ERROR -70000: code)");
	expect(NULL, FAIL_TWICE, PROCS_CAUSE_ERROR, EPERM, "Failed(EPERM: the first)");
	expect(NULL, FAIL_THEN_EXIT, PROCS_CAUSE_ERROR, EPERM, "Failed(EPERM: the first)");
	expect(NULL, FAIL_THEN_CRASH, PROCS_CAUSE_SIGNAL, SIGABRT, NULL);
	stream = procs_call(specs, 1, NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(result.failed->data_size, 3);
	pxt_check(memcmp(result.failed->data, "a\0b", 3) == 0);
	procs_close(stream);
}

static void exit_has_its_status(void **state)
{
	(void)state;
	expect(NULL, EXIT_0, PROCS_CAUSE_EXIT, 0, NULL);
	expect(NULL, EXIT_3, PROCS_CAUSE_EXIT, 3,
	       "Failed(EXIT 3: act left its process without a result)");
	expect(NULL, UNDERSCORE_EXIT, PROCS_CAUSE_EXIT, 0, NULL);
	expect(NULL, QUICK_EXIT, PROCS_CAUSE_EXIT, 5, NULL);
	expect(NULL, THREAD_CALLS_EXIT, PROCS_CAUSE_EXIT, 9, NULL);
	expect(NULL, THREAD_EXIT, PROCS_CAUSE_EXIT, 0, NULL);
	expect(NULL, THREAD_EXIT_BEFORE_OTHERS, PROCS_CAUSE_EXIT, 0, NULL);
	expect(NULL, EXEC, PROCS_CAUSE_EXIT, 0, NULL);
}

static void signal_has_its_number(void **state)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit before;

	(void)state;
	getrlimit(RLIMIT_CORE, &before);
	setrlimit(RLIMIT_CORE, &none);
	expect(NULL, ABORT, PROCS_CAUSE_SIGNAL, SIGABRT, "Failed(SIGNAL SIGABRT: act was killed)");
	expect(NULL, SEGV, PROCS_CAUSE_SIGNAL, SIGSEGV, NULL);
	expect(NULL, FPE, PROCS_CAUSE_SIGNAL, SIGFPE, NULL);
	expect(NULL, BUS, PROCS_CAUSE_SIGNAL, SIGBUS, NULL);
	expect(NULL, ILL, PROCS_CAUSE_SIGNAL, SIGILL, NULL);
	expect(NULL, TRAP, PROCS_CAUSE_SIGNAL, SIGTRAP, NULL);
	expect(NULL, SYS, PROCS_CAUSE_SIGNAL, SIGSYS, NULL);
	expect(NULL, KILL, PROCS_CAUSE_SIGNAL, SIGKILL, NULL);
	expect(NULL, OVERFLOW_STACK, PROCS_CAUSE_SIGNAL, SIGSEGV, NULL);
	setrlimit(RLIMIT_CORE, &before);
}

static void timeout_kills_what_will_not_end(void **state)
{
	const struct procs_options *options = PROCS_OPTIONS(.timeout_ns = 50000000);

	(void)state;
	expect(options, HANG, PROCS_CAUSE_TIMEOUT, ETIMEDOUT, NULL);
	expect(options, HANG_BLOCKED, PROCS_CAUSE_TIMEOUT, ETIMEDOUT, NULL);
	expect(options, STOP, PROCS_CAUSE_TIMEOUT, ETIMEDOUT, NULL);
}

PXT_SHARED(_Atomic uint64_t, begun, 1);

/* A raw task that writes in front of what it reserved, where the payload of
 * the item before lies. */
static int scribble_before(struct procs_task *task)
{
	unsigned char *room = procs_reserve(task, 64);

	if (procs_index() == 1)
		memset(room - 64, 0xa5, 64);
	memset(room, (int)procs_index(), 64);
	atomic_fetch_add(begun, 1);
	return procs_commit(task, 64);
}

static PROCS_TASK(scribble_before, scribble_before);

static void corrupt_is_what_does_not_pass(void **state)
{
	unsigned char dummy[4] = { 0 };
	const struct procs_sequence sequence = { dummy, 1, 0 };
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	stream = procs_pmap_sequences(
		procs_function_of(scribble_before), 4,
		PROCS_OPTIONS(.workers = 1, .checksum = PROCS_CHECKSUM_ALWAYS), &sequence, 1);
	/* Before anything is taken. */
	pxt_await(begun, 4);
	for (uint64_t i = 0; i < 4; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		if (i == 0) {
			pxt_check(result.failed != NULL);
			pxt_equal(result.failed->cause, PROCS_CAUSE_CORRUPT);
			pxt_equal(result.failed->code, EBADMSG);
		} else {
			pxt_check(result.failed == NULL);
			pxt_equal(*(const unsigned char *)result.data, i);
		}
	}
	pxt_equal(procs_next(stream, &result), 0);
	procs_close(stream);
}

static int reserve_much(struct procs_task *task)
{
	return procs_reserve(task, (size_t)1 << 50) == NULL ? errno : 0;
}

static PROCS_TASK(reserve_much, reserve_much);

static PROCS_DEFINE1(const char *, long_text, int, size)
{
	char *text = procs_scratch((size_t)size + 1);

	memset(text, 't', (size_t)size);
	text[size] = '\0';
	return text;
}

static void too_big_is_what_does_not_fit(void **state)
{
	const struct procs_options *options = PROCS_OPTIONS(.reserve_bytes = 1 << 16);
	struct procs_spec specs[] = { procs_raw(procs_function_of(reserve_much), NULL, 0),
				      procs_proc(long_text, 1 << 20), procs_proc(long_text, 100) };
	struct procs_stream *stream = procs_call(specs, 3, options);
	struct procs_result result;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_TOO_BIG);
		pxt_equal(result.failed->code, EFBIG);
	}
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	procs_close(stream);
}

static PROCS_DEFINE1(struct procs_bytes, bad_bytes, int, x)
{
	(void)x;
	return (struct procs_bytes){ NULL, 5 };
}

static PROCS_DEFINE2(int, take_bool, _Bool, flag, const char *, text)
{
	return flag + (text != NULL);
}

static void encode_is_what_has_no_bytes(void **state)
{
	struct procs_spec specs[] = { procs_proc(bad_bytes, 1),
				      procs_proc(take_bool, 1, ""),
				      procs_raw(procs_function_of(reserve_much), NULL, 4),
				      { 0 },
				      procs_proc(act, FINE) };
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	specs[1].arguments[0] = 2; /* no bool */
	stream = procs_call(specs, 5, NULL);
	for (int i = 0; i < 4; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_ENCODE);
		pxt_equal(result.failed->code, EINVAL);
		pxt_equal(result.failed->pid > 0, i == 0);
	}
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	procs_close(stream);
}

/* In a process with little memory: a result that a worker could make, and the
 * parent cannot take. */
static void decode_in_little_memory(void *unused)
{
	struct procs_spec specs[] = { procs_proc(long_text, 64 << 20), procs_proc(act, FINE) };
	struct procs_stream *stream = procs_call(specs, 2, NULL);
	struct rlimit limit = { 0, 0 };
	struct procs_result result;

	(void)unused;
	/* The worker is born with the old limit; from here on the heap cannot grow. */
	limit.rlim_cur = limit.rlim_max = 16 << 20;
	pxt_equal(setrlimit(RLIMIT_DATA, &limit), 0);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed != NULL);
	pxt_equal(result.failed->cause, PROCS_CAUSE_DECODE);
	pxt_equal(result.failed->code, ENOMEM);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	procs_close(stream);
}

static void decode_is_what_cannot_be_taken(void **state)
{
	(void)state;
	if (pxt_is_instrumented())
		skip();
	pxt_isolated(decode_in_little_memory, NULL);
}

static void no_processes(void *unused)
{
	const struct rlimit none = { 0, 0 };
	int deeds[] = { FINE, FINE, FINE };
	struct procs_spec specs[] = { procs_proc(act, FINE), procs_proc(act, FINE) };
	struct procs_stream *stream;
	struct procs_result result;

	(void)unused;
	/* Root is not bound by RLIMIT_NPROC: be nobody. */
	if (getuid() == 0)
		pxt_equal(setresuid(65534, 65534, 65534), 0);
	pxt_equal(setrlimit(RLIMIT_NPROC, &none), 0);
	for (int form = 0; form < 2; form++) {
		const int n = form == 0 ? 2 : 3;

		stream = form == 0 ? procs_call(specs, 2, NULL) : procs_pmap(act, 3, NULL, deeds);
		for (int i = 0; i < n; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_check(result.failed != NULL);
			pxt_equal(result.failed->cause, PROCS_CAUSE_RESOURCE);
			pxt_equal(result.failed->code, EAGAIN);
			pxt_equal(result.failed->pid, 0);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
}

static void resource_is_no_process_to_be_had(void **state)
{
	(void)state;
	pxt_isolated(no_processes, NULL);
}

static PROCS_DEFINE1(int, linger, int, x)
{
	atomic_fetch_add(begun, 1);
	for (;;)
		pause();
	return x;
}

static void cancelled_in_flight_and_waiting(void **state)
{
	struct procs_spec specs[6];
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	for (int i = 0; i < 6; i++)
		specs[i] = procs_proc(linger, i);
	stream = procs_call(specs, 6, PROCS_OPTIONS(.workers = 2));
	pxt_await(begun, 2);
	for (uint64_t i = 0; i < 6; i++)
		pxt_equal(procs_cancel(stream, 5 - i), 0);
	for (uint64_t i = 0; i < 6; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_CANCELLED);
		pxt_equal(result.failed->code, ECANCELED);
		pxt_equal(result.failed->attempt, i < 2);
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(atomic_load(begun), 2);
	procs_close(stream);
}

/* A host that takes every status there is, where the kernel keeps none. */
static void *steal(void *unused)
{
	for (;;)
		if (waitpid(-1, NULL, __WALL) < 0)
			usleep(100);
	return unused;
}

static void stolen_status(void *unused)
{
	struct procs_spec specs[] = { procs_proc(act, SEGV), procs_proc(act, FINE) };
	struct procs_stream *stream;
	struct procs_result result;
	pthread_t thief;

	(void)unused;
	pthread_create(&thief, NULL, steal, NULL);
	for (int i = 0; i < 20; i++) {
		stream = procs_call(specs, 2, NULL);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_check(result.failed->cause == PROCS_CAUSE_UNKNOWN ||
			  (result.failed->cause == PROCS_CAUSE_SIGNAL &&
			   result.failed->code == SIGSEGV));
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		procs_close(stream);
	}
}

static void a_stolen_status_is_told_or_unknown(void **state)
{
	(void)state;
	pxt_isolated(stolen_status, NULL);
}

static void *rest(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* Whether the kernel tells the status of a child that nobody waited for, as from
 * Linux 6.15 on: PIDFD_GET_INFO with PIDFD_INFO_EXIT. */
static bool kernel_tells(void)
{
	uint64_t info[8] = { 1 << 3 };
	const pid_t child = fork();
	struct pollfd end = { .events = POLLIN };
	bool tells;

	if (child == 0)
		for (;;)
			pause();
	end.fd = (int)syscall(SYS_pidfd_open, child, 0);
	kill(child, SIGKILL);
	tells = end.fd >= 0 && poll(&end, 1, 10000) == 1 &&
		ioctl(end.fd, _IOWR(0xff, 11, uint64_t[8]), info) == 0 && (info[0] & 1 << 3);
	if (end.fd >= 0)
		close(end.fd);
	return tells;
}

/* Nobody keeps statuses, and a thread makes each process one of fork(): where the
 * kernel tells them later, none is lost. */
static void ignored_statuses(void *unused)
{
	enum {
		N = 600
	};

	static struct procs_spec specs[N];
	struct procs_stream *stream;
	struct procs_result result;
	pthread_t thread;
	int exact = 0;

	(void)unused;
	signal(SIGCHLD, SIG_IGN);
	pthread_create(&thread, NULL, rest, NULL);
	for (int i = 0; i < N; i++)
		specs[i] = procs_proc(act, i % 2 == 0 ? EXIT_3 : FINE);
	stream = procs_call(specs, N, PROCS_OPTIONS(.workers = 2));
	for (int i = 0; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.failed != NULL, i % 2 == 0);
		if (result.failed == NULL)
			continue;
		pxt_check(result.failed->cause == PROCS_CAUSE_UNKNOWN ||
			  (result.failed->cause == PROCS_CAUSE_EXIT && result.failed->code == 3));
		exact += result.failed->cause == PROCS_CAUSE_EXIT;
	}
	procs_close(stream);
	if (kernel_tells() && exact != N / 2)
		pxt_failed(__FILE__, __LINE__, "%d of %d statuses were told", exact, N / 2);
}

static void ignored_statuses_are_all_told(void **state)
{
	(void)state;
	pxt_isolated(ignored_statuses, NULL);
}

static PROCS_DEFINE1(int, long_message, int, size)
{
	char *text = malloc((size_t)size + 1);

	memset(text, 'm', (size_t)size);
	text[size] = '\0';
	procs_fail(70007, "%s", text);
	free(text);
	return 0;
}

static PROCS_DEFINE1(int, odd_message, int, x)
{
	(void)x;
	return procs_fail(70007, "a%cb\n\x1b[31m \xff caf\xc3\xa9 \xc2\x9b", '\0');
}

static void messages_are_whole_or_marked_as_cut(void **state)
{
	struct procs_spec specs[] = { procs_proc(long_message, 65536),
				      procs_proc(long_message, 131072),
				      procs_proc(odd_message, 1) };
	struct procs_stream *stream = procs_call(specs, 3, NULL);
	struct procs_result result;
	char line[64];

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(result.failed->message_size, 65536);
	pxt_check(result.failed->message[65535] == 'm' && result.failed->message[65536] == '\0');
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(result.failed->message_size, 65536);
	pxt_text(result.failed->message + 65533, "...");
	pxt_check(procs_failed_text(result.failed, line, sizeof(line)) > 65536);
	pxt_equal(strlen(line), 63);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_text(procs_text(&result),
		 "Failed(ERROR 70007: a\\x00b\\x0a\\x1b[31m \\xff caf\xc3\xa9 \\xc2\\x9b)");
	procs_close(stream);
}

static void outside_an_item_it_is_the_threads_own(void **state)
{
	(void)state;
	pxt_equal(procs_fail_data(EDOM, "xy", 2, "outside %d", 1), 0);
	pxt_check(procs_last_failure() != NULL);
	pxt_equal(procs_last_failure()->code, EDOM);
	pxt_text(procs_last_failure()->message, "outside 1");
	pxt_equal(procs_last_failure()->data_size, 2);
	pxt_equal(procs_last_failure()->index, UINT64_MAX);
	pxt_equal(procs_index(), UINT64_MAX);
	pxt_equal(procs_attempt(), 0);
	pxt_check(procs_scratch(5) == NULL && errno == EPERM);
}

PXT_SHARED(_Atomic uint64_t, died, 1);

static PROCS_DEFINE1(int, die_now, int, x)
{
	/* relaxed: read when this process has ended */
	atomic_store_explicit(died, procs_deadline(0), memory_order_relaxed);
	return raise(SIGKILL) + x;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Whatever the library sleeps on, and whichever calls the kernel lacks. Half of the times, since
 * the machine has other things to do. */
static void a_death_is_known_in_20_ms(void **state)
{
	enum {
		TIMES = 15
	};

	static const int xs[1];
	uint64_t took[TIMES];
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	if (pxt_is_instrumented())
		skip();
	for (int i = 0; i < TIMES; i++) {
		stream = procs_pmap(die_now, 1, PROCS_OPTIONS(.workers = 1), xs);
		pxt_equal(procs_next(stream, &result), 1);
		took[i] = procs_deadline(0) - *died;
		pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
		procs_close(stream);
	}
	qsort(took, TIMES, sizeof(took[0]), by_size);
	print_message("known after %.2f to %.2f ms\n", (double)took[0] / 1e6,
		      (double)took[TIMES - 1] / 1e6);
	pxt_check(took[TIMES / 2] < 20000000);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(error_has_code_text_and_data),
		pxt_test(exit_has_its_status),
		pxt_test(signal_has_its_number),
		pxt_test(timeout_kills_what_will_not_end),
		pxt_test(corrupt_is_what_does_not_pass),
		pxt_test(too_big_is_what_does_not_fit),
		pxt_test(encode_is_what_has_no_bytes),
		pxt_test(decode_is_what_cannot_be_taken),
		pxt_test(resource_is_no_process_to_be_had),
		pxt_test(cancelled_in_flight_and_waiting),
		pxt_test(a_stolen_status_is_told_or_unknown),
		pxt_test(ignored_statuses_are_all_told),
		pxt_test(messages_are_whole_or_marked_as_cut),
		pxt_test(outside_an_item_it_is_the_threads_own),
		pxt_test(a_death_is_known_in_20_ms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
