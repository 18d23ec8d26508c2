/*
 * The host around the library: its children, signals, threads, text and limits
 * are after a stream what they were before, and do not disturb it meanwhile.
 * (Group C of the fault plan.)
 */
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

PXT_SHARED(_Atomic uint64_t, count, 1);

static PROCS_DEFINE1(int, triple, int, x)
{
	return 3 * x;
}

static PROCS_DEFINE1(int, crash, int, x)
{
	if (x % 10 == 3)
		raise(SIGKILL);
	return 3 * x;
}

/* Maps and calls n small items, of which those ending in 3 die if `function`
 * is crash; all others must be right. */
static void use(bool crashing, int n)
{
	struct procs_spec *specs = malloc((size_t)n * sizeof(*specs));
	int *xs = malloc((size_t)n * sizeof(*xs));
	struct procs_result result;
	int value;

	for (int i = 0; i < n; i++) {
		xs[i] = i;
		specs[i] = crashing ? procs_proc(crash, i) : procs_proc(triple, i);
	}
	for (int form = 0; form < 2; form++) {
		struct procs_stream *stream = form == 0  ? procs_call(specs, (size_t)n, NULL)
					      : crashing ? procs_pmap(crash, (size_t)n, NULL, xs)
							 : procs_pmap(triple, (size_t)n, NULL, xs);

		pxt_check(stream != NULL);
		for (int i = 0; i < n; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			if (crashing && i % 10 == 3) {
				pxt_check(result.failed != NULL);
				pxt_check(result.failed->cause == PROCS_CAUSE_SIGNAL ||
					  result.failed->cause == PROCS_CAUSE_UNKNOWN);
			} else {
				if (result.failed != NULL)
					pxt_failed(__FILE__, __LINE__, "item %d: %s", i,
						   procs_text(&result));
				pxt_equal(procs_value(&result, &value), 0);
				pxt_equal(value, 3 * i);
			}
		}
		pxt_equal(procs_next(stream, &result), 0);
		pxt_equal(procs_close(stream), 0);
	}
	free(specs);
	free(xs);
}

static void the_hosts_children_keep_their_status(void **state)
{
	const pid_t zombie = fork(), alive = zombie != 0 ? fork() : -1;
	int status;

	(void)state;
	if (zombie == 0)
		_exit(7);
	if (alive == 0) {
		pause();
		_exit(1);
	}
	use(true, 40);
	pxt_equal(waitpid(zombie, &status, 0), zombie);
	pxt_equal(WEXITSTATUS(status), 7);
	pxt_equal(kill(alive, SIGTERM), 0);
	pxt_equal(waitpid(alive, &status, 0), alive);
	pxt_equal(WTERMSIG(status), SIGTERM);
	/* Where a sanitizer keeps books of forks it is a child as any, and stays. */
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(waitpid(-1, &status, 0), -1);
	if (pxt_serves())
		pxt_equal(procs_forkserver_start(NULL), 0);
}

static volatile sig_atomic_t sigchlds;

static void on_sigchld(int number)
{
	(void)number;
	sigchlds++;
}

/* A host with one thread does not even notice: no SIGCHLD, and its waitpid(-1)
 * finds nothing while workers live. */
static void a_host_with_one_thread_notices_no_children(void *unused)
{
	struct sigaction action = { .sa_handler = on_sigchld };
	int xs[] = { 1, 2, 3 }, value;
	struct procs_stream *stream;
	struct procs_result result;

	(void)unused;
	sigaction(SIGCHLD, &action, NULL);
	stream = procs_pmap(triple, 3, NULL, xs);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_equal(waitpid(-1, NULL, WNOHANG), -1);
	pxt_equal(errno, ECHILD);
	procs_close(stream);
	use(true, 40);
	pxt_equal(sigchlds, 0);
}

static void sigchld_is_left_alone(void **state)
{
	(void)state;
	pxt_not_by("spawn", "posix_spawn makes ordinary children");
	/* Under sanitizers, and without clone3, forks are plain ones. */
	if (pxt_is_instrumented() || (syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS))
		skip();
	pxt_isolated(a_host_with_one_thread_notices_no_children, NULL);
}

static void *idle_thread(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void with_a_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, idle_thread, NULL);
}

static void sigchld_blocked(void *unused)
{
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	with_a_thread();
	use(true, 40);
}

