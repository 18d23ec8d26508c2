/*
 * The life of a forkserver: it dies at any moment and nothing is lost nor done twice; from a
 * host with threads it is executed; and when it is stopped nothing of it is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <spawn_paths.h>

#include "host.h"
#include "tasks.h"

PXT_SHARED(_Atomic uint64_t, words, 10);

enum {
	ITEMS = 400,
	BIG = 64 << 20
};

#define FORKSERVER(...) PROCS_OPTIONS(.start = PROCS_START_FORKSERVER, .workers = 2, __VA_ARGS__)

static pid_t server(void)
{
	const pid_t pid = forkserver_of(getpid());

	pxt_check(pid > 0);
	return pid;
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

/* Until it is dead; it may still be a zombie, which its parent has not asked for. */
static void kill_and_wait(pid_t pid)
{
	siginfo_t info;

	pxt_equal(kill(pid, SIGKILL), 0);
	pxt_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
}

/* Each item once, with its own value, at the first try. */
static void expect_counted(struct procs_stream *stream, int n, const _Atomic uint64_t *counts,
			   uint64_t times)
{
	struct procs_result result;
	int value;

	pxt_check(stream != NULL);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		if (procs_value(&result, &value) != 0)
			pxt_failed(__FILE__, __LINE__, "item %d: %s", i, procs_text(&result));
		pxt_equal(result.index, i);
		pxt_equal(value, 3 * i + 1);
		pxt_equal(atomic_load(&counts[i]), times);
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static void it_is_started_again(void **state)
{
	pid_t before, after;

	(void)state;
	pxt_equal(procs_forkserver_start(NULL), 0);
	before = server();
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(server(), before);
	expect_works(FORKSERVER());
	pxt_equal(server(), before);
	for (int round = 0; round < 20; round++) {
		kill_and_wait(before);
		expect_works(FORKSERVER());
		after = server();
		pxt_check(after != before);
		pxt_check(is_gone(before));
		before = after;
	}
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_check(is_gone(before));
	pxt_equal(pxt_children(), 0);
	/* Without a word it is started when it is needed. */
	expect_works(FORKSERVER());
	pxt_check(server() != before);
	pxt_equal(procs_forkserver_stop(), 0);
}

/* Every state that a process may be in when it is to make a worker. */
static void one_that_does_not_run(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	pxt_equal(procs_forkserver_start(NULL), 0);
	pid = server();
	/* Its status is taken by the host: a stranger's death to the library. */
	pxt_equal(kill(pid, SIGTERM), 0);
	pxt_equal(waitpid(pid, &status, __WALL), pid);
	expect_works(FORKSERVER());
	pid = server();
	/* A stop in order finds one that stands. */
	pxt_equal(kill(pid, SIGSTOP), 0);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_check(is_gone(pid));
}

struct killer {
	pid_t host, self;
	_Atomic uint64_t *kills, *stop;
};

/* Kills what was the server on two looks in a row: a worker that was just made has the
 * socket for a moment, too. */
static void kill_at_random(struct killer *killer, uint64_t seed)
{
	/* With a sanitizer it takes long to begin, and has to, now and then. */
	const uint64_t longest = pxt_is_instrumented() ? 500000000 : 3000000;

	while (atomic_load(killer->stop) == 0) {
		const struct timespec pause = { .tv_nsec = (long)(pxt_random(&seed) % longest) };
		const pid_t pid = forkserver_of(killer->host);

		nanosleep(&pause, NULL);
		if (pid > 0 && forkserver_of(killer->host) == pid && kill(pid, SIGKILL) == 0)
			atomic_fetch_add(killer->kills, 1);
	}
}

/* Streams and pools one after the other, the server killed meanwhile. */
static void work_on(struct killer *killer, int rounds)
{
	_Atomic uint64_t *counts;
	const int file = counters_make(ITEMS, &counts);
	int hosts[ITEMS], files[ITEMS], items[ITEMS];
	struct procs_spec specs[ITEMS];
	uint64_t times = 0;

	for (int i = 0; i < ITEMS; i++) {
		hosts[i] = getpid();
		files[i] = file;
		items[i] = i;
		specs[i] = procs_proc(counted, hosts[i], file, i);
	}
	for (int round = 0; round < rounds || atomic_load(killer->kills) < 20; round++) {
		struct procs_pool *pool = procs_pool_open(FORKSERVER());

		pxt_check(pool != NULL);
		expect_counted(procs_pmap(counted, ITEMS, FORKSERVER(), hosts, files, items), ITEMS,
			       counts, ++times);
		/* A process for each. */
		expect_counted(procs_call(specs, ITEMS / 4, FORKSERVER()), ITEMS / 4, counts,
			       times + 1);
		expect_counted(procs_pmap(counted, ITEMS / 4, PROCS_OPTIONS(.pool = pool), hosts,
					  files, items),
			       ITEMS / 4, counts, times + 2);
		pxt_equal(procs_pool_close(pool), 0);
		for (int i = 0; i < ITEMS; i++)
			atomic_store(&counts[i], 0);
		times = 0;
	}
	counters_free(file, counts, ITEMS);
}

static void killed_by_another_process(void *argument)
{
	struct killer *killer = argument;
	pid_t pid;
	int status;

	killer->host = getpid();
	pid = fork();
	if (pid == 0) {
		alarm(100);
		kill_at_random(killer, 1);
		_exit(0);
	}
	work_on(killer, 10);
	atomic_store(killer->stop, 1);
	pxt_equal(waitpid(pid, &status, 0), pid);
	pxt_equal(status, 0);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(pxt_children(), 0);
}

static void it_may_be_killed_at_any_moment(void **state)
{
	struct killer killer = { .kills = &words[0], .stop = &words[1] };

	(void)state;
	pxt_isolated(killed_by_another_process, &killer);
}

static void *kill_in_a_thread(void *killer)
{
	kill_at_random(killer, 2);
	return NULL;
}

static void killed_by_a_thread(void *argument)
{
	struct killer *killer = argument;
	pthread_t thread;

	killer->host = getpid();
	pxt_equal(pthread_create(&thread, NULL, kill_in_a_thread, killer), 0);
	work_on(killer, 5);
	atomic_store(killer->stop, 1);
	pxt_equal(pthread_join(thread, NULL), 0);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(pxt_children(), 0);
}

static void of_a_host_with_threads_too(void **state)
{
	struct killer killer = { .kills = &words[2], .stop = &words[3] };

	(void)state;
	pxt_isolated(killed_by_a_thread, &killer);
}

static void *wait_for(void *word)
{
	pxt_await(word, 1);
	return NULL;
}

/* Lines of a file of its in /proc with that part. */
static int lines_of(pid_t pid, const char *name, const char *part)
{
	char path[64], line[4096];
	FILE *file;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, part) != NULL;
	if (file != NULL)
		fclose(file);
	return count;
}

