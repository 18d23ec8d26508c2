#include "tasks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

PROCS_STRUCT(struct spot, double, x, double, y, char, name);

PROCS_BODY2(int, plus, int, a, int, b)
{
	return a + b;
}

PROCS_BODY2(const char *, greet, const char *, greeting, const char *, name)
{
	char *text = procs_scratch(strlen(greeting) + strlen(name) + 3);

	if (text == NULL)
		return NULL;
	sprintf(text, "%s, %s", greeting, name);
	return text;
}

PROCS_BODY2(struct spot, moved, struct spot, from, double, by)
{
	from.x += by;
	from.y += by;
	return from;
}

static int reverse(struct procs_task *task)
{
	size_t size;
	const char *bytes = procs_argument(task, 0, &size);
	char *room = procs_reserve(task, size);

	if (room == NULL)
		return 1;
	for (size_t i = 0; i < size; i++)
		room[i] = bytes[size - 1 - i];
	return procs_commit(task, size);
}

PROCS_TASK(reversed, reverse);
PROCS_TASK(
	named_with_as_many_bytes_as_there_are_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789,
	reverse);

PROCS_BODY1(const char *, variable, const char *, name)
{
	return getenv(name);
}

PROCS_BODY1(const char *, directory, int, unused)
{
	static char path[4096];

	return unused == 0 ? getcwd(path, sizeof(path)) : NULL;
}

/* "0 1 2 5=pipe", without that of the look itself. */
static const char *list_descriptors(void)
{
	static char text[1 << 16];
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	size_t size = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char path[300], target[300];
		const int fd = atoi(entry->d_name);
		ssize_t length;

		if (entry->d_name[0] == '.' || fd == dirfd(folder))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (fd > 2)
			target[strcspn(target, ":")] = '\0';
		size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%d%s%s",
					 size > 0 ? " " : "", fd, fd > 2 ? "=" : "",
					 fd > 2 ? target : "");
		if (size >= sizeof(text) - 400)
			break;
	}
	if (folder != NULL)
		closedir(folder);
	return text;
}

PROCS_BODY1(const char *, descriptors, int, unused)
{
	return unused == 0 ? list_descriptors() : NULL;
}

/* The same in a program that the task executes. */
PROCS_BODY1(const char *, descriptors_beyond, int, unused)
{
	static char text[4096];
	FILE *file = popen("cd /proc/self/fd && echo *", "r");
	size_t size = 0;

	if (file != NULL) {
		size = fread(text, 1, sizeof(text) - 1, file);
		pclose(file);
	}
	text[size > 0 ? size - 1 : 0] = '\0';
	return unused == 0 ? text : NULL;
}

PROCS_BODY1(uint64_t, status, const char *, line)
{
	FILE *file = fopen("/proc/self/status", "r");
	uint64_t value = UINT64_MAX;
	char text[256];

	while (file != NULL && fgets(text, sizeof(text), file) != NULL)
		if (strncmp(text, line, strlen(line)) == 0 && text[strlen(line)] == ':')
			value = strtoull(text + strlen(line) + 1, NULL, 16);
	if (file != NULL)
		fclose(file);
	return value;
}

PROCS_BODY1(int, mapped, const char *, part)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char text[4096];
	int count = 0;

	while (file != NULL && fgets(text, sizeof(text), file) != NULL)
		count += strstr(text, part) != NULL;
	if (file != NULL)
		fclose(file);
	return count;
}

PROCS_BODY1(int, stays, int, unused)
{
	while (unused >= 0)
		pause();
	return unused;
}

static int count_in(int host, int file, int item)
{
	const size_t size = ((size_t)item + 1) * sizeof(uint64_t);
	char path[64];
	_Atomic uint64_t *word;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", host, file);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	word = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (word == MAP_FAILED)
		return -1;
	atomic_fetch_add(&word[item], 1);
	munmap((void *)word, size);
	return 0;
}

PROCS_BODY3(int, counted, int, host, int, file, int, item)
{
	if (count_in(host, file, item) != 0)
		return procs_fail(1, "the host's file cannot be had");
	return 3 * item + (int)procs_attempt();
}

PROCS_BODY1(int, churned, int, seed)
{
	FILE *file = fopen("/dev/null", "w");
	char *block[16], text[64];
	int sum = 0;

	if (file == NULL)
		return procs_fail(1, "no /dev/null");
	for (int i = 0; i < 16; i++) {
		block[i] = malloc((size_t)(seed % 1000 + 1) << (i % 8));
		if (block[i] == NULL)
			return procs_fail(2, "no memory");
		memset(block[i], i, (size_t)(seed % 1000 + 1));
		fprintf(file, "%d of %d\n", i, seed);
		snprintf(text, sizeof(text), "%d", seed + i);
		sum += atoi(text) - seed;
	}
	for (int i = 0; i < 16; i++)
		free(block[i]);
	fclose(file);
	return seed + sum;
}

static int word = -1;

int set_up(void *user)
{
	const struct setting *setting = user;

	word = setting != NULL ? setting->word : 0;
	return 0;
}

PROCS_INIT(set_up);

void clear_up(void *user)
{
	const struct setting *setting = user;

	if (setting != NULL && setting->host != 0)
		(void)count_in(setting->host, setting->file, 0);
}

PROCS_TEARDOWN(clear_up);

int fail_to_set_up(void *user)
{
	(void)user;
	return 70;
}

PROCS_INIT(fail_to_set_up);

PROCS_BODY1(int, set_up_with, int, unused)
{
	return word + unused;
}
