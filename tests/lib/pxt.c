#include "pxt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PXT_SHARED_MOST = 1 << 20 /* bytes */
};

/* What a process is, as far as a library may leave traces in it. */
struct picture {
	int descriptors, arenas, children, threads;
	mode_t mask;
	sigset_t blocked;
	struct sigaction action[NSIG];
	char directory[4096];
};

static struct picture before;
static unsigned char *shared;
static size_t shared_used;
static pid_t runner;

static int count_entries(const char *path)
{
	DIR *directory = opendir(path);
	int count = 0;

	while (directory != NULL && readdir(directory) != NULL)
		count++;
	if (directory != NULL)
		closedir(directory);
	return count;
}

int pxt_descriptors(void)
{
	return count_entries("/proc/self/fd");
}

int pxt_threads(void)
{
	return count_entries("/proc/self/task") - 2;
}

static int count_lines(const char *path, const char *part)
{
	FILE *file = fopen(path, "r");
	char line[4096];
	int count = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		count += strstr(line, part) != NULL;
	if (file != NULL)
		fclose(file);
	return count;
}

int pxt_arenas(void)
{
	return count_lines("/proc/self/maps", "/dev/zero (deleted)") +
	       count_lines("/proc/self/maps", "memfd:procs");
}

/* Children whose parent is this process, in whatever state: /proc/PID/stat. */
int pxt_children(void)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		char path[300], text[1024], *at;
		int parent = 0;
		FILE *file;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = fopen(path, "r");
		if (file == NULL)
			continue;
		if (fgets(text, sizeof(text), file) != NULL && (at = strrchr(text, ')')) != NULL &&
		    sscanf(at + 1, " %*c %d", &parent) == 1)
			count += parent == getpid();
		fclose(file);
	}
	if (directory != NULL)
		closedir(directory);
	return count;
}

static void take_picture(struct picture *picture)
{
	memset(picture, 0, sizeof(*picture));
	picture->descriptors = pxt_descriptors();
	picture->arenas = pxt_arenas();
	picture->children = pxt_children();
	picture->threads = pxt_threads();
	picture->mask = umask(0);
	umask(picture->mask);
	sigprocmask(SIG_SETMASK, NULL, &picture->blocked);
	for (int number = 1; number < NSIG; number++)
		sigaction(number, NULL, &picture->action[number]);
	if (getcwd(picture->directory, sizeof(picture->directory)) == NULL)
		picture->directory[0] = '\0';
}

/* Who executes a program of tests to be a worker hands the file on by its name. */
static int open_shared(void)
{
	const char *path = getenv("PXT_SHARED");
	char name[64];
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd >= 0)
		return fd;
	fd = memfd_create("pxt", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, PXT_SHARED_MOST) != 0)
		abort();
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getpid(), fd);
	setenv("PXT_SHARED", name, 1);
	return fd;
}

/* By constructors, in the same order in each process: before main, and before its
 * threads. The file of the first one stays open. */