static void sigchld_ignored(void *unused)
{
	(void)unused;
	signal(SIGCHLD, SIG_IGN);
	with_a_thread();
	use(true, 40);
}

static void sigchld_by_descriptor(void *unused)
{
	struct signalfd_siginfo info;
	sigset_t set;
	pid_t own;
	int fd;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	with_a_thread();
	own = fork();
	if (own == 0)
		_exit(5);
	use(true, 40);
	/* A child watch looks at its own child when the signal says that some child ended. */
	pxt_check(read(fd, &info, sizeof(info)) == sizeof(info));
	pxt_equal(waitpid(own, NULL, 0), own);
}

static void any_way_to_watch_children_goes_on(void **state)
{
	(void)state;
	pxt_isolated(sigchld_blocked, NULL);
	pxt_isolated(sigchld_ignored, NULL);
	pxt_isolated(sigchld_by_descriptor, NULL);
}

static PROCS_DEFINE1(int, say, int, x)
{
	printf("<%d>", x);
	return x;
}

static PROCS_DEFINE1(int, say_and_exit, int, x)
{
	printf("<%d>", x);
	exit(0);
}

static void at_exit_in_host(void)
{
	printf("<exit>");
}

static void text_pending(void *file)
{
	struct procs_spec specs[] = { procs_proc(say, 1), procs_proc(say_and_exit, 2) };
	int xs[] = { 3 };
	struct procs_stream *stream;
	struct procs_result result;
	char text[200] = "";

	pxt_check(freopen(file, "w+", stdout) != NULL);
	atexit(at_exit_in_host);
	printf("<host>");
	stream = procs_call(specs, 2, PROCS_OPTIONS(.workers = 1));
	while (procs_next(stream, &result) > 0)
		;
	procs_close(stream);
	stream = procs_pmap(say, 1, NULL, xs);
	while (procs_next(stream, &result) > 0)
		;
	procs_close(stream);
	fflush(stdout);
	rewind(stdout);
	pxt_check(fgets(text, sizeof(text), stdout) != NULL);
	/* The host's own text comes when the host writes it, and once. */
	pxt_text(text, "<1><2><3><host>");
}

static void pending_text_is_written_once(void **state)
{
	char name[] = "/tmp/procs-text-XXXXXX";
	const int fd = mkstemp(name);

	(void)state;
	pxt_check(fd >= 0);
	close(fd);
	pxt_isolated(text_pending, name);
	unlink(name);
}

static void a_helper_sees_no_descriptor_of_ours(void **state)
{
	const char *const argv[] = { "ls", "/proc/self/fd", NULL };
	int xs[] = { 1, 2 };
	struct procs_stream *stream;
	struct procs_result result;
	char *alone, *during;
	int status;

	(void)state;
	alone = pxt_output(argv, &status);
	stream = procs_pmap(triple, 2, NULL, xs);
	during = pxt_output(argv, &status);
	pxt_text(during, alone);
	while (procs_next(stream, &result) > 0)
		;
	procs_close(stream);
	free(alone);
	free(during);
}

static atomic_bool hammering;

static void *hammer(void *unused)
{
	char text[64];
	time_t when = 0;
	struct tm parts;

	while (atomic_load(&hammering)) {
		free(malloc(100));
		when++;
		localtime_r(&when, &parts);
		strftime(text, sizeof(text), "%F %T", &parts);
		/* Who executes a program reads the environment, which is not to change then. */
		if (pxt_forks())
			setenv("PROCS_TEST_HAMMER", text, 1);
	}
	return unused;
}

static void threads_hammer(void *unused)
{
	pthread_t threads[3];

	(void)unused;
	atomic_store(&hammering, true);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, hammer, NULL);
	for (int i = 0; i < 5; i++)
		use(i % 2 == 0, 60);
	atomic_store(&hammering, false);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void threads_of_the_host_may_hammer_malloc(void **state)
{
	(void)state;
	pxt_isolated(threads_hammer, NULL);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

PXT_SHARED(_Atomic uint64_t, held, 1);

static void *hold_lock(void *unused)
{
	pthread_mutex_lock(&lock);
	atomic_store(held, 1);
	for (;;)
		pause();
	return unused;
}

static PROCS_DEFINE1(int, take_lock, int, x)
{
	if (x == 1)
		pthread_mutex_lock(&lock);
	return x;
}

static void lock_held(void *unused)
{
	struct procs_spec specs[] = { procs_proc(take_lock, 0), procs_proc(take_lock, 1),
				      procs_proc(take_lock, 2) };
	struct procs_stream *stream;
	struct procs_result result;
	pthread_t thread;

	(void)unused;
	pthread_create(&thread, NULL, hold_lock, NULL);
	pxt_await(held, 1);
	stream = procs_call(specs, 3, PROCS_OPTIONS(.timeout_ns = 100000000));
	for (int i = 0; i < 3; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.failed != NULL, i == 1);
		if (i == 1)
			pxt_equal(result.failed->cause, PROCS_CAUSE_TIMEOUT);
	}
	procs_close(stream);
}