/* Memory of the host in a file, by whose name it is found. */
static void compare_memory(void *word)
{
	const int file = memfd_create("pxt-big", MFD_CLOEXEC);
	char *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	const char *part = "pxt-big";
	const int copied = __libc_single_threaded; /* a sanitizer has a thread, too */
	struct procs_options options = *FORKSERVER();
	pthread_t thread;

	pxt_equal(ftruncate(file, BIG), 0);
	pxt_check(big != MAP_FAILED);
	pxt_equal(lines_of(getpid(), "maps", part), 1);
	/* Of a host with one thread and little memory it is a copy. */
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(lines_of(server(), "maps", part), copied);
	pxt_equal(int_of(procs_pmap(mapped, 1, &options, &part)), copied);
	pxt_equal(procs_forkserver_stop(), 0);
	memset(big, 1, BIG);
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(lines_of(server(), "maps", part), 0);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(madvise(big, BIG, MADV_DONTNEED), 0);
	pxt_equal(pthread_create(&thread, NULL, wait_for, word), 0);
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(lines_of(server(), "maps", part), 0);
	pxt_equal(lines_of(server(), "maps", "spawn_test_forkserver") > 0, 1);
	pxt_equal(int_of(procs_pmap(mapped, 1, &options, &part)), 0);
	expect_works(&options);
	/* When it has died, too. */
	kill_and_wait(server());
	pxt_equal(int_of(procs_pmap(mapped, 1, &options, &part)), 0);
	pxt_equal(lines_of(server(), "maps", part), 0);
	pxt_equal(procs_forkserver_stop(), 0);
	atomic_store((_Atomic uint64_t *)word, 1);
	pxt_equal(pthread_join(thread, NULL), 0);
	munmap(big, BIG);
	close(file);
}

static void of_a_host_with_threads_it_is_executed(void **state)
{
	(void)state;
	pxt_isolated(compare_memory, &words[4]);
}

