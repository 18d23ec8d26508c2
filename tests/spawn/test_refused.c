/*
 * Workers that cannot be had, and tasks that they do not have: each is told at once, with
 * the file or the name, and why. No item of such a call hangs, and nothing stays behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn_paths.h>

#include "host.h"
#include "tasks.h"

#define SPAWN(...) PROCS_OPTIONS(.start = PROCS_START_SPAWN, .workers = 2, __VA_ARGS__)

static int folder_before(void **state)
{
	const int error = pxt_before(state);

	folder_make();
	return error;
}

static int folder_after(void **state)
{
	folder_remove();
	return pxt_after(state);
}

#define in_a_folder(f) cmocka_unit_test_setup_teardown(f, folder_before, folder_after)

/* By spawn and by a forkserver. */
static void refuse_file(const char *path, int code)
{
	expect_refused(SPAWN(.worker = path),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, code, path, strerror(code) });
	pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.worker = path)), -code);
	pxt_check(strstr(procs_last_failure()->message, strerror(code)) != NULL);
	pxt_equal(procs_forkserver_stop(), 0);
}

static void a_file_that_is_none(void **state)
{
	(void)state;
	refuse_file(in_folder("missing"), ENOENT);
	refuse_file(in_folder("missing/worker"), ENOENT);
	write_file(in_folder("file"), "", 0, 0600);
	refuse_file(in_folder("file/worker"), ENOTDIR);
	pxt_equal(symlink("loop", in_folder("loop")), 0);
	refuse_file(in_folder("loop"), ELOOP);
	pxt_equal(symlink("nowhere", in_folder("link")), 0);
	refuse_file(in_folder("link"), ENOENT);
}

static void a_file_that_may_not_be_executed(void **state)
{
	(void)state;
	copy_file(PATH_WHOLE, in_folder("plain"), 0644);
	refuse_file(in_folder("plain"), EACCES);
	pxt_equal(mkdir(in_folder("folder"), 0755), 0);
	refuse_file(in_folder("folder"), EACCES);
	refuse_file(in_folder("."), EACCES);
	pxt_equal(mkfifo(in_folder("fifo"), 0777), 0);
	refuse_file(in_folder("fifo"), EACCES);
}

/* The first bytes of a program for a machine that there is not. */
static void a_program_of_another_machine(void **state)
{
	unsigned char elf[512] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, 0 };

	(void)state;
	elf[16] = 2; /* a program */
	elf[18] = 0xed;
	elf[19] = 0xfe;
	elf[20] = 1;
	write_file(in_folder("foreign"), elf, sizeof(elf), 0755);
	refuse_file(in_folder("foreign"), ENOEXEC);
	elf[5] = 2; /* the other end first */
	write_file(in_folder("foreign"), elf, sizeof(elf), 0755);
	refuse_file(in_folder("foreign"), ENOEXEC);
	write_file(in_folder("foreign"), elf, 7, 0755);
	refuse_file(in_folder("foreign"), ENOEXEC);
}

static void a_file_without_a_word_of_its_kind(void **state)
{
	char text[4096];

	(void)state;
	write_file(in_folder("empty"), "", 0, 0755);
	refuse_file(in_folder("empty"), ENOEXEC);
	/* No shell takes it for a script. */
	snprintf(text, sizeof(text), "echo > %s\n", in_folder("trace"));
	write_file(in_folder("script"), text, strlen(text), 0755);
	refuse_file(in_folder("script"), ENOEXEC);
	pxt_equal(access(in_folder("trace"), F_OK), -1);
}

static void a_program_that_somebody_writes(void **state)
{
	int fd;

	(void)state;
	copy_file(PATH_WHOLE, in_folder("busy"), 0755);
	fd = open(in_folder("busy"), O_WRONLY | O_CLOEXEC);
	pxt_check(fd >= 0);
	refuse_file(in_folder("busy"), ETXTBSY);
	close(fd);
	expect_works(SPAWN(.worker = in_folder("busy")));
}

static void a_script_is_a_program(void **state)
{
	static const char ends[] = "#!/bin/sh\nexit 3\n";
	const char *path = in_folder("script");
	char text[4096];

	(void)state;
	write_file(path, ends, strlen(ends), 0755);
	expect_refused(SPAWN(.worker = path),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, ESRCH, path,
					  "ended with status 3 before it attached" });
	pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.worker = path)), -ESRCH);
	snprintf(text, sizeof(text), "#!%s\n", in_folder("missing"));
	write_file(path, text, strlen(text), 0755);
	refuse_file(path, ENOENT);
	/* One that executes a worker is one. */
	snprintf(text, sizeof(text), "#!/bin/sh\nexec '%s' \"$@\"\n", PATH_WORKER);
	write_file(path, text, strlen(text), 0755);
	expect_works(SPAWN(.worker = path));
	pxt_equal(procs_forkserver_stop(), 0);
}

