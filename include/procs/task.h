/*
 * task.h - for those who write tasks: ordinary functions that procs may run in
 * other processes, structs that travel with them, and raw tasks that write
 * their result straight into their slot.
 *
 * A typed task:
 *
 *	PROCS_DEFINE2(int, f, int, x, int, y) { return 5 * x + 3 * y; }
 *
 * f is an ordinary function: f(2, 7) works. Its argument and result types may
 * be all arithmetic types (complex ones too), enums, structs taught by
 * PROCS_STRUCT, char * and const char * (NUL-terminated strings, NULL
 * included), struct procs_bytes; the result also void. Any other pointer is
 * refused at compile time. The typed macros are C (C11 and later); C++ has
 * every function and the raw tasks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROCS_TASK_H
#define PROCS_TASK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <procs/failed.h>
#include <procs/task_macros.h>

#ifdef __cplusplus
extern "C" {
#else
# include <stdatomic.h>
#endif

/** A run of bytes as argument or result of a task: [size] at data; data may be
 * NULL if size is 0. As argument it is borrowed from the worker until the task
 * returns; as result it is borrowed from the task until it is encoded, so it
 * may be static, or from procs_scratch, but not a local array. Where it arrives,
 * its data are aligned to 16. */
struct procs_bytes {
	const void *data;
	size_t size; /* bytes; at most 2 GiB as argument, as result what fits the slot */
};

/** Bytes that the arguments of one task may take together, as a struct. */
enum { PROCS_ARGUMENTS_MAX = 128 };

/** Items that a PROCS_PURE task runs at a stretch: a multiple of any vector's
 * elements, and enough that one more store and call are not noticed. */
enum { PROCS_BLOCK_ITEMS = 256 };

/* What the macros below write into the program: read by the library, never
 * written by hand. `code` is one of the letters of PROCS_CODE. */
struct procs_type {
	const char *name; /* as spelled, "struct point" */
	uint64_t size;    /* bytes of one */
	uint64_t code;
};

struct procs_field {
	const char *name;
	struct procs_type type;
	uint64_t offset; /* bytes from the start of the struct */
	uint64_t count;  /* 1, or the length of a fixed array */
};

struct procs_struct {
	size_t size;      /* bytes of this descriptor */
	const char *name; /* as spelled, "struct point" */
	uint64_t bytes;   /* sizeof the struct that it describes */
	uint64_t n_fields;
	const struct procs_field *fields; /* [n_fields] */
};

/* A stretch of items to run, handed by a worker to the loop of a task. */
struct procs_loop {
	size_t size;        /* bytes of this struct that the library filled in */
	uint64_t next, end; /* items of the range still to run; next moves on */
	const unsigned char *argument[8]; /* item k's i-th argument: argument[i] + k * stride[i] */
	uint64_t stride[8];
	unsigned char *out; /* item k's value goes to out + k * out_stride */
	uint64_t out_stride;
	void *progress; /* an _Atomic uint64_t: k << 1 | 1 while item k runs, or a block from k on */
	int failed;     /* set by procs_fail: the loop stops at this item */
	uint32_t blocks;   /* 1: it may run blocks; the loop makes it 0 if that does not do */
	uint32_t in_block; /* 1 while a block runs: then failed says that its items are to be
	                    * run again one by one, since one of them wants to be told apart */
};

struct procs_task;

/* A task, as the library sees it. */
struct procs_function {
	size_t size;      /* bytes of this descriptor */
	const char *name; /* NUL-terminated */
	uint64_t n_arguments;
	uint64_t arguments_size;             /* bytes of all arguments as one struct */
	const struct procs_field *arguments; /* [n_arguments], offsets in that struct */
	struct procs_type result;
	void (*loop)(struct procs_loop *loop);  /* typed tasks */
	int (*raw)(struct procs_task *task);    /* raw tasks */
	const struct procs_struct *const *structs;     /* those taught to this program */
	const struct procs_struct *const *structs_end; /* or shared object */
	uint64_t block; /* PROCS_PURE: items of a block; else 0: it runs one by one */
};

/**
 * Raw tasks: int fn(struct procs_task *), for results of any size that are
 * written in place, and for C++. Returns 0 for success; anything else is a
 * Failed(ERROR) with that code, unless procs_fail was called before.
 *
 *	static int fill(struct procs_task *task) { ... }
 *	PROCS_TASK(fill, fill);
 *
 * defines the task `fill`, to be used as procs_function_of(fill). With `static`
 * in front it belongs to its file; PROCS_TASK_DECLARE(fill); is for the header,
 * which C and C++ may share; a C++ file that defines the task includes it first.
 */
