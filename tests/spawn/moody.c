/*
 * moody.c - what a worker binary does before its main, as the environment says:
 *
 *	exit      ends
 *	kill      is killed
 *	sleep     does not come to attach
 *	two       forks, and both go on
 *	second    forks, and the child alone goes on
 *	copy      copies its slot into the file PXT_COPY
 *	spoil     changes some bytes of its slot, by the seed PXT_SEED
 *
 * With it goes a main; see worker.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SLOT = 3,          /* its descriptor */
	BUILD = 72,        /* bytes of its letter that say of which build it is */
	LETTER = 2048,     /* and all of it, at most */
	SPOILT = 8 * 4096, /* bytes of the file: letter, control, and some input */
	SPOILT_MOST = 4
};

static uint64_t state;

static uint64_t next_random(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void copy(void)
{
	static unsigned char page[4096];
	const int to = open(getenv("PXT_COPY"), O_WRONLY | O_CLOEXEC);
	struct stat status;

	if (to < 0 || fstat(SLOT, &status) != 0 || ftruncate(to, status.st_size) != 0)
		_exit(9);
	for (off_t at = 0; at < status.st_size; at += (off_t)sizeof(page))
		if (pread(SLOT, page, sizeof(page), at) != (ssize_t)sizeof(page) ||
		    pwrite(to, page, sizeof(page), at) != (ssize_t)sizeof(page))
			_exit(9);
	_exit(0);
}

static void spoil(void)
{
	static const uint64_t edges[] = { 0,          1,          0x7f,      0xffff,
					  0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX };
	const uint64_t n = next_random() % SPOILT_MOST + 1;

	for (uint64_t i = 0; i < n; i++) {
		/* The letter as often as the rest. */
		off_t at = (off_t)(next_random() % 2 ? BUILD + next_random() % (LETTER - BUILD)
						     : next_random() % SPOILT);
		uint64_t value = edges[next_random() % 8];

		if (next_random() % 2)
			at &= ~7;
		if (next_random() % 2) {
			(void)!pread(SLOT, &value, sizeof(value), at);
			value ^= UINT64_C(1) << next_random() % 64;
		}
		(void)!pwrite(SLOT, &value, sizeof(value), at);
	}
}

static void go_on_as_child(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		return;
	waitpid(pid, NULL, 0);
	_exit(0);
}

__attribute__((constructor)) static void begin(int argc, char **argv)
{
	const char *mood = getenv("PXT_MOOD"), *seed = getenv("PXT_SEED");

	if (mood == NULL || argc < 2 || strcmp(argv[1], "--procs-worker") != 0)
		return;
	state = seed != NULL ? strtoull(seed, NULL, 10) : 0;
	if (strcmp(mood, "exit") == 0)
		_exit(7);
	if (strcmp(mood, "kill") == 0)
		kill(getpid(), SIGKILL);
	while (strcmp(mood, "sleep") == 0)
		pause();
	if (strcmp(mood, "two") == 0)
		(void)fork();
	if (strcmp(mood, "second") == 0)
		go_on_as_child();
	if (strcmp(mood, "copy") == 0)
		copy();
	if (strcmp(mood, "spoil") == 0)
		spoil();
}
