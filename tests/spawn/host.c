#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spawn_paths.h>

#include "tasks.h"

enum {
	MAPPED = 300,
	CALLED = 3,
	REFUSED = 5
};

#define SECOND UINT64_C(1000000000)

static struct procs_result next_of(struct procs_stream *stream)
{
	struct procs_result result;

	if (stream == NULL)
		pxt_failed(__FILE__, __LINE__, "no stream: %s", procs_last_failure()->message);
	pxt_equal(procs_next(stream, &result), 1);
	return result;
}

static void expect_int(struct procs_stream *stream, int expected)
{
	const struct procs_result result = next_of(stream);
	int value = -1;

	if (procs_value(&result, &value) != 0 || value != expected)
		pxt_failed(__FILE__, __LINE__, "item %d is %s, not %d", (int)result.index,
			   procs_text(&result), expected);
}

static void expect_end(struct procs_stream *stream)
{
	struct procs_result result;

	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static void expect_structs(const struct procs_options *options)
{
	const struct spot spots[] = { { 1, 2, "one" }, { 3, 4, "two" } };
	const double by[] = { 10, 20 };
	struct procs_stream *stream = procs_pmap(moved, 2, options, spots, by);

	for (int i = 0; i < 2; i++) {
		const struct procs_result result = next_of(stream);
		struct spot spot;

		pxt_equal(procs_value(&result, &spot), 0);
		pxt_check(spot.x == spots[i].x + by[i] && spot.y == spots[i].y + by[i]);
		pxt_text(spot.name, spots[i].name);
	}
	expect_end(stream);
}

static void expect_calls(const struct procs_options *options)
{
	const struct procs_spec specs[CALLED] = {
		procs_proc(plus, 2, 3),
		procs_proc(greet, "hello", "world"),
		procs_raw(procs_function_of(reversed), "abc", 3),
	};
	struct procs_stream *stream = procs_call(specs, CALLED, options);
	struct procs_result result;
	const char *text;
	size_t size;

	expect_int(stream, 5);
	result = next_of(stream);
	pxt_equal(procs_value(&result, &text), 0);
	pxt_text(text, "hello, world");
	result = next_of(stream);
	text = procs_view(&result, &size);
	pxt_check(size == 3 && memcmp(text, "cba", 3) == 0);
	expect_end(stream);
}

void expect_works(const struct procs_options *options)
{
	int as[MAPPED], bs[MAPPED];
	struct procs_stream *stream;

	for (int i = 0; i < MAPPED; i++) {
		as[i] = i;
		bs[i] = 2 * i;
	}
	stream = procs_pmap(plus, MAPPED, options, as, bs);
	for (int i = 0; i < MAPPED; i++)
		expect_int(stream, 3 * i);
	expect_end(stream);
	expect_structs(options);
	expect_calls(options);
}

struct procs_options way_begin(int way)
{
	static const char *const modules[] = { PATH_MODULE, PATH_TWIN, NULL };
	struct procs_options options = { .size = sizeof(options) };

	if (way >= OWN_WAYS)
		options.worker = way < 4 ? PATH_WORKER : PATH_STOCK;
	if (way >= 4)
		options.modules = modules;
	if (way % 2 == 0) {
		options.start = PROCS_START_SPAWN;
		return options;
	}
	if (procs_forkserver_start(&options) != 0)
		pxt_failed(__FILE__, __LINE__, "%s", procs_last_failure()->message);
	return (struct procs_options){ .size = sizeof(options), .start = PROCS_START_FORKSERVER };
}

void way_end(void)
{
	pxt_equal(procs_forkserver_stop(), 0);
}

const char *text_of(struct procs_stream *stream)
{
	static char text[1 << 16];
	const struct procs_result result = next_of(stream);
	const char *value;

	if (procs_value(&result, &value) != 0)
		pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
	snprintf(text, sizeof(text), "%s", value != NULL ? value : "NULL");
	expect_end(stream);
	return text;
}

int int_of(struct procs_stream *stream)
{
	const struct procs_result result = next_of(stream);
	int value;

	if (procs_value(&result, &value) != 0)
		pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
	expect_end(stream);
	return value;
}

static void expect_message(const struct procs_failed *failed, const struct refusal *refusal)
{
	if (failed == NULL || failed->cause != refusal->cause || failed->code != refusal->code ||
	    (refusal->file != NULL && strstr(failed->message, refusal->file) == NULL) ||
	    (refusal->why != NULL && strstr(failed->message, refusal->why) == NULL))
		pxt_failed(__FILE__, __LINE__, "%s %d: \"%s\", not %s %d with \"%s\" and \"%s\"",
			   failed != NULL ? procs_cause_name(failed->cause) : "a value",
			   failed != NULL ? failed->code : 0, failed != NULL ? failed->message : "",
			   procs_cause_name(refusal->cause), refusal->code,
			   refusal->file != NULL ? refusal->file : "",
			   refusal->why != NULL ? refusal->why : "");
}

static void expect_failures(struct procs_stream *stream, const struct refusal *refusal,
			    uint64_t begun)
{
	for (int i = 0; i < REFUSED; i++) {
		const struct procs_result result = next_of(stream);

		if (i == 0 && procs_deadline(0) - begun > 2 * SECOND)
			pxt_failed(__FILE__, __LINE__, "the first failure took more than 2 s");
		pxt_equal(result.index, i);
		expect_message(result.failed, refusal);
	}
	expect_end(stream);
}

void expect_refused(const struct procs_options *options, const struct refusal *refusal)
{
	const int as[REFUSED] = { 1 }, bs[REFUSED] = { 2 };
	struct procs_options own = *options, with_pool = { .size = sizeof(with_pool) };
	struct procs_spec specs[REFUSED];
	struct procs_pool *pool;
	uint64_t begun = procs_deadline(0);

	own.traceback_fd = with_pool.traceback_fd = -1;
	expect_failures(procs_pmap(plus, REFUSED, &own, as, bs), refusal, begun);
	for (int i = 0; i < REFUSED; i++)
		specs[i] = procs_proc(plus, i, i);
	begun = procs_deadline(0);
	expect_failures(procs_call(specs, REFUSED, &own), refusal, begun);
	begun = procs_deadline(0);
	pool = with_pool.pool = procs_pool_open(options);
	if (pool == NULL) {
		/* Then at once. */
		pxt_equal(errno, refusal->code);
		expect_message(procs_last_failure(),
			       &(struct refusal){ PROCS_CAUSE_ERROR, refusal->code, refusal->file,
						  refusal->why });
		return;
	}
	expect_failures(procs_pmap(plus, REFUSED, &with_pool, as, bs), refusal, begun);
	pxt_equal(procs_pool_close(pool), 0);
}

static char folder[64];

const char *folder_make(void)
{
	strcpy(folder, "/tmp/procs-spawn-XXXXXX");
	pxt_check(mkdtemp(folder) != NULL);
	return folder;
}

static void remove_all(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		char below[4096];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (unlink(below) != 0)
			remove_all(below);
	}
	if (directory != NULL)
		closedir(directory);
	(void)rmdir(path);
}