static void a_lock_held_at_fork_costs_one_timeout(void **state)
{
	(void)state;
	pxt_not_by("forkserver spawn", "no lock of the host is copied");
	pxt_isolated(lock_held, NULL);
}

/* The head of the thread's robust list, which the kernel walks at its end: the life word
 * hangs there. */
static PROCS_DEFINE1(int, robust_words, int, x)
{
	struct robust_list_head *head = NULL;
	size_t size;

	if (syscall(SYS_get_robust_list, 0, &head, &size) != 0 || head == NULL)
		return x;
	return head->list.next != &head->list;
}

static void each_end_will_be_marked(void **state)
{
	struct procs_spec specs[] = { procs_proc(robust_words, 0), procs_proc(robust_words, 0) };
	struct procs_stream *stream = procs_call(specs, 2, NULL);
	struct procs_result result;
	int value;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 1);
	}
	procs_close(stream);
}

static PROCS_DEFINE1(int, wait_long, int, x)
{
	atomic_fetch_add(count, 1);
	sleep(30);
	return x;
}

static void on_sigint(int number)
{
	(void)number;
}

/* The whole process group gets SIGINT, as from a terminal. */
static void interrupted(void *how)
{
	struct procs_spec specs[] = { procs_proc(wait_long, 1), procs_proc(wait_long, 2) };
	struct procs_stream *stream;
	struct procs_result result;

	setpgid(0, 0);
	if (how != NULL)
		signal(SIGINT, on_sigint);
	stream = procs_call(specs, 2, PROCS_OPTIONS(.workers = 2));
	pxt_await(count, 2);
	kill(0, SIGINT);
	for (int i = 0; i < 2; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
		pxt_equal(result.failed->code, SIGINT);
	}
	procs_close(stream);
}

static void sigint_ignored(void *unused)
{
	struct procs_spec specs[] = { procs_proc(triple, 1) };
	struct procs_stream *stream;
	struct procs_result result;

	(void)unused;
	setpgid(0, 0);
	signal(SIGINT, SIG_IGN);
	for (int i = 0; i < 50; i++) {
		stream = procs_call(specs, 1, NULL);
		kill(0, SIGINT);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		procs_close(stream);
	}
}

static void ctrl_c_is_as_the_host_has_it(void **state)
{
	int handled = 1;

	(void)state;
	pxt_isolated(interrupted, &handled);
	atomic_store(count, 0);
	/* A host that does not care dies of it, and with it, its workers. */
	pxt_equal(WTERMSIG(pxt_run(interrupted, NULL)), SIGINT);
	pxt_isolated(sigint_ignored, NULL);
}

static PROCS_DEFINE1(int, write_to_nobody, int, x)
{
	char text[100] = { 0 };

	for (int i = 0; i < 1000; i++)
		if (write(STDOUT_FILENO, text, sizeof(text)) < 0)
			return procs_fail(errno, "write");
	return x;
}

static void broken_pipe(void *unused)
{
	struct procs_spec specs[] = { procs_proc(write_to_nobody, 1), procs_proc(triple, 1) };
	struct procs_stream *stream;
	struct procs_result result;
	int pipes[2];

	(void)unused;
	pxt_equal(pipe(pipes), 0);
	dup2(pipes[1], STDOUT_FILENO);
	close(pipes[0]);
	close(pipes[1]);
	stream = procs_call(specs, 2, NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed != NULL);
	pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
	pxt_equal(result.failed->code, SIGPIPE);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	procs_close(stream);
}

static void a_broken_pipe_is_the_tasks_own_fate(void **state)
{
	(void)state;
	pxt_isolated(broken_pipe, NULL);
}

/* A timer fires all the time, with and without SA_RESTART: no wait of the
 * library lets EINTR out, and no handler runs in a worker. */
