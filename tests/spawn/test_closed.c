/*
 * What the library keeps open while no stream is: a host may close numbers that it does not
 * know, and gets them for files of its own. Those are left alone then, and work goes on.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "tasks.h"

enum {
	FILES = 16,
	FIRST = 3 /* behind the standard ones */
};

/* Files of the host, each with a content of its own size. */
struct files {
	int fds[FILES];
	struct stat are[FILES];
};

static void files_open(struct files *files)
{
	for (int i = 0; i < FILES; i++) {
		files->fds[i] = memfd_create("pxt-file", 0);
		pxt_check(files->fds[i] >= 0);
		pxt_equal(fstat(files->fds[i], &files->are[i]), 0);
	}
}

static bool files_are(const struct files *files)
{
	struct stat now;
	bool all = true;

	for (int i = 0; i < FILES; i++)
		all &= fstat(files->fds[i], &now) == 0 && now.st_ino == files->are[i].st_ino &&
		       now.st_dev == files->are[i].st_dev;
	return all;
}

/* Nothing of the host's was closed, in it or in a child of it. */
static void expect_files(const struct files *files)
{
	int status;
	pid_t child;

	pxt_check(files_are(files));
	child = fork();
	if (child == 0)
		_exit(files_are(files) ? 0 : 1);
	pxt_equal(waitpid(child, &status, 0), child);
	pxt_equal(status, 0);
}

static void everything_closed(void *start)
{
	const struct procs_options *options = start;
	int *const xs = procs_array(int, 8);
	struct files files;

	pxt_check(xs != NULL);
	expect_works(options);
	closefrom(FIRST);
	files_open(&files);
	/* By fork() the child sees the old numbers too. */
	expect_files(&files);
	expect_works(options);
	expect_files(&files);
	/* Once more, with the forkserver that was started meanwhile. */
	expect_works(options);
	pxt_equal(procs_forkserver_stop(), 0);
	pxt_equal(procs_array_free(xs), 0);
	expect_files(&files);
	pxt_equal(pxt_children(), 0);
}

static void a_host_may_close_everything(void **state)
{
	struct procs_options *const ways[] = {
		PROCS_OPTIONS(.start = PROCS_START_FORK),
		PROCS_OPTIONS(.start = PROCS_START_FORKSERVER),
		PROCS_OPTIONS(.start = PROCS_START_SPAWN),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		pxt_isolated(everything_closed, ways[i]);
}

/* One number after the other gets another file under a forkserver that runs. */
static void each_taken(void *unused)
{
	const struct procs_options *options = PROCS_OPTIONS(.start = PROCS_START_FORKSERVER);
	const int mine = memfd_create("pxt-mine", MFD_CLOEXEC);
	struct stat is, now;
	int taken = 0;

	(void)unused;
	pxt_equal(fstat(mine, &is), 0);
	for (int fd = FIRST; fd < 32; fd++) {
		expect_works(options);
		if (fd == mine || fcntl(fd, F_GETFD) < 0)
			continue;
		pxt_equal(dup3(mine, fd, O_CLOEXEC), fd);
		taken++;
		expect_works(options);
		pxt_equal(procs_forkserver_stop(), 0);
		pxt_equal(fstat(fd, &now), 0);
		pxt_equal(now.st_ino, is.st_ino);
		pxt_equal(pxt_children(), 0);
	}
	/* Its socket, its pidfd, and two ends of a pipe; numbers of new ones come on top. */
	pxt_check(taken >= 4);
}

static void each_number_may_be_another_file(void **state)
{
	(void)state;
	pxt_isolated(each_taken, NULL);
}

static void stopped(void *unused)
{
	const struct procs_options *options = PROCS_OPTIONS(.start = PROCS_START_FORKSERVER);
	const uint64_t soon = UINT64_C(8000000000);
	char text[1024];
	uint64_t began;
	pid_t pid;

	(void)unused;
	pxt_equal(procs_forkserver_start(NULL), 0);
	pid = forkserver_of(getpid());
	pxt_equal(kill(pid, SIGSTOP), 0);
	pxt_check(procs_explain(options, text, sizeof(text)) > 0);
	pxt_check(strstr(text, "forkserver, which runs") != NULL);
	began = procs_deadline(0);
	expect_works(options);
	/* It has two seconds to answer, and is then replaced. */
	pxt_check(procs_deadline(0) - began < soon);
	pxt_check(forkserver_of(getpid()) != pid);
	pxt_equal(kill(pid, 0), -1);
	pxt_equal(procs_forkserver_stop(), 0);
}

static void a_stopped_forkserver_is_replaced(void **state)
{
	(void)state;
	pxt_isolated(stopped, NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		pxt_test(a_host_may_close_everything),
		pxt_test(each_number_may_be_another_file),
		pxt_test(a_stopped_forkserver_is_replaced),
	};

	procs_worker_hook(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
