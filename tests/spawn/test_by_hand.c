/*
 * Workers that nobody executed to be one, or that were given what is no slot: usage or
 * refusal, status 2, and nothing is touched. And what they list.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn_paths.h>

#include "host.h"
#include "tasks.h"

enum {
	REPLY_AT = 2048, /* offset in a slot of what a worker says when it cannot begin */
	PAGE = 4096,
	HANDED = 4 /* descriptors from 3 on that a worker is given */
};

/* Its status, with fds as descriptors from 3 on, -1: closed. What it says is copied. */
static int status_with(const char *const argv[], const int fds[HANDED], char *said, size_t room)
{
	int pipes[2], status, above[HANDED];
	ssize_t got;
	size_t size = 0;
	pid_t pid;

	pxt_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		for (int i = 0; i < HANDED; i++)
			above[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD, 100) : -1;
		closefrom(200);
		for (int i = 0; i < HANDED; i++) {
			close(3 + i);
			if (above[i] >= 0)
				dup2(above[i], 3 + i);
		}
		closefrom(3 + HANDED);
		alarm(30);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipes[1]);
	while (size < room - 1 && (got = read(pipes[0], said + size, room - 1 - size)) > 0)
		size += (size_t)got;
	said[size] = '\0';
	close(pipes[0]);
	pxt_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_2(const char *const argv[], const int fds[HANDED], const char *text)
{
	char said[8192];
	const int status = status_with(argv, fds, said, sizeof(said));

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 2 ||
	    (text != NULL ? strstr(said, text) == NULL : said[0] != '\0'))
		pxt_failed(__FILE__, __LINE__, "%s %s: status %#x, \"%s\"", argv[0],
			   argv[1] != NULL ? argv[1] : "", status, said);
}

static const int none[HANDED] = { -1, -1, -1, -1 };

static void a_usage(void **state)
{
	const char *const programs[] = { PATH_WORKER, PATH_STOCK };

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *const text = i == 0 ? "a worker of procs" : "usage: procs-worker";

		expect_2((const char *const[]){ programs[i], NULL }, none, text);
		expect_2((const char *const[]){ programs[i], "--help", NULL }, none, text);
		expect_2((const char *const[]){ programs[i], "--list", "x", "y", NULL }, none,
			 i == 0 ? text : "x is no absolute path");
		expect_2((const char *const[]){ programs[i], "--procs-work", NULL }, none, text);
	}
	expect_2((const char *const[]){ PATH_STOCK, "--list", NULL }, none, "usage");
	expect_2((const char *const[]){ PATH_WORKER_TWINS, "--list", NULL }, none,
		 "two tasks are named twin");
}

static const char *const marks[] = { "--procs-worker", "--procs-forkserver" };
static const char *const marked[] = { PATH_WORKER, PATH_HOOKED, PATH_STOCK };

/* As somebody would who read the arguments of a worker in a list of processes. */
static void marks_by_hand(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++)
			expect_2((const char *const[]){ marked[i], marks[k],
							i == 2 ? PATH_MODULE : NULL, NULL },
				 none, marked[i]);
	/* Without modules it has no tasks. */
	for (int k = 0; k < 2; k++)
		expect_2((const char *const[]){ PATH_STOCK, marks[k], NULL }, none, PATH_STOCK);
}

static void a_hooked_program_is_itself(void **state)
{
	char said[8192];
	int status =
		status_with((const char *const[]){ PATH_HOOKED, NULL }, none, said, sizeof(said));

	(void)state;
	pxt_equal(WEXITSTATUS(status), 7);
	pxt_text(said, "in main\n");
	status = status_with((const char *const[]){ PATH_HOOKED, "x", "--procs-worker", NULL },
			     none, said, sizeof(said));
	pxt_equal(WEXITSTATUS(status), 7);
	/* Without any arguments, as execve allows. */
	status = status_with((const char *const[]){ PATH_HOOKED, "", NULL }, none, said,
			     sizeof(said));
	pxt_equal(WEXITSTATUS(status), 7);
}

/* On a terminal, which is all that it has: it must not read it. */
static void try_on_a_terminal(const char *program, const char *mark)
{
	char said[4096];
	size_t size = 0;
	int terminal, status;
	ssize_t got;
	const pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid == 0) {
		for (int fd = 3; fd < 3 + HANDED; fd++)
			dup2(0, fd);
		closefrom(3 + HANDED);
		alarm(30);
		execl(program, program, mark, (char *)NULL);
		_exit(127);
	}
	pxt_check(pid > 0);
	/* The end of a terminal whose last writer has gone is EIO. */
	while (size < sizeof(said) - 1 &&
	       (got = read(terminal, said + size, sizeof(said) - 1 - size)) > 0)
		size += (size_t)got;
	said[size] = '\0';
	pxt_equal(waitpid(pid, &status, 0), pid);
	close(terminal);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 2 || size == 0)
		pxt_failed(__FILE__, __LINE__, "%s %s: status %#x, \"%s\"", program,
			   mark != NULL ? mark : "", status, said);
}

