/*
 * Tests that must fail: each breaks one promise of the fixture, or fails a check
 * where it could get lost. Run one at a time by run.py, which wants to see it
 * fail, and why.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

static PROCS_DEFINE1(int, checks_in_a_task, int, x)
{
	pxt_check(x != 3);
	return x;
}

static void passes(void **state)
{
	(void)state;
}

static void fails_plainly(void **state)
{
	(void)state;
	pxt_equal(1, 2);
}

static void check_in_child(void *unused)
{
	(void)unused;
	pxt_check(1 == 2);
}

static void fails_in_an_isolated_body(void **state)
{
	(void)state;
	pxt_isolated(check_in_child, NULL);
}

static void crash_in_child(void *unused)
{
	(void)unused;
	raise(SIGSEGV);
}

static void crashes_in_an_isolated_body(void **state)
{
	(void)state;
	pxt_isolated(crash_in_child, NULL);
}

static void fails_in_a_task(void **state)
{
	int xs[] = { 1, 2, 3, 4 };
	struct procs_stream *stream = procs_pmap(checks_in_a_task, 4, NULL, xs);
	struct procs_result result;

	(void)state;
	while (procs_next(stream, &result) > 0)
		if (result.failed != NULL)
			pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
	procs_close(stream);
}

static void leaves_a_descriptor(void **state)
{
	(void)state;
	pxt_check(open("/dev/null", O_RDONLY) >= 0);
}

static void leaves_a_stream(void **state)
{
	struct procs_spec specs[] = { procs_proc(checks_in_a_task, 1) };

	(void)state;
	pxt_check(procs_call(specs, 1, NULL) != NULL);
}

static void leaves_a_child(void **state)
{
	(void)state;
	if (fork() == 0) {
		sleep(1);
		_exit(0);
	}
}

static void leaves_a_zombie(void **state)
{
	siginfo_t info;

	(void)state;
	if (fork() == 0)
		_exit(0);
	waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
}

static void *rest(void *unused)
{
	pause();
	return unused;
}

static void leaves_a_thread(void **state)
{
	pthread_t thread;

	(void)state;
	pthread_create(&thread, NULL, rest, NULL);
}

static void leaves_a_blocked_signal(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void leaves_a_disposition(void **state)
{
	(void)state;
	signal(SIGUSR2, SIG_IGN);
}

static void leaves_another_umask(void **state)
{
	(void)state;
	umask(0);
}

static void leaves_another_directory(void **state)
{
	(void)state;
	pxt_equal(chdir("/"), 0);
}

PXT_SHARED(_Atomic uint64_t, word, 1);

static void waits_in_vain(void **state)
{
	(void)state;
	alarm(2); /* sooner than its own bound */
	pxt_await(word, 1);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(passes),
		pxt_test(fails_plainly),
		pxt_test(fails_in_an_isolated_body),
		pxt_test(crashes_in_an_isolated_body),
		pxt_test(fails_in_a_task),
		pxt_test(leaves_a_descriptor),
		pxt_test(leaves_a_stream),
		pxt_test(leaves_a_child),
		pxt_test(leaves_a_zombie),
		pxt_test(leaves_a_thread),
		pxt_test(leaves_a_blocked_signal),
		pxt_test(leaves_a_disposition),
		pxt_test(leaves_another_umask),
		pxt_test(leaves_another_directory),
		pxt_test(waits_in_vain),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