static volatile sig_atomic_t ticks;
static pid_t host;

static void on_tick(int number)
{
	(void)number;
	ticks++;
	if (getpid() != host)
		abort();
}

static void ticking(void *restart)
{
	struct sigaction action = { .sa_handler = on_tick,
				    .sa_flags = restart != NULL ? SA_RESTART : 0 };
	const struct itimerval fast = { { 0, 300 }, { 0, 300 } };

	host = getpid();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	use(true, 200);
	pxt_check(ticks > 0);
}

static void interrupted_waits_go_on(void **state)
{
	int restart = 1;

	(void)state;
	pxt_isolated(ticking, NULL);
	pxt_isolated(ticking, &restart);
}

static int from_exit;

static void at_exit_use(void)
{
	use(true, 20);
	from_exit = 1;
	_exit(from_exit);
}

static void exit_now(void *unused)
{
	(void)unused;
	atexit(at_exit_use);
	exit(0);
}

static pthread_key_t key;

static void key_destructor(void *word)
{
	use(true, 20);
	atomic_store((_Atomic uint64_t *)word, 1);
}

static void *set_key(void *word)
{
	pthread_setspecific(key, word);
	return NULL;
}

static void thread_with_key(void *word)
{
	pthread_t thread;

	pthread_key_create(&key, key_destructor);
	pthread_create(&thread, NULL, set_key, word);
	pthread_join(thread, NULL);
	pxt_equal(atomic_load((_Atomic uint64_t *)word), 1);
}

static void it_works_at_exit_and_in_key_destructors(void **state)
{
	(void)state;
	pxt_equal(WEXITSTATUS(pxt_run(exit_now, NULL)), 1);
	pxt_isolated(thread_with_key, (void *)count);
}

/* Where there is no program to execute, that is told. */
static void fail_to_spawn(void)
{
	struct procs_spec specs[] = { procs_proc(triple, 1), procs_proc(triple, 2) };
	struct procs_stream *stream = procs_call(specs, 2, NULL);
	struct procs_result result;

	for (int i = 0; i < 2; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_SPAWN);
		pxt_equal(result.failed->code, ENOENT);
	}
	procs_close(stream);
}

static void in_an_empty_root(void *directory)
{
	pxt_equal(chroot(directory), 0);
	pxt_equal(chdir("/"), 0);
	/* A sanitizer's thread makes the forkserver an executed program. */
	if (pxt_spawns() || (pxt_serves() && !__libc_single_threaded))
		fail_to_spawn();
	else
		use(true, 40);
}

static void it_works_without_proc_and_dev(void **state)
{
	char directory[] = "/tmp/procs-root-XXXXXX";

	(void)state;
	if (geteuid() != 0)
		skip();
	pxt_check(mkdtemp(directory) != NULL);
	pxt_isolated(in_an_empty_root, directory);
	rmdir(directory);
}

static void in_little_address_space(void *unused)
{
	const struct rlimit limit = { 200 << 20, 200 << 20 };

	(void)unused;
	pxt_equal(setrlimit(RLIMIT_AS, &limit), 0);
	use(true, 40);
}

static void in_hardly_any(void *unused)
{
	struct procs_spec specs[] = { procs_proc(triple, 1) };
	struct rlimit limit = { 0, 0 };

	(void)unused;
	limit.rlim_cur = limit.rlim_max = 1 << 20;
	pxt_equal(setrlimit(RLIMIT_AS, &limit), 0);
	errno = 0;
	pxt_check(procs_call(specs, 1, NULL) == NULL);
	pxt_equal(errno, ENOMEM);
}