/* In whichever way it was started, and however it ended. */
static void nothing_is_left_of_it(void **state)
{
	const int descriptors = pxt_descriptors(), arenas = pxt_arenas();

	(void)state;
	for (int round = 0; round < 3 * WAYS; round++) {
		const struct procs_options options = way_begin(round % WAYS);
		struct procs_pool *pool = procs_pool_open(&options);

		pxt_check(pool != NULL);
		expect_works(&options);
		if (round >= WAYS && round % 2 == 1)
			kill_and_wait(server());
		if (round >= 2 * WAYS)
			way_end();
		/* Its workers do not need it. */
		expect_works(PROCS_OPTIONS(.pool = pool));
		pxt_equal(procs_pool_close(pool), 0);
		way_end();
		pxt_equal(pxt_children(), 0);
		pxt_equal(pxt_descriptors(), descriptors);
		pxt_equal(pxt_arenas(), arenas);
	}
	pxt_equal(procs_forkserver_stop(), 0);
}

static void start_and_go(void *pid)
{
	pxt_equal(procs_forkserver_start(NULL), 0);
	expect_works(FORKSERVER());
	atomic_store((_Atomic uint64_t *)pid, (uint64_t)server());
}

/* Also of one that ended without a word; it is not in our hands to wait for it. */
static void it_ends_with_its_host(void **state)
{
	_Atomic uint64_t *pid = &words[5];
	const struct timespec step = { .tv_nsec = 1000000 };

	(void)state;
	pxt_isolated(start_and_go, pid);
	for (int i = 0; i < 10000 && lines_of((pid_t)atomic_load(pid), "status", "State:\tS"); i++)
		nanosleep(&step, NULL);
	pxt_equal(lines_of((pid_t)atomic_load(pid), "status", "State:\tS"), 0);
}

/* The server is made with that many descriptors, and keeps the limit. */
static void start_with_few(void *limit)
{
	struct rlimit few, many;
	const int zero = 0;
	pid_t children[4];
	int n;

	pxt_equal(getrlimit(RLIMIT_NOFILE, &many), 0);
	few = many;
	few.rlim_cur = *(const rlim_t *)limit;
	pxt_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	(void)procs_forkserver_start(NULL);
	pxt_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
	if (forkserver_of(getpid()) > 0) {
		struct procs_stream *stream = procs_pmap(stays, 1, FORKSERVER(), &zero);
		struct procs_result result;

		pxt_check(stream != NULL);
		(void)procs_next_until(stream, &result, procs_deadline(200000000));
	}
	n = children_of(getpid(), children, 4);
	for (int i = 0; i < n && i < 4; i++)
		atomic_store(&words[6 + i], (uint64_t)children[i]);
	_exit(0);
}

static void with_few_descriptors_too(void **state)
{
	const struct timespec step = { .tv_nsec = 1000000 };

	(void)state;
	for (rlim_t limit = 4; limit < 16; limit++) {
		for (int i = 6; i < 10; i++)
			atomic_store(&words[i], 0);
		pxt_isolated(start_with_few, &limit);
		for (int i = 6; i < 10; i++) {
			const pid_t pid = (pid_t)atomic_load(&words[i]);
			int waited = 0;

			while (pid > 0 && lines_of(pid, "status", "State:\tS") && waited++ < 1000)
				nanosleep(&step, NULL);
			if (waited >= 1000)
				pxt_failed(__FILE__, __LINE__, "limit %d: one is left", (int)limit);
		}
	}
}

static void serve_without_proc(void *folder)
{
	const int zero = 0;

	/* Orphans come to this process. */
	pxt_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	if (fork() == 0) {
		struct procs_stream *stream;
		struct procs_result result;

		pxt_equal(chroot(folder), 0);
		/* One that is executed is not to be had there. */
		if (!__libc_single_threaded)
			_exit(0);
		pxt_equal(procs_forkserver_start(NULL), 0);
		stream = procs_pmap(stays, 1, FORKSERVER(), &zero);
		pxt_equal(procs_next_until(stream, &result, procs_deadline(200000000)), -ETIMEDOUT);
		raise(SIGKILL);
	}
	alarm(10);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	alarm(0);
}

/* No lifeline is to be had there. */
static void its_workers_end_with_a_host_without_proc(void **state)
{
	const char *folder = folder_make();

	(void)state;
	if (geteuid() == 0)
		pxt_isolated(serve_without_proc, (void *)(uintptr_t)folder);
	folder_remove();
}

static void give_up_rights(void *unused)
{
	const uid_t nobody = 65534;
	const char *line = "Uid";
	struct procs_result result;
	struct procs_stream *stream;
	uint64_t user;

	(void)unused;
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(setresuid(nobody, nobody, nobody), 0);
	stream = procs_pmap(status, 1, FORKSERVER(), &line);
	pxt_check(stream != NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &user), 0);
	/* As that task reads numbers: hexadecimal. */
	pxt_equal(user, 0x65534);
	pxt_equal(procs_close(stream), 0);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(pxt_children(), 0);
}