#define PROCS_TASK(name, fn)                                                   \
	const struct procs_function *procs_function_of_##name(void) PROCS_UNUSED; \
	static const struct procs_function procs_raw_##name = {                \
		sizeof(struct procs_function), #name, 0, 0, NULL,              \
		{ "raw", 0, PROCS_CODE_RAW }, NULL, fn, NULL, NULL, 0          \
	};                                                                     \
	PROCS_ENTER_(name, procs_raw_##name)                                   \
	const struct procs_function *procs_function_of_##name(void)            \
	{                                                                      \
		return &procs_raw_##name;                                      \
	}                                                                      \
	struct procs_needs_semicolon
#define PROCS_TASK_DECLARE(name)                                               \
	PROCS_C_LINKAGE const struct procs_function *                          \
	procs_function_of_##name(void) PROCS_UNUSED

/** PROCS_REMOTE_TASK(fill); declares a raw task that only the workers have, see PROCS_REMOTE. */
#define PROCS_REMOTE_TASK(name)                                                \
	const struct procs_function *procs_function_of_##name(void) PROCS_UNUSED; \
	static const struct procs_function procs_raw_##name = {                \
		sizeof(struct procs_function), #name, 0, 0, NULL,              \
		{ "raw", 0, PROCS_CODE_RAW }, NULL, procs_absent_raw, NULL, NULL, 0 \
	};                                                                     \
	const struct procs_function *procs_function_of_##name(void)            \
	{                                                                      \
		return &procs_raw_##name;                                      \
	}                                                                      \
	struct procs_needs_semicolon

/**
 * In the place of a task that is elsewhere, see PROCS_REMOTE: fails the item with ENOENT.
 *
 * @loop: as the library hands it to tasks.
 * Returns: nothing. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: only in the task's process. Signals: no.
 */
PROCS_EXPORT void procs_absent(struct procs_loop *loop);

/**
 * The same for raw tasks.
 *
 * @task: as handed to the task.
 * Returns: ENOENT. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: only in the task's process. Signals: no.
 */
PROCS_EXPORT int procs_absent_raw(struct procs_task *task);

/** The descriptor of a task, typed or raw, for the calls that take one. */
#define procs_function_of(name) procs_function_of_##name()

/**
 * How many arguments the running raw task has.
 *
 * @task: as handed to the task.
 * Returns: the number of sequences of a pmap, or 1 for a call. Errors: none;
 * NULL gives 0.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: only in the task's process. Signals: no.
 */
PROCS_EXPORT size_t procs_argument_count(const struct procs_task *task);

/**
 * The bytes of an argument of the running raw task.
 *
 * @task: as handed to the task. @number: which one, from 0.
 * @size_out: where to put its length in bytes; may be NULL.
 * Returns: the bytes, aligned as the caller's array, for a call to 16.
 * Errors: NULL, with *size_out 0, if there is no such argument.
 * Ownership: borrowed until the task returns. Blocks: no. Allocates: no.
 * Threads: any of the task. Fork: only in the task's process. Signals: no.
 */
PROCS_EXPORT const void *procs_argument(const struct procs_task *task,
					size_t number, size_t *size_out);

/**
 * Reserves room for the result of the running raw task, in its slot.
 *
 * A second reserve replaces the first, whose bytes are not kept. Pages are
 * taken only when touched, so reserving much and committing little is cheap.
 * @task: as handed to the task.
 * @size: bytes; 0 is allowed.
 * Returns: the room, aligned to 64, with arbitrary contents; or NULL.
 * Errors: NULL with errno ENOSPC if the slot has no such room, EALREADY after
 * procs_commit, EINVAL if task is NULL. A task that then returns non-zero is
 * Failed(TOO_BIG) in the first case.
 * Ownership: borrowed until the task returns. Blocks: never. Allocates: no.
 * Threads: that of the task. Fork: only in the task's process. Signals: no.
 */
PROCS_EXPORT void *procs_reserve(struct procs_task *task, size_t size);

/**
 * Makes the first bytes of the reserved room the result. The first commit of
 * an item stands; the value is delivered when the task returns 0. A task that
 * commits nothing has a result of 0 bytes, unless it had reserved some: that
 * is Failed(ERROR) with ENODATA.
 *
 * @task: as handed to the task. @size: bytes, at most those reserved.
 * Returns: 0. Errors: -EINVAL if more than was reserved or task is NULL,
 * -EALREADY after the first.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: only in the task's process. Signals: no.
 */
PROCS_EXPORT int procs_commit(struct procs_task *task, size_t size);

