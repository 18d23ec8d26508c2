/*
 * tasks.h - the tasks and hooks of these tests: in the test program, in a worker binary
 * and in a module, from the same file.
 */
#ifndef TESTS_SPAWN_TASKS_H
#define TESTS_SPAWN_TASKS_H

#include <stdint.h>

#include <procs/worker.h>

struct spot {
	double x, y;
	char name[8];
};

PROCS_DECLARE2(int, plus, int, a, int, b);
PROCS_DECLARE2(const char *, greet, const char *, greeting, const char *, name);
PROCS_DECLARE2(struct spot, moved, struct spot, from, double, by);
PROCS_TASK_DECLARE(reversed);

/* What a worker sees around it. */
PROCS_DECLARE1(const char *, variable, const char *, name);
PROCS_DECLARE1(const char *, directory, int, unused);
PROCS_DECLARE1(const char *, descriptors, int, unused);
PROCS_DECLARE1(const char *, descriptors_beyond, int, unused);
PROCS_DECLARE1(uint64_t, status, const char *, line);
PROCS_DECLARE1(int, mapped, const char *, part);

/* Until it is killed. */
PROCS_DECLARE1(int, stays, int, unused);

/* Counts itself in a file of the host, of which this is the word of its item. */
PROCS_DECLARE3(int, counted, int, host, int, file, int, item);

/* Uses what threads of the host hammer at. */
PROCS_DECLARE1(int, churned, int, seed);

/* A word that set_up leaves; -1 without it. */
PROCS_DECLARE1(int, set_up_with, int, unused);

/* To be in a procs_array. */
struct setting {
	int word;
	int host, file; /* whose word 0 clear_up counts in; 0: none */
};

int set_up(void *user);
void clear_up(void *user);
int fail_to_set_up(void *user);

/* 127 bytes, as many as a name may have. */
PROCS_TASK_DECLARE(
	named_with_as_many_bytes_as_there_are_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789);
#define function_of_long_name                                                                      \
 procs_function_of(                                                                                \
	 named_with_as_many_bytes_as_there_are_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789_123456789)

#endif
