/*
 * px.h - what C itself lacks: attributes, assertions, small arithmetic.
 *
 * The lowest header of the house: every file may include it, it includes
 * nothing of ours.
 */
#ifndef PROCS_BASE_PX_H
#define PROCS_BASE_PX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define PX_PRINTF(at, first)   __attribute__((format(printf, at, first)))
/* Variables that each worker writes, side by side: a page copied for one is
 * copied for all. */
#define PX_WORKER_WRITES       __attribute__((section("px_worker_writes")))

/* Thread-local without a call; for little, which shares its room with all libraries. */
#define PX_TLS                 __attribute__((tls_model("initial-exec"))) _Thread_local

#define PX_NORETURN            __attribute__((noreturn))
#define PX_UNUSED              __attribute__((unused))
#define PX_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define PX_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum {
	PX_LINE = 64, /* bytes that travel between cores as one */
};

/* For what cannot happen unless our own code is wrong, never for input: input
 * is validated. On in debug builds and in all tests; a release compiles it to
 * nothing, because a library may not end its host. */
#ifdef PX_ASSERTIONS
# define px_assert(condition) ((condition) ? (void)0 : abort())
#else
# define px_assert(condition) ((void)sizeof(!(condition)))
#endif

#define px_container(pointer, type, member)                                                        \
 ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline uint64_t px_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t px_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t px_clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return px_min(px_max(value, low), high);
}

/* value / by, rounded up; by is not 0. */
static inline uint64_t px_divide_up(uint64_t value, uint64_t by)
{
	return value / by + (value % by != 0);
}

/* Sums and products of sizes that come from outside: false if they overflow,
 * and then *out is not to be used. */
static inline bool px_add(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool px_multiply(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* Rounds up to a power of two; the caller knows that it cannot overflow. */
static inline uint64_t px_align(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static inline uint64_t px_align_down(uint64_t value, uint64_t to)
{
	return value & ~(to - 1);
}

#endif /* PROCS_BASE_PX_H */