void *pxt_share(size_t size)
{
	void *place;

	if (shared == NULL) {
		const bool first = getenv("PXT_SHARED") == NULL;
		const int fd = open_shared();

		place = mmap(NULL, PXT_SHARED_MOST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (place == MAP_FAILED)
			abort();
		if (!first)
			close(fd);
		shared = place;
	}
	place = shared + shared_used;
	shared_used += (size + 63) / 64 * 64;
	if (shared_used > PXT_SHARED_MOST)
		abort();
	return place;
}

int pxt_before(void **state)
{
	(void)state;
	runner = getpid();
	if (shared != NULL)
		memset(shared, 0, shared_used);
	take_picture(&before);
	return 0;
}

static int differs(const char *what, long was, long is)
{
	if (was != is)
		fprintf(stderr, "left behind: %s were %ld, are %ld\n", what, was, is);
	return was != is;
}

int pxt_after(void **state)
{
	struct picture after;
	int wrong = 0;

	(void)state;
	take_picture(&after);
	wrong |= differs("descriptors", before.descriptors, after.descriptors);
	wrong |= differs("arenas", before.arenas, after.arenas);
	wrong |= differs("children", before.children, after.children);
#if !defined(__SANITIZE_THREAD__)
	/* ThreadSanitizer starts one of its own when it likes. */
	wrong |= differs("threads", before.threads, after.threads);
#endif
	wrong |= differs("umask bits", before.mask, after.mask);
	wrong |= differs("working directories", 0, strcmp(before.directory, after.directory));
	for (int number = 1; number < NSIG; number++) {
		wrong |= differs("blocked signals", sigismember(&before.blocked, number),
				 sigismember(&after.blocked, number));
		wrong |= differs("signal dispositions", (long)before.action[number].sa_handler,
				 (long)after.action[number].sa_handler);
	}
	return wrong ? -1 : 0;
}

void pxt_failed(const char *file, int line, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (getpid() == runner) {
		print_error("%s\n", text);
		_fail(file, line);
	}
	dprintf(STDERR_FILENO, "%s:%d: in a child: %s\n", file, line, text);
	abort();
}

void pxt_equal_(long long a, long long b, const char *text, const char *file, int line)
{
	if (a != b)
		pxt_failed(file, line, "%s: %lld and %lld", text, a, b);
}

void pxt_text_(const char *a, const char *b, const char *text, const char *file, int line)
{
	if (a == NULL || b == NULL || strcmp(a, b) != 0)
		pxt_failed(file, line, "%s is \"%s\", not \"%s\"", text, a, b);
}

int pxt_run(void (*body)(void *), void *argument)
{
	static const int crashes[] = { SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT };
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* cmocka catches crashes and would go on with the runner, in the child. */
		for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
			signal(crashes[i], SIG_DFL);
		alarm(60);
		body(argument);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

void pxt_isolated(void (*body)(void *), void *argument)
{
	const int status = pxt_run(body, argument);

	if (status != 0)
		pxt_failed(__FILE__, __LINE__, "an isolated body ended with status %#x", status);
}

char *pxt_output(const char *const argv[], int *status_out)
{
	size_t size = 0, room = 1 << 16;
	char *text = malloc(room);
	int pipes[2];
	ssize_t got;
	pid_t pid;

	if (text == NULL || pipe(pipes) != 0)
		abort();
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipes[1]);
	while ((got = read(pipes[0], text + size, room - size - 1)) > 0) {
		size += (size_t)got;
		if (room - size < 4096)
			text = realloc(text, room *= 2);
	}
	close(pipes[0]);
	text[size] = '\0';
	waitpid(pid, status_out, 0);
	return text;
}

void pxt_await(_Atomic uint64_t *word, uint64_t value)
{
	const struct timespec step = { .tv_nsec = 200000 };

	for (int i = 0; i < 150000; i++) {
		if (atomic_load(word) >= value)
			return;
		nanosleep(&step, NULL);
	}
	pxt_failed(__FILE__, __LINE__, "waited in vain for %llu", (unsigned long long)value);
}

static long status_line(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long value = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtol(line + strlen(name), NULL, 10);
	if (file != NULL)
		fclose(file);
	return value;
}

long pxt_resident_peak(void)
{
	return status_line("VmHWM:");
}

long pxt_resident(void)
{
	return status_line("VmRSS:");
}

bool pxt_is_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

bool pxt_is_instrumented(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
# endif
#endif
	return pxt_is_valgrind();
}

static bool starts_by(const char *method)
{
	const char *start = getenv("PROCS_START");

	return start != NULL && strcmp(start, method) == 0;
}

bool pxt_forks(void)
{
	return !pxt_serves() && !pxt_spawns();
}

bool pxt_serves(void)
{
	return starts_by("forkserver");
}

bool pxt_spawns(void)
{
	return starts_by("spawn");
}

void pxt_not_by(const char *methods, const char *why)
{
	const char *start = getenv("PROCS_START"), *at = methods;
	size_t length;

	for (; start != NULL && *at != '\0'; at += length + (at[length] == ' ')) {
		length = strcspn(at, " ");
		if (length != strlen(start) || strncmp(at, start, length) != 0)
			continue;
		print_message("not by %s: %s\n", start, why);
		skip();
	}
}

uint64_t pxt_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
