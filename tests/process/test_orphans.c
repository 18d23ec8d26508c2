/*
 * No worker outlives its host by more than a second, however the host ends and
 * whatever the worker does. PROCS_TEST_DEATHS sets the number of host deaths
 * (default 60, all ways in all states twice; stress: 1,000).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum state {
	IDLE,
	BUSY,
	ASLEEP,
	DEAF, /* all signals blocked */
	STOPPED,
	PUBLISHING,
	BARE, /* it closed all its descriptors */
	N_STATES
};

enum way {
	BY_RETURN,
	BY_UNDERSCORE_EXIT,
	BY_SIGKILL,
	BY_EXEC,
	N_WAYS
};

struct death {
	int state, way;
	useconds_t later; /* from the moment the workers are at it */
	bool by_thread;   /* the stream belongs to a thread that is not main's */
	bool poor;        /* no descriptor is to be had: prctl must do. Only forks need none */
};

PXT_SHARED(_Atomic uint64_t, arrived, 1);

static PROCS_DEFINE1(int, linger, int, state)
{
	sigset_t all;

	atomic_fetch_add(arrived, 1);
	switch (state) {
	case DEAF:
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		for (;;)
			pause();
	case STOPPED:
		raise(SIGSTOP);
		return 0;
	case BARE:
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
		for (;;)
			pause();
	case ASLEEP:
		for (;;)
			pause();
	case BUSY:
		for (volatile int x = 0;; x++)
			;
	default:
		return 0;
	}
}

static PROCS_DEFINE1(struct procs_bytes, large, int, x)
{
	static char bytes[200000];

	bytes[0] = (char)x;
	atomic_fetch_add(arrived, 1);
	return (struct procs_bytes){ bytes, sizeof(bytes) };
}

static struct procs_stream *open_stream(int state)
{
	static int numbers[10000];
	struct procs_spec specs[] = { procs_proc(linger, state), procs_proc(linger, state) };
	const struct procs_options *two = PROCS_OPTIONS(.workers = 2);

	if (state == PUBLISHING)
		return procs_pmap(large, 10000, two, numbers);
	if (state == IDLE)
		return procs_pmap(linger, 2, two, numbers);
	return procs_call(specs, 2, two);
}

static void *host(void *argument)
{
	const struct death *death = argument;
	const struct rlimit none = { 3, 3 };
	struct procs_stream *stream;
	struct procs_result result;

	if (death->poor)
		setrlimit(RLIMIT_NOFILE, &none);
	stream = open_stream(death->state);
	for (int i = 0; atomic_load(arrived) < 2 || i < 2; i++)
		if (procs_next_until(stream, &result, 0) == -EINVAL)
			abort();
	usleep(death->later);
	switch (death->way) {
	case BY_SIGKILL:
		kill(getpid(), SIGKILL);
		break;
	case BY_EXEC:
		execl("/bin/true", "true", (char *)NULL);
		break;
	case BY_UNDERSCORE_EXIT:
		_exit(0);
	default:
		exit(0);
	}
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake_up(int number)
{
	(void)number;
}

/* Orphans come to us, a subreaper: their end is an event like any other. */
static int64_t all_end(void)
{
	int64_t died;

	while (waitpid(-1, NULL, __WALL) < 0 && errno == EINTR)
		;
	died = now_ms();
	while (waitpid(-1, NULL, __WALL) > 0 || errno != ECHILD)
		if (now_ms() - died > 5000)
			return -1;
	return now_ms() - died;
}

static void one_death(void *argument)
{
	const struct death *death = argument;
	struct sigaction action = { .sa_handler = wake_up };
	pthread_t thread;
	int64_t span;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigaction(SIGALRM, &action, NULL);
	if (fork() == 0) {
		if (!death->by_thread)
			host(argument);
		pthread_create(&thread, NULL, host, argument);
		pthread_join(thread, NULL);
	}
	alarm(10);
	span = all_end();
	alarm(0);
	if (span < 0 || span > 1000)
		pxt_failed(__FILE__, __LINE__, "state %d, way %d: workers outlived it by %lld ms",
			   death->state, death->way, (long long)span);
}

static void no_worker_outlives_its_host(void **unused)
{
	const char *text = getenv("PROCS_TEST_DEATHS");
	const int deaths = text != NULL ? atoi(text) : 2 * N_STATES * N_WAYS;
	uint64_t seed = 3;

	(void)unused;
	for (int i = 0; i < deaths; i++) {
		struct death death = {
			.state = i % N_STATES,
			.way = i / N_STATES % N_WAYS,
			.later = (useconds_t)(pxt_random(&seed) % 3000),
			.by_thread = pxt_random(&seed) % 4 == 0,
		};

		/* What prctl has does not know of exec, and knows one thread too well. */
		death.poor = pxt_forks() && !death.by_thread && death.way != BY_EXEC &&
			     pxt_random(&seed) % 4 == 0;
		atomic_store(arrived, 0);
		pxt_isolated(one_death, &death);
	}
}

/* A fork of the host that is no worker of it goes on, as daemons do. */
static void beside_a_copy_of_the_host(void *unused)
{
	struct death death = { .state = ASLEEP, .way = BY_SIGKILL };
	struct sigaction action = { .sa_handler = wake_up };
	int ends[2];
	pid_t copy = 0;
	char byte;

	(void)unused;
	pxt_equal(pipe(ends), 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigaction(SIGALRM, &action, NULL);
	if (fork() == 0) {
		struct procs_stream *stream = open_stream(death.state);
		struct procs_result result;

		procs_next_until(stream, &result, 0);
		copy = fork();
		if (copy == 0) {
			/* It stays until the test lets it go. */
			close(ends[1]);
			(void)!read(ends[0], &byte, 1);
			_exit(0);
		}
		while (atomic_load(arrived) < 2)
			procs_next_until(stream, &result, 0);
		raise(SIGKILL);
	}
	/* The host, and its two workers. */
	alarm(10);
	for (int i = 0; i < 3; i++)
		pxt_check(waitpid(-1, NULL, __WALL) > 0);
	close(ends[1]);
	pxt_check(waitpid(-1, NULL, __WALL) > 0);
	alarm(0);
}

static void a_fork_of_the_host_keeps_nobody_alive(void **unused)
{
	(void)unused;
	pxt_isolated(beside_a_copy_of_the_host, NULL);
}

/* The thread that forked a worker ends; the worker goes on. */
static void *open_in_thread(void *unused)
{
	(void)unused;
	return open_stream(PUBLISHING);
}

static void the_end_of_a_thread_is_not_the_hosts(void **unused)
{
	struct procs_result result;
	pthread_t thread;
	void *stream;
	int items = 0;

	(void)unused;
	pxt_equal(pthread_create(&thread, NULL, open_in_thread, NULL), 0);
	pxt_equal(pthread_join(thread, &stream), 0);
	for (; procs_next(stream, &result) > 0 && items < 500; items++)
		pxt_check(result.failed == NULL);
	pxt_equal(items, 500);
	procs_close(stream);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(no_worker_outlives_its_host),
		pxt_test(a_fork_of_the_host_keeps_nobody_alive),
		pxt_test(the_end_of_a_thread_is_not_the_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