/**
 * Memory for a result, from inside a task: lives until the item's value is
 * encoded, so a task may return it as char * or struct procs_bytes.
 *
 * @size: bytes, any.
 * Returns: the memory, aligned to 16, with arbitrary contents; or NULL.
 * Errors: NULL with errno ENOMEM, or EPERM outside any item.
 * Ownership: the library's; never freed by the task. Blocks: no.
 * Allocates: yes. Threads: that of the task. Fork: only in the task's process.
 * Signals: no.
 */
PROCS_EXPORT void *procs_scratch(size_t size);

/**
 * From inside a task: which item this is.
 *
 * Returns: the index, from 0; UINT64_MAX outside any item. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT uint64_t procs_index(void);

/**
 * From inside a task: which try this is.
 *
 * Returns: from 1; 0 outside any item. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: any side. Signals: async-signal-safe.
 */
PROCS_EXPORT uint32_t procs_attempt(void);

/**
 * From inside a task: the next number of the item's own random stream.
 *
 * The stream begins anew with each item and each try. Its numbers follow from
 * options.seed, the item's index and how many were drawn before, and from nothing
 * else: they are the same whatever the workers, the windows, the start method and
 * the fate of other items, and in every version of the library on every machine
 * (Philox4x32-10). The combine of a procs_reduce has streams of its own. Good for
 * simulation, not for secrets.
 *
 * Returns: 64 random bits; outside any item, and in threads that the task
 * started itself, the next of the calling thread's stream, which is the same for
 * all threads: that of seed 0 and index UINT64_MAX. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: any side; parent and child go on alike.
 * Signals: not async-signal-safe.
 */
PROCS_EXPORT uint64_t procs_random(void);

/**
 * procs_random as a fraction: the upper 53 of its bits, divided by 2^53.
 *
 * Returns: 0 <= number < 1, all multiples of 2^-53 alike. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: that of the task. Fork: any side; parent and child go on alike.
 * Signals: not async-signal-safe.
 */
PROCS_EXPORT double procs_random_double(void);

#ifdef __cplusplus
}
#else

/* The structs taught to this program or shared object: the linker's names for
 * the bounds of a section, taken here because the library would find its own. */
extern const struct procs_struct *const __start_procs_structs[]
	__attribute__((weak, visibility("hidden")));
extern const struct procs_struct *const __stop_procs_structs[]
	__attribute__((weak, visibility("hidden")));

/**
 * PROCS_DEFINE0..8(R, name, T1, a1, ...): defines an ordinary function
 * R name(T1 a1, ...), whose body follows, and registers it. `static` may stand
 * in front. PROCS_DECLARE0..8 with the same words, for a header, lets other
 * files use it as a task; the file that has both writes PROCS_BODY0..8 instead
 * of PROCS_DEFINE.
 */
# define PROCS_DEFINE0(R, name) PROCS_DECLARE0(R, name); PROCS_BODY0(R, name)
# define PROCS_DEFINE1(...) PROCS_DECLARE1(__VA_ARGS__); PROCS_BODY1(__VA_ARGS__)
# define PROCS_DEFINE2(...) PROCS_DECLARE2(__VA_ARGS__); PROCS_BODY2(__VA_ARGS__)
# define PROCS_DEFINE3(...) PROCS_DECLARE3(__VA_ARGS__); PROCS_BODY3(__VA_ARGS__)
# define PROCS_DEFINE4(...) PROCS_DECLARE4(__VA_ARGS__); PROCS_BODY4(__VA_ARGS__)
# define PROCS_DEFINE5(...) PROCS_DECLARE5(__VA_ARGS__); PROCS_BODY5(__VA_ARGS__)
# define PROCS_DEFINE6(...) PROCS_DECLARE6(__VA_ARGS__); PROCS_BODY6(__VA_ARGS__)
# define PROCS_DEFINE7(...) PROCS_DECLARE7(__VA_ARGS__); PROCS_BODY7(__VA_ARGS__)
# define PROCS_DEFINE8(...) PROCS_DECLARE8(__VA_ARGS__); PROCS_BODY8(__VA_ARGS__)
# define PROCS_DEFINE9(...) _Static_assert(0, "procs: a task takes at most 8 arguments")

/**
 * PROCS_REMOTE0..8(R, name, T1, a1, ...); declares a task that this
 * program does not have, but its workers: a worker binary or a module, see <procs/worker.h>.
 * It is used as any other, with PROCS_START_SPAWN or a forkserver; once in a program, for
 * each task.
 */
