/*
 * doorbell_semaphore.c - sleeps on a POSIX semaphore beside the bell: the doorbell
 * of a build with -Ddoorbell=semaphore. The only file that calls sem_*.
 *
 * Where the semaphore lies. A sem_t has two halves. The first 8 bytes count: posts
 * not taken yet, and who sleeps. The rest says of what kind it is, is never written
 * after sem_init, and is believed: glibc makes the futex operation of it, and ends
 * the process when the kernel does not know that one. A worker may write whatever it
 * shares, and may not end its host. So the semaphore lies across the end of the
 * bell's page: its count is shared, and its rest is in a page of each process's own,
 * of which a child gets a copy:
 *
 *	page of the bell, shared           | page behind it, private
 *	bell ...                     count | rest
 *
 * Any count is harmless: one that is too large is a wake-up for no reason, and the
 * next sleep takes it away; one that is full (EOVERFLOW) keeps everybody awake, so
 * that the post which did not fit was not needed; one that hides the sleeper loses a
 * ring, and whoever sleeps on a word that others may damage does so in short bounds.
 *
 * Why no ring is lost, further to doorbell.h. Let R be the ring that finds the
 * sleeper's ticket. It posts, and a post stays until it is taken: it does not matter
 * whether the sleeper sleeps already. But the sleeper throws old posts away first,
 * since they would wake it for no reason: those of rings that came when it was awake
 * already, and whatever was scribbled. If R's post is among them, then the exchange
 * that took it sees what R did before, and the comparison behind finds that the bell
 * has moved. So: first throw away, then compare, then sleep. (In the other order the
 * wake-up is lost; tests/model has both.)
 *
 * A ringer that is killed between its increment and its post, or inside the post,
 * wakes nobody, as with futexes; the short bounds are for that, too. A sleeper that
 * is killed leaves a count that says that it sleeps: the next one clears it.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/px.h"
#include "shm/doorbell.h"
#include "shm/layout.h"

#define PX_BLIND (10 * PX_MILLISECOND) /* of a sleep on a word that is no bell */

enum {
	PX_COUNT = 8, /* bytes of a sem_t that change */
	PX_ON_WORD = 0,
	PX_ON_BELL = 1
};

#if !defined(__LP64__)
# error "-Ddoorbell=semaphore needs the 64-bit sem_t: elsewhere its two halves are mixed"
#endif
_Static_assert(sizeof(struct px_control) <= 4096 - PX_COUNT, "a count lies behind the words");

static sem_t *px_semaphore(uintptr_t bell)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	return (sem_t *)((bell | (page - 1)) + 1 - PX_COUNT);
}

int px_doorbell_open(_Atomic uint32_t *bell)
{
	const int saved = errno;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	sem_t *semaphore = px_semaphore((uintptr_t)bell);
	void *behind = (unsigned char *)semaphore + PX_COUNT;
	int error = 0;

	if (mmap(behind, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED ||
	    sem_init(semaphore, 1, 0) != 0)
		error = -errno;
	errno = saved;
	return error;
}

/* The rest of a semaphore is the same for all; its count is that of the others. */
int px_doorbell_attach(_Atomic uint32_t *bell)
{
	const int saved = errno;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *behind = (unsigned char *)px_semaphore((uintptr_t)bell) + PX_COUNT;
	sem_t other;
	int error = 0;

	if (mmap(behind, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED ||
	    sem_init(&other, 1, 0) != 0)
		error = -errno;
	else
		memcpy(behind, (const unsigned char *)&other + PX_COUNT, sizeof(other) - PX_COUNT);
	errno = saved;
	return error;
}

void px_doorbell_wake(_Atomic uint32_t *bell)
{
	const int saved = errno;

	/* EOVERFLOW: see above. */
	(void)sem_post(px_semaphore((uintptr_t)bell));
	errno = saved;
}

bool px_doorbell_watches_words(void)
{
	return false;
}

struct px_sleeper px_doorbell_on(const _Atomic uint32_t *word, uint32_t expected)
{
	return (struct px_sleeper){
		.value = expected,
		.address = (uintptr_t)word,
		.flags = PX_ON_WORD,
	};
}

struct px_sleeper px_doorbell_on_bell(const _Atomic uint32_t *bell, uint32_t seen)
{
	struct px_sleeper sleeper = px_doorbell_on(bell, seen);

	sleeper.flags = PX_ON_BELL;
	return sleeper;
}

static bool px_any_moved(const struct px_sleeper *sleepers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const _Atomic uint32_t *word = (const void *)(uintptr_t)sleepers[i].address;

		/* seq_cst: of the bell, behind the announcement; see doorbell.h */
		if (atomic_load_explicit(word, memory_order_seq_cst) != sleepers[i].value)
			return true;
	}
	return false;
}

/* 0, or -1 and errno. No cancellation point, which the C library's functions are. */
static int px_sleep_on(sem_t *semaphore, uint64_t deadline)
{
	const struct timespec until = px_timespec(deadline);
	int state, result;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	result = deadline == PX_NEVER ? sem_wait(semaphore)
				      : sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
	pthread_setcancelstate(state, NULL);
	return result;
}

/* A word that is no bell has no semaphore: a nap on one that nobody knows. */
static int px_nap(uint64_t deadline)
{
	const uint64_t bound = px_deadline(px_now(), PX_BLIND);
	sem_t nobodys;

	sem_init(&nobodys, 0, 0);
	if (px_sleep_on(&nobodys, px_min(deadline, bound)) != 0 && errno == ETIMEDOUT &&
	    deadline <= bound)
		return -ETIMEDOUT;
	return 0;
}

int px_doorbell_sleep(struct px_sleeper *sleepers, size_t n, uint64_t deadline)
{
	const int saved = errno;
	sem_t *semaphore = px_semaphore(sleepers[0].address);
	_Atomic uint64_t *count = (_Atomic uint64_t *)(void *)semaphore;
	int result = 0;

	px_assert(n >= 1 && n <= 1 + PX_SLEEPERS_MOST);
	/* seq_cst: acquires what was done before the posts that it throws away, and stands
	 * before the comparison; see above */
	if (sleepers[0].flags == PX_ON_BELL)
		atomic_exchange_explicit(count, 0, memory_order_seq_cst);
	if (px_any_moved(sleepers, n))
		return 0;
	if (sleepers[0].flags != PX_ON_BELL)
		result = px_nap(deadline);
	/* EINTR: a handler ran, which is a wake-up. */
	else if (px_sleep_on(semaphore, deadline) != 0 && errno == ETIMEDOUT)
		result = -ETIMEDOUT;
	errno = saved;
	return result;
}