/* A program that does not know that it is executed to be a worker. */
static void any_other_program(void **state)
{
	(void)state;
	copy_file("/bin/true", in_folder("true"), 0755);
	expect_refused(SPAWN(.worker = in_folder("true")),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, ESRCH, in_folder("true"),
					  "ended with status 0 before it attached" });
}

static void paths_that_are_none(void **state)
{
	static char longest[5000];
	const char *const paths[] = { "", "worker", "./worker", "../worker", longest };
	const char *many[66], *const none[] = { NULL }, *const relative[] = { "module.so", NULL };
	const char *const *const lists[] = { many, none, relative };
	const int as[] = { 1 };

	(void)state;
	memset(longest, '/', sizeof(longest) - 1);
	for (int i = 0; i < 65; i++)
		many[i] = PATH_MODULE;
	many[65] = NULL;
	for (int i = 0; i < 5; i++) {
		pxt_check(procs_pmap(plus, 1, SPAWN(.worker = paths[i]), as, as) == NULL);
		pxt_equal(errno, EINVAL);
		pxt_check(strstr(procs_last_failure()->message, "options.worker") != NULL);
		pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.worker = paths[i])), -EINVAL);
	}
	for (int i = 0; i < 3; i++) {
		pxt_check(procs_pmap(plus, 1, SPAWN(.modules = lists[i]), as, as) == NULL);
		pxt_equal(errno, EINVAL);
		pxt_check(strstr(procs_last_failure()->message, "options.modules") != NULL);
		pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.modules = lists[i])), -EINVAL);
	}
	/* One of 4,095 bytes may be asked for. */
	longest[4095] = '\0';
	expect_refused(SPAWN(.worker = longest),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, EACCES, "///", NULL });
}

/* This program has no procs_worker_hook. */
static void a_program_that_is_no_worker(void **state)
{
	const int as[] = { 1 };

	(void)state;
	for (int start = PROCS_START_FORKSERVER; start <= PROCS_START_SPAWN; start++) {
		pxt_check(procs_pmap(plus, 1, PROCS_OPTIONS(.start = (uint32_t)start), as, as) ==
			  NULL);
		pxt_equal(errno, EINVAL);
		pxt_check(strstr(procs_last_failure()->message, "procs_worker_hook") != NULL);
		pxt_check(procs_pool_open(PROCS_OPTIONS(.start = (uint32_t)start)) == NULL);
		pxt_equal(errno, EINVAL);
	}
	pxt_equal(procs_forkserver_start(NULL), -EINVAL);
	pxt_check(strstr(procs_last_failure()->message, "procs_worker_hook") != NULL);
}

static void refuse_modules(const char *const *modules, const char *file, const char *why)
{
	expect_refused(SPAWN(.worker = PATH_STOCK, .modules = modules),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, ENOEXEC, file, why });
	pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.worker = PATH_STOCK, .modules = modules)),
		  -ENOEXEC);
	pxt_check(file == NULL || strstr(procs_last_failure()->message, file) != NULL);
	pxt_check(why == NULL || strstr(procs_last_failure()->message, why) != NULL);
	pxt_equal(procs_forkserver_stop(), 0);
}

static void modules_that_are_none(void **state)
{
	const char *modules[] = { PATH_MODULE, in_folder("missing.so"), NULL };

	(void)state;
	refuse_modules(modules, in_folder("missing.so"), "No such file");
	write_file(in_folder("text.so"), "text", 4, 0755);
	modules[1] = in_folder("text.so");
	refuse_modules(modules, modules[1], "too short");
	modules[1] = in_folder(".");
	refuse_modules(modules, modules[1], NULL);
	modules[1] = PATH_SILENT;
	refuse_modules(modules, PATH_SILENT, "no PROCS_MODULE");
	modules[0] = PATH_OLDER;
	modules[1] = NULL;
	refuse_modules(modules, PATH_OLDER, "other headers");
	/* A module that is not loaded is no reason. */
	modules[0] = PATH_MODULE;
	expect_works(SPAWN(.worker = PATH_STOCK, .modules = modules));
}

