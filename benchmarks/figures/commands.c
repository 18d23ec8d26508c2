/*
 * commands - a figure of two commands; the shell runs those that need it.
 *
 * usage: figure_commands NAME AIM ROUNDS OURS REFERENCE
 *
 * What they print goes nowhere; a command that ends with another status than 0,
 * 1 or 2 counts as failed. One measurement is as many runs as take 200 ms.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figure.h"

#define LONG_ENOUGH 200000000u

extern char **environ;

enum {
	ARGUMENTS = 64
};

static char shell[2][3] = { "sh", "-c" };
static char *ours[ARGUMENTS], *reference[ARGUMENTS];

/* Words as they are, without a shell, unless the command needs one. */
static void split(char *command, char *argv[ARGUMENTS])
{
	int n = 0;

	if (strpbrk(command, "|&;<>()$`\"'*?~=") != NULL) {
		argv[n++] = shell[0];
		argv[n++] = shell[1];
		argv[n++] = command;
	} else {
		for (char *word = strtok(command, " "); word != NULL && n < ARGUMENTS - 1;
		     word = strtok(NULL, " "))
			argv[n++] = word;
	}
	argv[n] = NULL;
}

static double run(char *const argv[])
{
	const uint64_t begun = figure_now();
	posix_spawn_file_actions_t actions;
	int status = 0, runs = 0;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	do {
		if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0 ||
		    waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) > 2)
			return -1;
		runs++;
	} while (figure_now() - begun < LONG_ENOUGH);
	posix_spawn_file_actions_destroy(&actions);
	return (double)(figure_now() - begun) / runs;
}

static double run_ours(void *unused)
{
	(void)unused;
	return run(ours);
}

static double run_reference(void *unused)
{
	(void)unused;
	return run(reference);
}

int main(int argc, char *argv[])
{
	struct figure figure = { .ours = run_ours, .reference = run_reference };

	if (argc != 6) {
		fputs("usage: figure_commands NAME AIM ROUNDS OURS REFERENCE\n", stderr);
		return FIGURE_ERROR;
	}
	figure.name = argv[1];
	figure.aim = strtod(argv[2], NULL);
	figure.rounds = atoi(argv[3]);
	split(argv[4], ours);
	split(argv[5], reference);
	return (int)figure_run(&figure);
}
