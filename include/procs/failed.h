/*
 * failed.h - what went wrong with one item, for callers and task authors.
 *
 * A failing task never makes a call of the library fail: it costs one Failed
 * record in place of its value. This header has the record, the closed list of
 * causes, its text for people, and the three ways in which a task fails on
 * purpose.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROCS_FAILED_H
#define PROCS_FAILED_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
# define PROCS_C_LINKAGE extern "C"
#else
# define PROCS_C_LINKAGE
#endif

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
# define PROCS_EXPORT __attribute__((visibility("default")))
# define PROCS_PRINTF(at, first) __attribute__((format(printf, at, first)))
# define PROCS_UNUSED __attribute__((unused))
#else
# error "procs needs gcc or clang"
#endif

/**
 * Why an item has no value. The set is closed: a program may switch over it.
 * The comment of each cause says what `code` of the record then is.
 */
enum procs_cause {
	PROCS_CAUSE_NONE = 0,         /* no failure; never in a record of an item */
	PROCS_CAUSE_ERROR = 1,        /* the task called procs_fail; code: the task's own */
	PROCS_CAUSE_EXIT = 2,         /* its process ended without a result; code: exit status, 0..255 */
	PROCS_CAUSE_SIGNAL = 3,       /* a signal killed its process; code: the signal's number */
	PROCS_CAUSE_TIMEOUT = 4,      /* it ran longer than options.timeout_ns; code: ETIMEDOUT */
	PROCS_CAUSE_MEMORY = 5,       /* killed for want of memory; code: the signal's number */
	PROCS_CAUSE_CORRUPT = 6,      /* the bytes it left do not pass the checks; code: EBADMSG */
	PROCS_CAUSE_TOO_BIG = 7,      /* the value does not fit the space or the format; code: EFBIG */
	PROCS_CAUSE_ENCODE = 8,       /* arguments or value could not be encoded; code: an errno */
	PROCS_CAUSE_DECODE = 9,       /* arguments or value could not be decoded; code: an errno */
	PROCS_CAUSE_INIT = 10,        /* the worker's init hook failed; code: the hook's */
	PROCS_CAUSE_SPAWN = 11,       /* the worker binary could not be started; code: an errno */
	PROCS_CAUSE_VERSION = 12,     /* worker and parent are different builds; code: EPROTO */
	PROCS_CAUSE_UNKNOWN_FUNCTION = 13, /* the worker has no task of that name; code: ENOENT */
	PROCS_CAUSE_RESOURCE = 14,    /* no process or memory for it; code: an errno */
	PROCS_CAUSE_CANCELLED = 15,   /* procs_cancel came first; code: ECANCELED */
	PROCS_CAUSE_UNKNOWN = 16      /* its process is gone, and somebody else took the status; code: 0 */
};

/**
 * One failure. Which bytes belong to whom: the record and all it points to are
 * borrowed; of a result, until the next procs_next or procs_close on its
 * stream; of procs_last_failure, until the thread's next failure.
 */
struct procs_failed {
	size_t size;            /* bytes of this struct that the library filled in */
	enum procs_cause cause; /* why; also says what `code` is */
	int code;               /* see enum procs_cause */
	uint64_t index;         /* of the item, from 0; UINT64_MAX outside any item */
	const char *function;   /* name of the task, NUL-terminated, never NULL */
	const char *message;    /* for people, NUL-terminated, never NULL; may be "" */
	size_t message_size;    /* bytes of message without the final NUL; at most 65,536 */
	const void *data;       /* what procs_fail_data added, or NULL */
	size_t data_size;       /* bytes of data; 0 if none */
	int64_t pid;            /* of the process that ran it; 0 if none ever did */
	uint32_t attempt;       /* which try, from 1; 0 if it was never started */
	uint32_t core_dumped;   /* 1 if the kernel says that it wrote a core file, else 0 */
	uint64_t elapsed_ns;    /* time used, ns of CLOCK_MONOTONIC, from the start of the item, or, for
	                         * items of less than 5 us without a timeout, of the chunk it was in */
	const char *traceback;  /* for people, lines: where it crashed or was raised, as written to
	                         * options.traceback_fd; never NULL, "" if nothing is known */
	uint64_t reserved[3];   /* 0 */
};

/** How many failures a list of them keeps. */
enum { PROCS_FAILURES_LISTED = 1000 };

/** One failure of many. */
struct procs_failure {
	uint64_t index;         /* of the item, from 0 */
	enum procs_cause cause; /* why */
	int code;               /* see enum procs_cause */
	char message[112];      /* for people, NUL-terminated; cut at 111 bytes */
};

