/*
 * What a worker has around it that was executed, or made by a forkserver: not what somebody
 * planted for it, none of the host's descriptors, and no signals blocked or ignored.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spawn_paths.h>

#include "host.h"
#include "tasks.h"

static uint64_t status_of(const char *line, const struct procs_options *options)
{
	struct procs_stream *stream = procs_pmap(status, 1, options, &line);
	struct procs_result result;
	uint64_t value = 1;

	pxt_check(stream != NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_equal(procs_close(stream), 0);
	return value;
}

static const char *variable_of(const char *name, const struct procs_options *options)
{
	return text_of(procs_pmap(variable, 1, options, &name));
}

static const char *here(const struct procs_options *options)
{
	const int zero = 0;

	return text_of(procs_pmap(directory, 1, options, &zero));
}

/* Programs and libraries of the names that are looked for, where somebody would plant them,
 * and all that says that they lie there. */
static void plant(void)
{
	static const char trap[] = "#!/bin/sh\necho > trace\n";

	pxt_equal(chdir(folder_make()), 0);
	write_file("procs-worker", trap, strlen(trap), 0755);
	write_file("spawn_worker", trap, strlen(trap), 0755);
	copy_file(PATH_PLANTED, "libprocs.so.0", 0755);
	copy_file(PATH_PLANTED, "libc.so.6", 0755);
	copy_file(PATH_PLANTED, "gconv.so", 0755);
	setenv("PATH", in_folder("."), 1);
	setenv("LD_PRELOAD", PATH_PLANTED, 1);
	setenv("LD_LIBRARY_PATH", in_folder("."), 1);
	setenv("LD_AUDIT", in_folder("libprocs.so.0"), 1);
	setenv("GCONV_PATH", in_folder("."), 1);
	setenv("PXT_OTHER", "abc", 1);
}

static void look_for_what_was_planted(void *unused)
{
	static const char *const names[] = { "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT",
					     "GCONV_PATH" };
	const char *const parts[] = { "planted", "libprocs.so.0", "/libc.so.6" };

	(void)unused;
	plant();
	/* A forkserver that is a copy has the environment of the host as it is. */
	for (int way = 0; way < WAYS; way++) {
		const struct procs_options options = way_begin(way);

		pxt_text(variable_of("PXT_OTHER", &options), "abc");
		pxt_check(strncmp(here(&options), in_folder(""), strlen(in_folder("")) - 1) == 0);
		for (int i = 0; i < 4 && way != 1; i++)
			pxt_text(variable_of(names[i], &options), "NULL");
		pxt_equal(int_of(procs_pmap(mapped, 1, &options, &parts[0])), 0);
		for (int i = 1; i < 3; i++) {
			const char *part = in_folder(parts[i]);

			pxt_equal(int_of(procs_pmap(mapped, 1, &options, &part)), 0);
		}
		expect_works(&options);
		way_end();
	}
	pxt_equal(access("trace", F_OK), -1);
	pxt_equal(chdir("/"), 0);
	folder_remove();
}

static void what_was_planted_is_not_used(void **state)
{
	(void)state;
	pxt_isolated(look_for_what_was_planted, NULL);
}

/* Who is started with it as usual has it: the trap is one. */
static void spring(void *unused)
{
	int status;
	char *said;

	(void)unused;
	setenv("LD_PRELOAD", PATH_PLANTED, 1);
	/* AddressSanitizer wants to be the first that is loaded. */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
	said = pxt_output((const char *const[]){ PATH_WORKER, "--list", NULL }, &status);
	pxt_check(strstr(said, "planted\n") != NULL);
	free(said);
}

static void the_trap_works(void **state)
{
	(void)state;
	pxt_isolated(spring, NULL);
}

/* Three standard ones, and the one by which it learns that the host is gone. */
static void expect_four(const char *list)
{
	int number = 0, end = 0;

	if (sscanf(list, "0 1 2 %d=pipe%n", &number, &end) != 1 || end != (int)strlen(list))
		pxt_failed(__FILE__, __LINE__, "a worker has the descriptors %s", list);
}