# define PROCS_REMOTE0(R, name) PROCS_DECLARE0(R, name); PROCS_REMOTE_0_(R, name)
# define PROCS_REMOTE1(...) PROCS_DECLARE1(__VA_ARGS__); PROCS_REMOTE_N_(2, __VA_ARGS__)
# define PROCS_REMOTE2(...) PROCS_DECLARE2(__VA_ARGS__); PROCS_REMOTE_N_(4, __VA_ARGS__)
# define PROCS_REMOTE3(...) PROCS_DECLARE3(__VA_ARGS__); PROCS_REMOTE_N_(6, __VA_ARGS__)
# define PROCS_REMOTE4(...) PROCS_DECLARE4(__VA_ARGS__); PROCS_REMOTE_N_(8, __VA_ARGS__)
# define PROCS_REMOTE5(...) PROCS_DECLARE5(__VA_ARGS__); PROCS_REMOTE_N_(10, __VA_ARGS__)
# define PROCS_REMOTE6(...) PROCS_DECLARE6(__VA_ARGS__); PROCS_REMOTE_N_(12, __VA_ARGS__)
# define PROCS_REMOTE7(...) PROCS_DECLARE7(__VA_ARGS__); PROCS_REMOTE_N_(14, __VA_ARGS__)
# define PROCS_REMOTE8(...) PROCS_DECLARE8(__VA_ARGS__); PROCS_REMOTE_N_(16, __VA_ARGS__)
# define PROCS_REMOTE9(...) PROCS_DEFINE9(__VA_ARGS__)

/**
 * PROCS_PURE0..8(R, name, T1, a1, ...): PROCS_DEFINE, with a promise: running
 * an item twice does no harm. It pays for short items over arrays: a map then
 * runs them in blocks of PROCS_BLOCK_ITEMS, in a loop that gcc and clang
 * vectorize from -O2 on, also with -fPIC. PROCS_PURE_BODY0..8 goes with
 * PROCS_DECLARE0..8, as PROCS_BODY does; `static` may stand in front as there.
 *
 *	PROCS_PURE2(float, blend, float, x, float, y) { return 0.3f * x + 0.7f * y; }
 *
 * Nothing else changes. A crash, an exit or a kill costs the one item that did
 * it: the block is run again, one by one, and so it is when an item calls
 * procs_fail, procs_index, procs_random or procs_scratch; a worker that has met such a call
 * runs no more blocks of the task. So up to PROCS_BLOCK_ITEMS bodies run a second
 * time, what they print too; to procs_attempt that is the same try. Values of a
 * block become ready together, so it is not for items of which some take long.
 * One by one run in any case: items under a timeout, those of procs_call, of
 * arrays with gaps between the elements (procs_sequence.stride) or not aligned
 * to their type, and tasks whose result or arguments hold strings or bytes.
 */
# define PROCS_PURE0(R, name) PROCS_DECLARE0(R, name); PROCS_PURE_BODY0(R, name)
# define PROCS_PURE1(...) PROCS_DECLARE1(__VA_ARGS__); PROCS_PURE_BODY1(__VA_ARGS__)
# define PROCS_PURE2(...) PROCS_DECLARE2(__VA_ARGS__); PROCS_PURE_BODY2(__VA_ARGS__)
# define PROCS_PURE3(...) PROCS_DECLARE3(__VA_ARGS__); PROCS_PURE_BODY3(__VA_ARGS__)
# define PROCS_PURE4(...) PROCS_DECLARE4(__VA_ARGS__); PROCS_PURE_BODY4(__VA_ARGS__)
# define PROCS_PURE5(...) PROCS_DECLARE5(__VA_ARGS__); PROCS_PURE_BODY5(__VA_ARGS__)
# define PROCS_PURE6(...) PROCS_DECLARE6(__VA_ARGS__); PROCS_PURE_BODY6(__VA_ARGS__)
# define PROCS_PURE7(...) PROCS_DECLARE7(__VA_ARGS__); PROCS_PURE_BODY7(__VA_ARGS__)
# define PROCS_PURE8(...) PROCS_DECLARE8(__VA_ARGS__); PROCS_PURE_BODY8(__VA_ARGS__)
# define PROCS_PURE9(...) PROCS_DEFINE9(__VA_ARGS__)

/**
 * PROCS_STRUCT(T, T1, field1, ...): teaches the struct T, spelled as tasks
 * spell it, with the types of its 1 to 16 fields. Fields may be of all types
 * an argument may have, taught structs, and fixed arrays of all these (name
 * the element's type). A field that is left out may or may not arrive. A name
 * means one layout in the whole program or shared object: tasks that use one
 * that two files teach differently are refused.
 *
 *	struct point { double x, y; char name[8]; };
 *	PROCS_STRUCT(struct point, double, x, double, y, char, name);
 */
# define PROCS_STRUCT(T, ...) PROCS_STRUCT_(__COUNTER__, T, __VA_ARGS__)

/** The letter for a type: tpl's letters where tpl has the type. */
# define PROCS_CODE(T) PROCS_CODE_OF_(*(T *)0)

#endif /* C */

#endif /* PROCS_TASK_H */