static void tasks_of_one_name(void **state)
{
	const char *const modules[] = { PATH_TWIN, PATH_MODULE, PATH_TWINS, NULL };

	(void)state;
	refuse_modules(modules, PATH_STOCK, "two tasks are named twin");
	/* In one worker binary, of two files. */
	expect_refused(SPAWN(.worker = PATH_WORKER_TWINS),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, ENOEXEC, PATH_WORKER_TWINS,
					  "two tasks are named twin" });
	/* The same module twice. */
	refuse_modules((const char *const[]){ PATH_TWIN, PATH_TWIN, NULL }, PATH_STOCK,
		       "two tasks are named twin");
}

static void workers_of_another_build(void **state)
{
	static const char *const workers[] = { PATH_WORKER_OTHER, PATH_WORKER_NEWER };
	static const char *const why[] = { "another build of the same version", "another version" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		expect_refused(
			SPAWN(.worker = workers[i]),
			&(struct refusal){ PROCS_CAUSE_VERSION, EPROTO, workers[i], why[i] });
		pxt_equal(procs_forkserver_start(PROCS_OPTIONS(.worker = workers[i])), -EPROTO);
		pxt_check(strstr(procs_last_failure()->message, workers[i]) != NULL);
		pxt_check(strstr(procs_last_failure()->message, why[i]) != NULL);
	}
	expect_refused(SPAWN(.worker = PATH_WORKER_OLDER),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, ENOEXEC, PATH_WORKER_OLDER,
					  "other headers" });
	pxt_equal(procs_forkserver_stop(), 0);
}

static void expect_said(const char *program, const char *worker, const char *text, int times)
{
	int status, found = 0;
	char *said = pxt_output((const char *const[]){ program, worker, NULL }, &status);

	for (const char *at = said; (at = strstr(at, text)) != NULL; at++)
		found++;
	if (status != 0 || found != times)
		pxt_failed(__FILE__, __LINE__, "%s with %s: status %#x\n%s", program, worker,
			   status, said);
	free(said);
}

/* The same two the other way round: they are the callers. */
static void callers_of_another_build(void **state)
{
	(void)state;
	expect_said(PATH_STRANGER_OTHER, PATH_WORKER, "another build of the same version", 3);
	expect_said(PATH_STRANGER_OTHER, PATH_WORKER, "Failed(VERSION", 2);
	expect_said(PATH_STRANGER_NEWER, PATH_WORKER, "another version", 3);
	expect_said(PATH_STRANGER_OTHER, PATH_WORKER_NEWER, "another version", 3);
	/* Each has its own. */
	expect_said(PATH_STRANGER_OTHER, PATH_WORKER_OTHER, "4\n6\n", 1);
	expect_said(PATH_STRANGER_NEWER, PATH_WORKER_NEWER, "4\n6\n", 1);
}

static void refuse_mood(void *mood)
{
	const bool kills = strcmp(mood, "kill") == 0;

	setenv("PXT_MOOD", mood, 1);
	expect_refused(SPAWN(.worker = PATH_MOODY),
		       &(struct refusal){ PROCS_CAUSE_SPAWN, ESRCH, PATH_MOODY,
					  kills ? "ended with signal 9 before it attached"
						: "ended with status 7 before it attached" });
}

static void a_worker_that_dies_before_its_hello(void **state)
{
	static char moods[][8] = { "exit", "kill" };

	(void)state;
	for (int i = 0; i < 2; i++)
		pxt_isolated(refuse_mood, moods[i]);
}

static void wait_for_its_hello(void *unused)
{
	const int as[] = { 1, 2, 3 };
	struct procs_stream *stream;
	struct procs_result result;
	uint64_t took = procs_deadline(0);

	(void)unused;
	setenv("PXT_MOOD", "sleep", 1);
	stream = procs_pmap(plus, 3, SPAWN(.worker = PATH_MOODY, .traceback_fd = -1), as, as);
	for (int i = 0; i < 3; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_TIMEOUT);
		pxt_check(strstr(result.failed->message, PATH_MOODY) != NULL);
		pxt_check(strstr(result.failed->message, "within 10 s") != NULL);
	}
	pxt_equal(procs_close(stream), 0);
	took = (procs_deadline(0) - took) / 1000000;
	pxt_check(took >= 9900 && took < 15000);
}

static void a_worker_that_sleeps_before_its_hello(void **state)
{
	(void)state;
	pxt_isolated(wait_for_its_hello, NULL);
}