static void on_a_terminal(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++)
			try_on_a_terminal(marked[i], marks[k]);
	try_on_a_terminal(PATH_WORKER, NULL);
	try_on_a_terminal(PATH_STOCK, NULL);
}

static int memory_file(const void *bytes, size_t size, int seals)
{
	const int file = memfd_create("pxt-slot", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	pxt_check(file >= 0);
	pxt_equal(pwrite(file, bytes, size, 0), size);
	pxt_equal(fcntl(file, F_ADD_SEALS, seals), 0);
	return file;
}

enum {
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL
};

static void expect_untouched(int file, const unsigned char *bytes, size_t size, bool may_reply)
{
	static unsigned char now[PAGE];

	for (size_t at = 0; at < size; at += PAGE) {
		const size_t part = size - at < PAGE ? size - at : PAGE;

		pxt_equal(pread(file, now, part, (off_t)at), part);
		if (may_reply && at == 0)
			memcpy(now + REPLY_AT, bytes + REPLY_AT, part - REPLY_AT);
		if (memcmp(now, bytes + at, part) != 0)
			pxt_failed(__FILE__, __LINE__, "bytes were touched from %zu on", at);
	}
}

/* In each place that a worker has for a descriptor. */
static void refuse_everywhere(int file, const char *mark)
{
	const int all[HANDED] = { file, file, file, file };
	const int first[HANDED] = { file, -1, -1, -1 };

	expect_2((const char *const[]){ PATH_WORKER, mark, NULL }, all, PATH_WORKER);
	expect_2((const char *const[]){ PATH_WORKER, mark, NULL }, first, PATH_WORKER);
}

static void what_is_no_slot(void **state)
{
	static unsigned char zeros[16 * PAGE];
	const size_t sizes[] = { 0, 1, 100, PAGE - 1, PAGE, PAGE + 1, sizeof(zeros) };
	char name[] = "/tmp/procs-slot-XXXXXX";
	int ends[2], file;

	(void)state;
	for (int k = 0; k < 2; k++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			file = memory_file(zeros, sizes[i], SEALS);
			/* A page of zeros is that of a server; but nobody is there. */
			if (k == 0)
				refuse_everywhere(file, marks[k]);
			expect_untouched(file, zeros, sizes[i], false);
			close(file);
		}
		file = open("/dev/null", O_RDWR | O_CLOEXEC);
		refuse_everywhere(file, marks[k]);
		close(file);
		file = mkstemp(name);
		pxt_equal(unlink(name), 0);
		memcpy(name + strlen(name) - 6, "XXXXXX", 6);
		pxt_equal(write(file, zeros, sizeof(zeros)), sizeof(zeros));
		refuse_everywhere(file, marks[k]);
		close(file);
		pxt_equal(pipe(ends), 0);
		refuse_everywhere(ends[0], marks[k]);
		refuse_everywhere(ends[1], marks[k]);
		close(ends[0]);
		close(ends[1]);
		pxt_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
		refuse_everywhere(ends[0], marks[k]);
		close(ends[0]);
		close(ends[1]);
	}
}

/* The bytes of a real slot, with its letter, as a worker found it. */
static unsigned char *real_slot(size_t *size_out)
{
	const int file = memfd_create("pxt-copy", 0), one = 1;
	struct procs_stream *stream;
	struct procs_result result;
	struct stat status;
	unsigned char *bytes;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), file);
	setenv("PXT_MOOD", "copy", 1);
	setenv("PXT_COPY", path, 1);
	stream = procs_pmap(plus, 1,
			    PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = PATH_MOODY,
					  .reserve_bytes = 1 << 16, .traceback_fd = -1),
			    &one, &one);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_close(stream), 0);
	unsetenv("PXT_MOOD");
	pxt_equal(fstat(file, &status), 0);
	pxt_check(status.st_size > PAGE);
	*size_out = (size_t)status.st_size;
	bytes = malloc(*size_out);
	pxt_check(bytes != NULL);
	pxt_equal(pread(file, bytes, *size_out, 0), *size_out);
	close(file);
	return bytes;
}

static int read_only(int file)
{
	char path[64];
	int other;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	other = open(path, O_RDONLY | O_CLOEXEC);
	pxt_check(other >= 0);
	close(file);
	return other;
}

/* A real one that is not as it should be: nothing but the reply is written, and not even
 * that where it is no slot at all. */