/** The failures of a procs_pmap_into: caller-allocated, filled by the call. */
struct procs_failures {
	uint64_t count;        /* failed items in all */
	uint64_t by_cause[32]; /* of each enum procs_cause */
	size_t n_listed;       /* the first of them, as they became known, 0..1,000 */
	struct procs_failure listed[PROCS_FAILURES_LISTED];
};

/**
 * The name of a cause, such as "TIMEOUT".
 *
 * @cause: any value; one outside the set gives "?".
 * Returns: a string constant, never NULL. Errors: none.
 * Ownership: static, never freed. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT const char *procs_cause_name(enum procs_cause cause);

/**
 * One line for people, such as "Failed(EDOM: not odd: 6)" or
 * "Failed(SIGNAL SIGSEGV: f was killed)".
 *
 * Control characters and bytes that are not UTF-8 are shown as \xNN, so that
 * the line stays one line whatever the task wrote.
 * @failed: the record, borrowed for the call; NULL gives "".
 * @text: [size] bytes, caller-allocated; may be NULL if size is 0.
 * @size: bytes, any; what does not fit is cut, the NUL is always written.
 * Returns: the bytes the whole line has without NUL, as snprintf does.
 * Errors: none.
 * Ownership: nothing is kept. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: not async-signal-safe.
 */
PROCS_EXPORT size_t procs_failed_text(const struct procs_failed *failed,
				      char *text, size_t size);

/**
 * Fails the current item with cause ERROR; from inside a task.
 *
 * The first failure of an item decides, later ones are ignored; a value that
 * the task returns afterwards is dropped, and exit() ends the process but not
 * this failure. A signal or a timeout before the task returns is the outcome.
 * Outside any item, and in threads that the task started itself, it only sets
 * the thread's procs_last_failure(). The line it stands in is noted for the
 * traceback.
 * @code: any int; an errno shows by its name in the text.
 * @format: as for printf, borrowed; the text is cut at 65,536 bytes and then
 *          ends in "...".
 * Returns: 0, always, so that an arithmetic task can `return procs_fail(...)`.
 * Errors: none; without memory the message is dropped and the code stays.
 * Ownership: the text is copied. Blocks: no. Allocates: yes.
 * Threads: any. Fork: any side. Signals: not async-signal-safe.
 */
PROCS_EXPORT int procs_fail(int code, const char *format, ...) PROCS_PRINTF(2, 3);

/**
 * procs_fail, with bytes of the original error added to the record.
 *
 * @code, @format: as for procs_fail.
 * @data: [size] bytes, borrowed for the call; may be NULL if size is 0.
 * @size: bytes, at most 1 MiB; more are cut.
 * Returns: 0, always. Errors: none; without memory the data is dropped.
 * Ownership: the bytes are copied. Blocks: no. Allocates: yes.
 * Threads: any. Fork: any side. Signals: not async-signal-safe.
 */
PROCS_EXPORT int procs_fail_data(int code, const void *data, size_t size,
				 const char *format, ...) PROCS_PRINTF(4, 5);

/**
 * Notes where the next procs_fail of this thread stands; the macros below do.
 *
 * @file, @function: static strings, borrowed for ever. @line: from 1.
 * Returns: nothing. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: any. Fork: any side. Signals: not async-signal-safe.
 */
PROCS_EXPORT void procs_fail_here(const char *file, int line, const char *function);

/** procs_fail and procs_fail_data, with the place where they stand. */
#define procs_fail(...)                                                        \
	(procs_fail_here(__FILE__, __LINE__, __func__), procs_fail(__VA_ARGS__))
#define procs_fail_data(...)                                                   \
	(procs_fail_here(__FILE__, __LINE__, __func__),                        \
	 procs_fail_data(__VA_ARGS__))

/**
 * procs_fail as an expression of any type: `return procs_fail_as(struct point,
 * EDOM, "...")`. T is spelled as a type name; the value is all zero.
 */
#define procs_fail_as(T, ...) ((void)procs_fail(__VA_ARGS__), (T){ 0 })

/**
 * The last failure that the calling thread raised outside any item, or that a
 * call of the library left to explain the errno it returned.
 *
 * Returns: the record, or NULL if there was none. Errors: none.
 * Ownership: borrowed until the thread's next failure or its end.
 * Blocks: no. Allocates: no.
 * Threads: each has its own. Fork: a child sees its copy. Signals: not
 * async-signal-safe.
 */
PROCS_EXPORT const struct procs_failed *procs_last_failure(void);

#ifdef __cplusplus
}
#endif

#endif /* PROCS_FAILED_H */