static void open_many(void *unused)
{
	const struct procs_spec spec = procs_proc(descriptors, 0);
	const struct rlimit limit = { 4096, 4096 };
	const int zero = 0;

	(void)unused;
	closefrom(3);
	/* The most that may be has no say. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	for (int way = 0; way < WAYS; way++) {
		struct procs_options options;
		struct procs_pool *pool;
		char beyond[4096], more, last;
		const char *list;

		snprintf(beyond, sizeof(beyond), "%s",
			 text_of(procs_pmap(descriptors_beyond, 1, NULL, &zero)));
		for (int i = 0; i < 500; i++)
			pxt_check(open("/dev/null", O_RDWR) > 2);
		options = way_begin(way);
		expect_four(text_of(procs_pmap(descriptors, 1, &options, &zero)));
		expect_four(text_of(procs_call(&spec, 1, &options)));
		/* A program that a task executes has not even that. */
		pxt_text(text_of(procs_pmap(descriptors_beyond, 1, &options, &zero)), beyond);
		pool = procs_pool_open(&options);
		/* One more, to find back to the folder that it began in. */
		list = text_of(procs_pmap(descriptors, 1, PROCS_OPTIONS(.pool = pool), &zero));
		pxt_equal(sscanf(list, "0 1 2 %*d=%c%*[^=]=pip%c%*c", &more, &last), 2);
		pxt_check(more == '/' && last == 'e');
		pxt_equal(procs_pool_close(pool), 0);
		way_end();
		closefrom(3);
	}
}

static void five_hundred_descriptors_stay_with_the_host(void **state)
{
	(void)state;
	pxt_isolated(open_many, NULL);
}

static void close_standard(void *first)
{
	const int zero = 0;
	char three[64] = "", four[64];

	for (int fd = 0; fd < 3; fd++)
		if (fd < *(int *)first)
			close(fd);
		else
			snprintf(three + strlen(three), sizeof(three) - strlen(three), "%d ", fd);
	/* A fork does not get anything there, either. */
	pxt_equal(strncmp(text_of(procs_pmap(descriptors, 1, NULL, &zero)), three, strlen(three)),
		  0);
	for (int way = 0; way < WAYS; way++) {
		const struct procs_options options = way_begin(way);
		const char *list = text_of(procs_pmap(descriptors, 1, &options, &zero));
		int number = 0;

		if (strncmp(list, three, strlen(three)) != 0)
			pxt_failed(__FILE__, __LINE__, "way %d has %s", way, list);
		pxt_equal(sscanf(list + strlen(three), "%d=pipe", &number), 1);
		snprintf(four, sizeof(four), "%s%d=pipe", three, number);
		pxt_check(strcmp(list, four) == 0 && number > 2);
		expect_works(&options);
		/* What stays with the host does not go there, either. */
		for (int fd = 0; fd < *(int *)first; fd++)
			pxt_equal(fcntl(fd, F_GETFD), -1);
		way_end();
	}
}

static void a_host_without_standard_descriptors(void **state)
{
	int first = 1;

	(void)state;
	pxt_isolated(close_standard, &first);
	first = 2;
	pxt_isolated(close_standard, &first);
}

static void catch (int number)
{
	(void)number;
}

static uint64_t bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

static void block_and_ignore(void *unused)
{
	static const int ignored[] = { SIGINT, SIGPIPE, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1 };
	sigset_t all;

	(void)unused;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGUSR2, catch);
	signal(SIGWINCH, catch);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int way = 0; way < WAYS; way++) {
		const struct procs_options options = way_begin(way);
		const uint64_t caught = status_of("SigCgt", &options);

		pxt_equal(status_of("SigBlk", &options), 0);
		/* A copy keeps what the program ignores, as any fork; an executed program ctrl-C
		 * alone. glibc has set its own two signals so. */
		if (way == 1)
			pxt_equal(status_of("SigIgn", &options) & bit(SIGINT), bit(SIGINT));
		else
			pxt_equal(status_of("SigIgn", &options) & ~(bit(32) | bit(33)),
				  bit(SIGINT));
		pxt_equal(caught & (bit(SIGTERM) | bit(SIGUSR2) | bit(SIGWINCH) | bit(SIGINT)), 0);
		expect_works(&options);
		way_end();
	}
}