/* What that worker left behind becomes a child of this process. */
static void take_second(void *unused)
{
	const int items[8] = { 0 };
	struct procs_stream *stream;
	struct procs_result result;
	bool told = false;
	pid_t children[32];
	int n;

	(void)unused;
	setenv("PXT_MOOD", "second", 1);
	pxt_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	stream = procs_pmap(stays, 8, SPAWN(.worker = PATH_MOODY, .traceback_fd = -1), items);
	for (int i = 0; i < 8; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_CORRUPT);
		pxt_equal(result.failed->code, EBADMSG);
		told |= strstr(result.failed->message, "another process took its slot") != NULL;
	}
	/* Not of those that were in flight. */
	pxt_check(told);
	pxt_equal(procs_close(stream), 0);
	n = children_of(getpid(), children, 32);
	for (int i = 0; i < n; i++)
		pxt_equal(kill(children[i], SIGKILL), 0);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	pxt_equal(errno, ECHILD);
}

static void a_child_that_attaches_in_its_place(void **state)
{
	(void)state;
	pxt_isolated(take_second, NULL);
}

/* Whoever comes first has the slot: the values are right, or the other's slot is told to
 * be taken. */
static void take_either(void *unused)
{
	const int as[] = { 1, 2, 3 };

	(void)unused;
	setenv("PXT_MOOD", "two", 1);
	pxt_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	for (int round = 0; round < 100; round++) {
		struct procs_stream *stream = procs_pmap(
			plus, 3, SPAWN(.worker = PATH_MOODY, .traceback_fd = -1), as, as);
		struct procs_result result;
		int value;

		for (int i = 0; i < 3; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			if (result.failed != NULL)
				pxt_equal(result.failed->cause, PROCS_CAUSE_CORRUPT);
			else
				pxt_check(procs_value(&result, &value) == 0 && value == 2 * as[i]);
		}
		pxt_equal(procs_close(stream), 0);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	pxt_equal(errno, ECHILD);
}

static void two_that_attach(void **state)
{
	(void)state;
	pxt_isolated(take_either, NULL);
}

static int nothing(struct procs_task *task)
{
	return procs_commit(task, 0);
}

static struct procs_function function_named(const char *name)
{
	return (struct procs_function){ .size = sizeof(struct procs_function),
					.name = name,
					.result = { "raw", 0, PROCS_CODE_RAW },
					.raw = nothing };
}

/* One item of it, mapped and called, from a worker binary and from a module. */
static void refuse_name(const char *name, const char *text)
{
	static const char *const modules[] = { PATH_MODULE, NULL };
	static char message[8192];
	const struct procs_function function = function_named(name);
	const struct procs_sequence sequence = { "abc", 1, 1 };
	const struct procs_spec spec = procs_raw(&function, "abc", 3);

	snprintf(message, sizeof(message), "no task is named %s", text);
	for (int round = 0; round < 4; round++) {
		const struct procs_options *options =
			round < 2 ? SPAWN(.worker = PATH_WORKER, .traceback_fd = -1)
				  : SPAWN(.worker = PATH_STOCK, .modules = modules,
					  .traceback_fd = -1);
		struct procs_stream *stream =
			round % 2 == 0 ? procs_pmap_sequences(&function, 3, options, &sequence, 1)
				       : procs_call(&spec, 1, options);
		struct procs_result result;

		pxt_check(stream != NULL);
		while (procs_next(stream, &result) > 0) {
			pxt_check(result.failed != NULL);
			pxt_equal(result.failed->cause, PROCS_CAUSE_UNKNOWN_FUNCTION);
			pxt_equal(result.failed->code, ENOENT);
			pxt_text(result.failed->message, message);
		}
		pxt_equal(procs_close(stream), 0);
	}
}

static void names_that_no_task_has(void **state)
{
	static const char *const names[] = { "",
					     "plu",
					     "pluss",
					     "Plus",
					     "PLUS",
					     "plus ",
					     " plus",
					     "system",
					     "main",
					     "exit",
					     "../x",
					     "/bin/sh",
					     "procs_function_of_plus",
					     "procs_module",
					     "set_up",
					     "%s%n",
					     "plus(int, int)" };
	char name[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refuse_name(names[i], names[i]);
	memset(name, 'n', 127);
	name[127] = '\0';
	refuse_name(name, name);
	/* All but the last byte of a real one. */
	memcpy(name, function_of_long_name->name, 126);
	name[126] = '\0';
	refuse_name(name, name);
}

static void a_name_of_127_bytes(void **state)
{
	const struct procs_spec spec = procs_raw(function_of_long_name, "abc", 3);
	struct procs_stream *stream = procs_call(&spec, 1, SPAWN(.worker = PATH_WORKER));
	struct procs_result result;
	size_t size;

	(void)state;
	pxt_equal(strlen(function_of_long_name->name), 127);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL && memcmp(procs_view(&result, &size), "cba", 3) == 0);
	pxt_equal(procs_close(stream), 0);
}

static void names_that_are_too_long(void **state)
{
	static const size_t lengths[] = { 128, 129, 4096, 70000 };
	static char name[70001];

	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct procs_function function = function_named(name);
		const struct procs_spec spec = procs_raw(&function, "abc", 3);
		struct procs_stream *stream;
		struct procs_result result;

		memset(name, 'n', lengths[i]);
		name[lengths[i]] = '\0';
		pxt_check(procs_pmap_sequences(&function, 3, SPAWN(.worker = PATH_WORKER), NULL,
					       0) == NULL);
		pxt_equal(errno, ENAMETOOLONG);
		pxt_check(strstr(procs_last_failure()->message, "nnnnnnnn") != NULL);
		stream = procs_call(&spec, 1, SPAWN(.worker = PATH_WORKER, .traceback_fd = -1));
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->code, ENAMETOOLONG);
		pxt_equal(procs_close(stream), 0);
	}
}