static void little_address_space_is_enough_or_refused(void **state)
{
	(void)state;
	if (pxt_is_instrumented())
		skip();
	pxt_isolated(in_little_address_space, NULL);
	pxt_isolated(in_hardly_any, NULL);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static PROCS_DEFINE1(int, nap, int, milliseconds)
{
	usleep((useconds_t)milliseconds * 1000);
	return milliseconds;
}

static void on_one_cpu(void *unused)
{
	struct procs_spec specs[] = { procs_proc(nap, 500), procs_proc(nap, 500) };
	struct procs_stream *stream;
	struct procs_result result;
	cpu_set_t set;
	double before;

	(void)unused;
	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0, kept = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && kept++ > 0)
			CPU_CLR(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
	before = cpu_seconds();
	stream = procs_call(specs, 2, NULL);
	while (procs_next(stream, &result) > 0)
		pxt_check(result.failed == NULL);
	procs_close(stream);
	/* One worker on one CPU, so it took a second: less than 5 % of it is ours. */
	if (!pxt_is_instrumented())
		pxt_check(cpu_seconds() - before < 0.05);
}

static void waiting_costs_no_cpu(void **state)
{
	(void)state;
	pxt_isolated(on_one_cpu, NULL);
}

static PROCS_DEFINE1(double, third, double, x)
{
	return x / 3;
}

static void the_rounding_mode_is_the_hosts(void **state)
{
	struct procs_spec specs[] = { procs_proc(third, 1.0) };
	struct procs_stream *stream;
	struct procs_result result;
	volatile double one = 1.0;
	double up, value;

	(void)state;
	pxt_not_by("forkserver spawn", "a process of another program has its own");
	if (pxt_is_valgrind())
		skip(); /* it has no rounding modes */
	fesetround(FE_UPWARD);
	up = one / 3;
	stream = procs_call(specs, 1, NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	fesetround(FE_TONEAREST);
	pxt_check(value == up);
	pxt_check(value != one / 3);
	procs_close(stream);
}

static void as_process_one(void *unused)
{
	(void)unused;
	use(true, 40);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void in_a_pid_namespace(void *unused)
{
	(void)unused;
	if (unshare(CLONE_NEWPID) != 0)
		_exit(77);
	pxt_isolated(as_process_one, NULL);
}

static void the_host_may_be_process_one(void **state)
{
	int status;

	(void)state;
	status = pxt_run(in_a_pid_namespace, NULL);
	if (status == 77 << 8)
		skip();
	pxt_equal(status, 0);
}

static void handles_belong_to_their_process(void **state)
{
	int xs[] = { 1, 2 };
	struct procs_stream *stream = procs_pmap(triple, 2, NULL, xs);
	struct procs_result result;
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		const bool refused = procs_next(stream, &result) == -EPERM &&
				     procs_cancel(stream, 0) == -EPERM &&
				     procs_close(stream) == -EPERM;

		/* One of its own it may have. */
		use(true, 20);
		_exit(refused ? 0 : 1);
	}
	waitpid(child, &status, 0);
	pxt_equal(status, 0);
	for (int i = 0; i < 2; i++)
		pxt_equal(procs_next(stream, &result), 1);
	procs_close(stream);
}

static PROCS_DEFINE1(int, deeper, int, depth)
{
	struct procs_spec specs[] = { procs_proc(deeper, depth + 1) };
	struct procs_stream *stream;
	struct procs_result result;
	int reached = depth;

	errno = 0;
	stream = procs_call(specs, 1, NULL);
	if (stream == NULL)
		return errno == ELOOP ? depth : -errno;
	if (procs_next(stream, &result) == 1)
		procs_value(&result, &reached);
	procs_close(stream);
	return reached;
}

static void workers_may_have_workers_to_a_depth(void **state)
{
	struct procs_spec specs[] = { procs_proc(deeper, 1) };
	struct procs_stream *stream = procs_call(specs, 1, NULL);
	struct procs_result result;
	int value;

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_equal(value, 4);
	procs_close(stream);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(the_hosts_children_keep_their_status),
		pxt_test(sigchld_is_left_alone),
		pxt_test(any_way_to_watch_children_goes_on),
		pxt_test(pending_text_is_written_once),
		pxt_test(a_helper_sees_no_descriptor_of_ours),
		pxt_test(threads_of_the_host_may_hammer_malloc),
		pxt_test(a_lock_held_at_fork_costs_one_timeout),
		pxt_test(each_end_will_be_marked),
		pxt_test(ctrl_c_is_as_the_host_has_it),
		pxt_test(a_broken_pipe_is_the_tasks_own_fate),
		pxt_test(interrupted_waits_go_on),
		pxt_test(it_works_at_exit_and_in_key_destructors),
		pxt_test(it_works_without_proc_and_dev),
		pxt_test(little_address_space_is_enough_or_refused),
		pxt_test(waiting_costs_no_cpu),
		pxt_test(the_rounding_mode_is_the_hosts),
		pxt_test(the_host_may_be_process_one),
		pxt_test(handles_belong_to_their_process),
		pxt_test(workers_may_have_workers_to_a_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
