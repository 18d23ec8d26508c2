/*
 * doorbell_futex.c - sleeps on the bell itself, and on other words with it: the
 * doorbell as it is built by default. The only file that calls futex.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/px.h"
#include "base/raw.h"
#include "shm/doorbell.h"

#ifndef SYS_futex_waitv
# define SYS_futex_waitv 449
#endif

/* The kernel's struct futex_waitv, which headers older than 5.16 lack. */
enum px_waitv_state {
	PX_WAITV_UNKNOWN = 0,
	PX_WAITV_WORKS = 1,
	PX_WAITV_MISSING = 2
};

/* Found out once; a race of two threads finds the same. */
static _Atomic int px_waitv_state;

int px_doorbell_open(_Atomic uint32_t *bell)
{
	(void)bell; /* any word will do */
	return 0;
}

int px_doorbell_attach(_Atomic uint32_t *bell)
{
	(void)bell;
	return 0;
}

void px_doorbell_wake(_Atomic uint32_t *bell)
{
	(void)px_raw(SYS_futex, (long)bell, FUTEX_WAKE, INT_MAX, 0);
}

static long px_waitv(struct px_sleeper *sleepers, size_t n, uint64_t deadline)
{
	const struct timespec until = px_timespec(deadline);

	return syscall(SYS_futex_waitv, sleepers, (unsigned)n, 0,
		       deadline == PX_NEVER ? NULL : &until, CLOCK_MONOTONIC);
}

bool px_doorbell_watches_words(void)
{
	/* relaxed: a flag of its own, nothing is published with it */
	int state = atomic_load_explicit(&px_waitv_state, memory_order_relaxed);

	if (state == PX_WAITV_UNKNOWN) {
		_Atomic uint32_t word = 1;
		struct px_sleeper wait = px_doorbell_on(&word, 0);

		/* The word differs: where the call exists it says EAGAIN at once. */
		state = px_waitv(&wait, 1, PX_NEVER) < 0 && errno == EAGAIN ? PX_WAITV_WORKS
									    : PX_WAITV_MISSING;
		/* relaxed: as above */
		atomic_store_explicit(&px_waitv_state, state, memory_order_relaxed);
	}
	return state == PX_WAITV_WORKS;
}

/* FUTEX_WAIT_BITSET, because it takes an absolute deadline. */
static long px_wait_one(const struct px_sleeper *sleeper, uint64_t deadline)
{
	const struct timespec until = px_timespec(deadline);

	return syscall(SYS_futex, (uintptr_t)sleeper->address, FUTEX_WAIT_BITSET,
		       (uint32_t)sleeper->value, deadline == PX_NEVER ? NULL : &until, NULL,
		       FUTEX_BITSET_MATCH_ANY);
}

struct px_sleeper px_doorbell_on(const _Atomic uint32_t *word, uint32_t expected)
{
	return (struct px_sleeper){
		.value = expected,
		.address = (uintptr_t)word,
		.flags = 2, /* 32 bits, shared between processes */
	};
}

struct px_sleeper px_doorbell_on_bell(const _Atomic uint32_t *bell, uint32_t seen)
{
	return px_doorbell_on(bell, seen);
}

int px_doorbell_sleep(struct px_sleeper *sleepers, size_t n, uint64_t deadline)
{
	const int saved = errno;
	long woken;
	int result;

	px_assert(n >= 1 && n <= 1 + PX_SLEEPERS_MOST);
	if (n == 1 || !px_doorbell_watches_words())
		woken = px_wait_one(sleepers, deadline);
	else
		woken = px_waitv(sleepers, n, deadline);
	/* EAGAIN: a word had moved already; EINTR: a handler ran. Both are wake-ups. */
	result = woken < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
	errno = saved;
	return result;
}