static void slots_that_are_not_right(void **state)
{
	static const int seals[] = { 0, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_GROW,
				     SEALS | F_SEAL_WRITE };
	static const size_t sizes[] = { 64, PAGE, 2 * PAGE };
	size_t size;
	unsigned char *bytes = real_slot(&size);
	int file;

	(void)state;
	for (int i = 0; i < 4; i++) {
		file = memory_file(bytes, size, seals[i]);
		if (i < 3)
			refuse_everywhere(file, marks[0]);
		else
			expect_2((const char *const[]){ PATH_WORKER, marks[0], NULL },
				 (const int[HANDED]){ file, -1, -1, -1 }, NULL);
		expect_untouched(file, bytes, size, false);
		close(file);
	}
	file = read_only(memory_file(bytes, size, SEALS));
	refuse_everywhere(file, marks[0]);
	expect_untouched(file, bytes, size, false);
	close(file);
	/* A good one, alone: the rest is missing, and that is said where the parent looks. */
	file = memory_file(bytes, size, SEALS);
	expect_2((const char *const[]){ PATH_WORKER, marks[0], NULL },
		 (const int[HANDED]){ file, -1, -1, -1 }, NULL);
	expect_untouched(file, bytes, size, true);
	expect_2((const char *const[]){ PATH_WORKER, marks[0], NULL },
		 (const int[HANDED]){ file, file, file, file }, NULL);
	expect_untouched(file, bytes, size, true);
	close(file);
	for (int i = 0; i < 3; i++) {
		file = memory_file(bytes, sizes[i], SEALS);
		expect_2((const char *const[]){ PATH_WORKER, marks[0], NULL },
			 (const int[HANDED]){ file, -1, -1, -1 }, i == 0 ? PATH_WORKER : NULL);
		expect_untouched(file, bytes, sizes[i], i > 0);
		close(file);
	}
	free(bytes);
}

static void expect_listed(const char *const argv[], const char *const *lines)
{
	int status;
	char *said = pxt_output(argv, &status);

	pxt_equal(status, 0);
	for (int i = 0; lines[i] != NULL; i++)
		if (strstr(said, lines[i]) == NULL)
			pxt_failed(__FILE__, __LINE__, "%s lists\n%sand not\n%s", argv[0], said,
				   lines[i]);
	free(said);
}

static void what_is_listed(void **state)
{
	static const char *const lines[] = {
		"int plus(int a, int b)\n",
		"const char * greet(const char * greeting, const char * name)\n",
		"struct spot moved(struct spot from, double by); struct spot { double x; double y; "
		"char name[8]; } of 24 bytes\n",
		"raw reversed\n",
		"raw named_with_as_many_bytes",
		"init hook set_up\n",
		"init hook fail_to_set_up\n",
		"teardown hook clear_up\n",
		NULL
	};
	static const char *const twin[] = { "int twin(int x)\n", NULL };

	(void)state;
	expect_listed((const char *const[]){ PATH_WORKER, "--list", NULL }, lines);
	expect_listed((const char *const[]){ PATH_STOCK, "--list", PATH_MODULE, NULL }, lines);
	expect_listed((const char *const[]){ PATH_STOCK, "--list", PATH_MODULE, PATH_TWIN, NULL },
		      lines);
	expect_listed((const char *const[]){ PATH_STOCK, "--list", PATH_MODULE, PATH_TWIN, NULL },
		      twin);
	expect_2((const char *const[]){ PATH_STOCK, "--list", PATH_TWIN, PATH_TWINS, NULL }, none,
		 "two tasks are named twin");
	expect_2((const char *const[]){ PATH_STOCK, "--list", PATH_SILENT, NULL }, none,
		 PATH_SILENT);
	expect_2((const char *const[]){ PATH_STOCK, "--list", PATH_OLDER, NULL }, none, PATH_OLDER);
}

/* Set-uid, run by somebody else: it may do more than its user, and is nobody's worker. */
static void a_program_with_more_rights(void **state)
{
	struct statvfs system;
	const char *program;
	int status;
	pid_t pid;

	(void)state;
	folder_make();
	program = in_folder("hooked");
	pxt_equal(statvfs(in_folder("."), &system), 0);
	if (getuid() != 0 || (system.f_flag & ST_NOSUID)) {
		folder_remove();
		print_message("skipped: nobody here may give such rights\n");
		skip();
	}
	pxt_equal(chmod(in_folder("."), 0755), 0);
	copy_file(PATH_HOOKED, program, 04755);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(STDOUT_FILENO);
		(void)open("/dev/null", O_WRONLY);
		if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
			_exit(126);
		execl(program, program, "--procs-worker", (char *)NULL);
		_exit(127);
	}
	pxt_equal(waitpid(pid, &status, 0), pid);
	folder_remove();
	pxt_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(a_usage),
		pxt_test(marks_by_hand),
		pxt_test(a_hooked_program_is_itself),
		pxt_test(on_a_terminal),
		pxt_test(what_is_no_slot),
		pxt_test(slots_that_are_not_right),
		pxt_test(what_is_listed),
		pxt_test(a_program_with_more_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