static void its_workers_may_do_no_more_than_the_host(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	pxt_isolated(give_up_rights, NULL);
}

static void use_in_a_child(void *pid)
{
	/* The parent's is not a child of this process: it has its own. */
	expect_works(FORKSERVER());
	pxt_check(server() != *(pid_t *)pid);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(pxt_children(), 0);
}

static void a_child_has_its_own(void **state)
{
	pid_t pid;

	(void)state;
	pxt_equal(procs_forkserver_start(NULL), 0);
	pid = server();
	pxt_isolated(use_in_a_child, &pid);
	pxt_equal(server(), pid);
	expect_works(FORKSERVER());
	pxt_equal(server(), pid);
	pxt_equal(procs_forkserver_stop(), 0);
}

static void *fork_until(void *stop)
{
	int status;

	while (atomic_load((_Atomic uint64_t *)stop) == 0) {
		const pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		pxt_equal(waitpid(pid, &status, 0), pid);
		pxt_equal(status, 0);
	}
	return NULL;
}

/* Nothing of the library ran before in this process. */
static void start_beside_forks(void *stop)
{
	const uint64_t until = procs_deadline(UINT64_C(1000000000));
	pthread_t thread;

	alarm(60);
	pxt_equal(pthread_create(&thread, NULL, fork_until, stop), 0);
	while (procs_deadline(0) < until) {
		pxt_equal(procs_forkserver_start(NULL), 0);
		pxt_equal(procs_forkserver_stop(), 0);
	}
	atomic_store((_Atomic uint64_t *)stop, 1);
	pxt_equal(pthread_join(thread, NULL), 0);
	alarm(0);
}

static void another_thread_may_fork(void **state)
{
	(void)state;
	/* Sanitizers' allocators do not repair their locks in a fork. */
	if (pxt_is_instrumented())
		skip();
	atomic_store(&words[0], 0);
	pxt_isolated(start_beside_forks, &words[0]);
}

/* While one runs it is that one. */
static void another_program_has_to_wait(void **state)
{
	(void)state;
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(procs_forkserver_start(NULL), 0);
	pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.worker = "/bin/true")), -EBUSY);
	pxt_equal(procs_forkserver_stop(), 0);
}

static void expect_explained(const struct procs_options *options, const char *part)
{
	char text[2048], little[16];
	const int size = procs_explain(options, text, sizeof(text));

	pxt_equal(size, strlen(text));
	if (strstr(text, part) == NULL)
		pxt_failed(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", part, text);
	pxt_equal(procs_explain(options, little, sizeof(little)), size);
	pxt_equal(strlen(little), sizeof(little) - 1);
	pxt_equal(procs_explain(options, NULL, 0), size);
}

/* Each method by its name, what is better for a large host, and what is wrong. */
static void what_is_explained(void **state)
{
	/* Not of malloc, whose memory a compiler may do without. */
	char *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char text[256];

	(void)state;
	pxt_check(big != MAP_FAILED);
	expect_explained(PROCS_OPTIONS(.start = PROCS_START_SPAWN), "start: spawn: /");
	expect_explained(PROCS_OPTIONS(.start = PROCS_START_INLINE), "start: inline");
	expect_explained(FORKSERVER(), "which will be started when it is needed");
	expect_explained(PROCS_OPTIONS(.start = PROCS_START_FORK, .workers = 3),
			 "workers: 3, as options say");
	memset(big, 1, BIG);
	/* A sanitizer's memory is none of the host's own. */
	if (!pxt_is_instrumented())
		expect_explained(PROCS_OPTIONS(.start = PROCS_START_FORK),
				 "better: PROCS_START_FORKSERVER");
	munmap(big, BIG);
	pxt_equal(procs_explain(PROCS_OPTIONS(.start = 77), text, sizeof(text)), -EINVAL);
	pxt_check(strstr(text, "options.start") != NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		pxt_test(another_thread_may_fork),
		pxt_test(it_is_started_again),
		pxt_test(one_that_does_not_run),
		pxt_test(it_may_be_killed_at_any_moment),
		pxt_test(of_a_host_with_threads_too),
		pxt_test(of_a_host_with_threads_it_is_executed),
		pxt_test(nothing_is_left_of_it),
		pxt_test(it_ends_with_its_host),
		pxt_test(with_few_descriptors_too),
		pxt_test(its_workers_may_do_no_more_than_the_host),
		pxt_test(its_workers_end_with_a_host_without_proc),
		pxt_test(a_child_has_its_own),
		pxt_test(another_program_has_to_wait),
		pxt_test(what_is_explained),
	};

	procs_worker_hook(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