static void signals_are_as_in_a_new_program(void **state)
{
	(void)state;
	pxt_isolated(block_and_ignore, NULL);
}

/* All that there are go to the slots of workers; then those have left, and others come. */
static void use_all_descriptors(void *unused)
{
	const struct rlimit limit = { .rlim_cur = 64, .rlim_max = 64 };
	struct procs_result result;
	int ones[64];

	(void)unused;
	for (int i = 0; i < 64; i++)
		ones[i] = 1;
	for (int way = 0; way < WAYS; way++) {
		struct procs_options options = way_begin(way);
		struct procs_stream *stream;

		options.workers = 64;
		pxt_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		stream = procs_pmap(plus, 64, &options, ones, ones);
		pxt_check(stream != NULL);
		while (procs_next(stream, &result) > 0)
			if (result.failed != NULL)
				pxt_failed(__FILE__, __LINE__, "way %d: %s", way,
					   procs_text(&result));
		pxt_equal(procs_close(stream), 0);
		way_end();
	}
}

static void a_host_with_few_descriptors(void **state)
{
	(void)state;
	pxt_isolated(use_all_descriptors, NULL);
}

/* Slots' files are there; then no file may be as long any more. */
static void limit_files(void *unused)
{
	const struct rlimit limit = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY };
	const int one = 1;
	struct procs_result result;
	pid_t children[16];

	(void)unused;
	for (int way = 0; way < WAYS; way++) {
		const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
		struct procs_options options = way_begin(way);
		struct procs_pool *pool;
		struct procs_stream *stream;
		int n;

		options.workers = 1;
		pool = procs_pool_open(&options);
		pxt_check(pool != NULL);
		expect_works(PROCS_OPTIONS(.pool = pool));
		n = children_of(getpid(), children, 16);
		for (int i = 0; i < n; i++)
			pxt_equal(kill(children[i], SIGKILL), 0);
		pxt_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		stream = procs_pmap(plus, 1, PROCS_OPTIONS(.pool = pool, .traceback_fd = -1), &one,
				    &one);
		pxt_check(stream != NULL);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL || result.failed->cause == PROCS_CAUSE_RESOURCE);
		pxt_equal(procs_close(stream), 0);
		pxt_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
		expect_works(PROCS_OPTIONS(.pool = pool));
		pxt_equal(procs_pool_close(pool), 0);
		way_end();
	}
}

/* Slots are as large as files may be, and results no larger. */
static void limit_files_first(void *unused)
{
	const struct rlimit limit = { .rlim_cur = 64 << 20, .rlim_max = RLIM_INFINITY };
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	(void)unused;
	for (int way = 0; way < WAYS; way++) {
		const struct procs_options options = way_begin(way);

		pxt_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		expect_works(&options);
		pxt_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
		way_end();
	}
}

static void a_host_that_may_write_small_files(void **state)
{
	(void)state;
	pxt_isolated(limit_files_first, NULL);
}

static void a_limit_that_comes_later(void **state)
{
	(void)state;
	pxt_isolated(limit_files, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		pxt_test(what_was_planted_is_not_used),
		pxt_test(the_trap_works),
		pxt_test(five_hundred_descriptors_stay_with_the_host),
		pxt_test(a_host_without_standard_descriptors),
		pxt_test(a_host_with_few_descriptors),
		pxt_test(a_limit_that_comes_later),
		pxt_test(a_host_that_may_write_small_files),
		pxt_test(signals_are_as_in_a_new_program),
	};

	procs_worker_hook(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