/* Here they are others than in changed.c. */
struct shape {
	int corners;
	double size;
};

PROCS_STRUCT(struct shape, int, corners, double, size);

static PROCS_DEFINE1(long, scaled, long, x)
{
	return 2 * x;
}

static PROCS_DEFINE1(float, halved, double, x)
{
	return (float)x / 2;
}

static PROCS_DEFINE1(int, corners_of, struct shape, shape)
{
	return shape.corners;
}

static PROCS_DEFINE0(int, raw_here)
{
	return 1;
}

static void expect_both(struct procs_stream *stream, const char *ours, const char *theirs)
{
	struct procs_result result;
	char wanted[512];

	snprintf(wanted, sizeof(wanted),
		 "its types differ: for the caller it is %s but for the worker %s", ours, theirs);
	pxt_check(stream != NULL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed != NULL);
	pxt_equal(result.failed->cause, PROCS_CAUSE_UNKNOWN_FUNCTION);
	pxt_text(result.failed->message, wanted);
	pxt_equal(procs_close(stream), 0);
}

static void types_that_differ(void **state)
{
	const struct procs_options *options = SPAWN(.worker = PATH_CHANGED, .traceback_fd = -1);
	const long longs[] = { 1, 2 };
	const double doubles[] = { 1, 2 };
	const struct shape shapes[] = { { 3, 1 } };
	const struct procs_spec specs[] = { procs_proc(scaled, 1), procs_proc(raw_here) };

	(void)state;
	expect_both(procs_pmap(scaled, 2, options, longs), "long scaled(long x)",
		    "int scaled(int x)");
	expect_both(procs_call(specs, 1, options), "long scaled(long x)", "int scaled(int x)");
	expect_both(procs_pmap(halved, 2, options, doubles), "float halved(double x)",
		    "double halved(double x)");
	expect_both(
		procs_pmap(corners_of, 1, options, shapes),
		"int corners_of(struct shape shape); struct shape { int corners; double size; } "
		"of 16 bytes",
		"int corners_of(struct shape shape); struct shape { int corners; float size; } "
		"of 8 bytes");
	expect_both(procs_call(specs + 1, 1, options), "int raw_here(void)", "raw raw_here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_folder(a_file_that_is_none),
		in_a_folder(a_file_that_may_not_be_executed),
		in_a_folder(a_program_of_another_machine),
		in_a_folder(a_file_without_a_word_of_its_kind),
		in_a_folder(a_program_that_somebody_writes),
		in_a_folder(a_script_is_a_program),
		in_a_folder(any_other_program),
		pxt_test(paths_that_are_none),
		pxt_test(a_program_that_is_no_worker),
		in_a_folder(modules_that_are_none),
		pxt_test(tasks_of_one_name),
		pxt_test(workers_of_another_build),
		pxt_test(callers_of_another_build),
		pxt_test(a_worker_that_dies_before_its_hello),
		pxt_test(a_worker_that_sleeps_before_its_hello),
		pxt_test(a_child_that_attaches_in_its_place),
		pxt_test(two_that_attach),
		pxt_test(names_that_no_task_has),
		pxt_test(a_name_of_127_bytes),
		pxt_test(names_that_are_too_long),
		pxt_test(types_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