void folder_remove(void)
{
	remove_all(folder);
}

const char *in_folder(const char *name)
{
	static char paths[16][4096];
	static unsigned next;
	char *path = paths[next++ % 16];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

void write_file(const char *path, const void *bytes, size_t size, mode_t mode)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	pxt_check(fd >= 0);
	pxt_equal(write(fd, bytes, size), size);
	pxt_equal(fchmod(fd, mode), 0);
	pxt_equal(close(fd), 0);
}

void copy_file(const char *from, const char *to, mode_t mode)
{
	const int fd = open(from, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *bytes;

	pxt_check(fd >= 0 && fstat(fd, &status) == 0);
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	pxt_check(bytes != MAP_FAILED);
	write_file(to, bytes, (size_t)status.st_size, mode);
	munmap(bytes, (size_t)status.st_size);
	close(fd);
}

static pid_t parent_of(const char *pid)
{
	char path[300], text[1024], *at;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fgets(text, sizeof(text), file) != NULL && (at = strrchr(text, ')')) != NULL)
		(void)!sscanf(at + 1, " %*c %d", &parent);
	fclose(file);
	return parent;
}

int children_of(pid_t parent, pid_t *children_out, int most)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    parent_of(entry->d_name) != parent)
			continue;
		if (count < most)
			children_out[count] = atoi(entry->d_name);
		count++;
	}
	if (directory != NULL)
		closedir(directory);
	return count;
}

/* The server alone has a socket there, for good. */
pid_t forkserver_of(pid_t host)
{
	pid_t children[64];
	const int n = children_of(host, children, 64);

	for (int i = 0; i < n && i < 64; i++) {
		char path[64], target[64];
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%d/fd/3", children[i]);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (strncmp(target, "socket:", 7) == 0)
			return children[i];
	}
	return 0;
}

int counters_make(size_t n, _Atomic uint64_t **words_out)
{
	const int file = memfd_create("pxt-counters", 0);

	pxt_check(file >= 0 && ftruncate(file, (off_t)(n * sizeof(uint64_t))) == 0);
	*words_out = mmap(NULL, n * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	pxt_check((void *)*words_out != MAP_FAILED);
	return file;
}

void counters_free(int file, _Atomic uint64_t *words, size_t n)
{
	munmap((void *)words, n * sizeof(uint64_t));
	close(file);
}
