#include "backend/owner.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/px.h"

/* On a page of its own: the number and, where the kernel does not empty the
 * page at fork, the pid it was taken with. */
struct px_badge {
	_Atomic uint64_t number;
	_Atomic int64_t pid;
};

static _Atomic(struct px_badge *) px_badge;
static _Atomic uint64_t px_last_number; /* survives fork, unlike the badge */
static _Atomic bool px_badge_is_wiped;
PX_WORKER_WRITES static unsigned px_depth;

static struct px_badge *px_badge_make(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct px_badge *expected = NULL;
	const int saved = errno;
	void *memory;

	if (posix_memalign(&memory, page, page) != 0)
		return NULL;
	atomic_init(&((struct px_badge *)memory)->number, 0);
	atomic_init(&((struct px_badge *)memory)->pid, 0);
	/* relaxed: set once, before the badge is published */
	atomic_store_explicit(&px_badge_is_wiped, madvise(memory, page, MADV_WIPEONFORK) == 0,
			      memory_order_relaxed);
	errno = saved;
	/* acq_rel: publishes the page; two threads may come here at once, one page is enough */
	if (!atomic_compare_exchange_strong_explicit(&px_badge, &expected, memory,
						     memory_order_acq_rel, memory_order_acquire)) {
		/* The page must not be reused by malloc while it is emptied at forks. */
		(void)madvise(memory, page, MADV_KEEPONFORK);
		free(memory);
		return expected;
	}
	return memory;
}

static bool px_badge_is_foreign(struct px_badge *badge)
{
	/* relaxed, both: a process looks at its own badge */
	return !atomic_load_explicit(&px_badge_is_wiped, memory_order_relaxed) &&
	       atomic_load_explicit(&badge->pid, memory_order_relaxed) != getpid();
}

uint64_t px_owner_self(void)
{
	/* acquire: pairs with the publication in px_badge_make() */
	struct px_badge *badge = atomic_load_explicit(&px_badge, memory_order_acquire);
	uint64_t number, fresh;

	if (badge == NULL)
		badge = px_badge_make();
	if (badge == NULL)
		return 0;
	/* relaxed: a number, nothing behind it */
	number = atomic_load_explicit(&badge->number, memory_order_relaxed);
	if (number != 0 && !px_badge_is_foreign(badge))
		return number;
	/* relaxed, all: whoever swaps first decides, and the others take its number */
	fresh = atomic_fetch_add_explicit(&px_last_number, 1, memory_order_relaxed) + 1;
	atomic_store_explicit(&badge->pid, getpid(), memory_order_relaxed);
	if (atomic_compare_exchange_strong_explicit(&badge->number, &number, fresh,
						    memory_order_relaxed, memory_order_relaxed))
		return fresh;
	return number;
}

unsigned px_owner_depth(void)
{
	return px_depth;
}

void px_owner_descend(unsigned depth)
{
	px_depth = depth + 1;
}
