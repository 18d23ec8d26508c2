/*
 * pxt.h - what all tests share: cmocka with a fixture that holds the process
 * against a picture of itself taken before each test, checks that survive a
 * fork, and bodies that run in a process of their own.
 */
#ifndef PXT_H
#define PXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef NDEBUG
# error "tests are not built without assertions"
#endif

/* The fixture: descriptors, arenas, children (live and zombie), threads, signal
 * dispositions and mask, umask and working directory are after the test what
 * they were before. */
int pxt_before(void **state);
int pxt_after(void **state);

#define pxt_test(f) cmocka_unit_test_setup_teardown(f, pxt_before, pxt_after)

/* True, or the test fails: by cmocka in the test's own process, in a child of
 * it by a line on stderr and abort(), since cmocka's way out of a test would
 * lead the child into the rest of the runner. */
#define pxt_check(condition)                                                                \
	((condition) ? (void)0 : pxt_failed(__FILE__, __LINE__, "%s", #condition))
void pxt_failed(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Equal, or the test fails and says what they were. */
#define pxt_equal(a, b)                                                                     \
	pxt_equal_((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
void pxt_equal_(long long a, long long b, const char *text, const char *file, int line);
#define pxt_text(a, b) pxt_text_((a), (b), #a, __FILE__, __LINE__)
void pxt_text_(const char *a, const char *b, const char *text, const char *file, int line);

/* Runs body in a child. Returns its wait status; a hang of more than 60 s is a
 * SIGKILL. */
int pxt_run(void (*body)(void *), void *argument);

/* Runs body in a child, which must return from it. */
void pxt_isolated(void (*body)(void *), void *argument);

/* Runs a program and returns all that it writes to stdout and stderr, to be
 * freed; *status_out is its wait status. */
char *pxt_output(const char *const argv[], int *status_out);

/* PXT_SHARED(T, name, n); at file scope: a pointer to n objects that this program shares
 * with all processes that come of it, also those that execute it; 0 when a test begins.
 * They lie in a file in memory, at the same place of it in each. */
#define PXT_SHARED(T, name, n)                                                              \
	static T *name;                                                                     \
	__attribute__((constructor)) static void pxt_share_##name(void)                     \
	{                                                                                   \
		name = pxt_share((n) * sizeof(T));                                          \
	}                                                                                   \
	_Static_assert((n) > 0, "some")
void *pxt_share(size_t size);

/* Waits until the word has at least this value; fails the test after 30 s. */
void pxt_await(_Atomic uint64_t *word, uint64_t value);

/* Peak and present resident memory of this process, KiB. */
long pxt_resident_peak(void);
long pxt_resident(void);

/* Whether valgrind, or a sanitizer that reserves address space, runs this. */
bool pxt_is_instrumented(void);
bool pxt_is_valgrind(void);

/* How workers are made in this run: environment variable PROCS_START. */
bool pxt_forks(void);
bool pxt_serves(void); /* a forkserver makes them */
bool pxt_spawns(void);

/* The first line of main where <procs/worker.h> is included. A forkserver is there before
 * the first picture is taken, and has nothing of the tests in it. */
#define pxt_start(argc, argv)                                                               \
	do {                                                                                \
		procs_worker_hook(argc, argv);                                              \
		if (pxt_serves() && procs_forkserver_start(NULL) != 0)                      \
			abort();                                                            \
	} while (0)

/* Skips the test where workers are made in one of these ways; why is a reason for people. */
void pxt_not_by(const char *methods, const char *why);

/* A repeatable random stream (splitmix64). */
uint64_t pxt_random(uint64_t *state);

/* Child processes, live and zombie, and threads of this process. */
int pxt_children(void);
int pxt_threads(void);
int pxt_descriptors(void);
int pxt_arenas(void);

#endif /* PXT_H */
