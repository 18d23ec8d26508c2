/*
 * doorbell.h - sleep until somebody rings, without losing a ring: an event
 * count. What sleeping is, is chosen when the library is built: doorbell_futex.c
 * or doorbell_semaphore.c, the only files that call futex, or sem_*.
 *
 * For the one who rings, after storing what is new (release):
 *
 *	px_doorbell_ring(bell, ticket)
 *
 * For the one who sleeps:
 *
 *	seen = px_doorbell_seen(bell)
 *	look for news; if there are any, do not sleep
 *	px_doorbell_announce(ticket, seen)
 *	look again at what is not rung for (only if ringing depends on `want`)
 *	px_doorbell_sleep(bell, seen, ...)
 *
 * Why no ring is lost. The ticket names the value of the bell the sleeper has
 * seen. A ring moves the bell by one, and wakes if the ticket names the value
 * it moved from. Let R be a ring whose news the sleeper did not see. If R's
 * increment comes after the announcement in the single order of seq_cst
 * operations, then the first ring after it that moves the bell off `seen` reads
 * the ticket and wakes. If it comes before, the bell differs from `seen`, and
 * the kernel's own comparison refuses the sleep. (With semaphores the comparison
 * is ours, and comes before the sleep; a wake-up in between is counted by the
 * semaphore. See doorbell_semaphore.c.) A ring that is late, that is,
 * whose increment the sleeper had already seen, finds a ticket for another
 * value and must not, and does not, consume anything: there is nothing to
 * consume. (A flag that the ringer clears loses wake-ups exactly here.)
 *
 * All who may ring must find the ticket: each in a copy of its own, stored by the
 * sleeper before it sleeps. One without would move the bell off `seen` and wake
 * nobody, and the next, which finds a ticket for an older value, neither.
 *
 * Waking up for no reason is legal; so is a ring that nobody needed. Modelled
 * in tests/model/doorbell.pml. Idea of event counts: Concurrency Kit, ck_ec.h.
 */
#ifndef PROCS_SHM_DOORBELL_H
#define PROCS_SHM_DOORBELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PX_SLEEPERS_MOST = 127 /* further words in one sleep: the kernel takes 128 with the bell */
};

/* Pages behind the one that a bell lies in that belong to the bell, too. */
#ifdef PX_SEMAPHORES
enum {
	PX_BELL_PAGES = 1
};
#else
enum {
	PX_BELL_PAGES = 0
};
#endif

/* Makes a bell of a word, the only one in its page, whose last 8 bytes are nobody
 * else's, nor are the pages behind. In the parent of all who use it, for as long as
 * the pages are mapped. 0 or a negative errno. */
int px_doorbell_open(_Atomic uint32_t *bell);

/* The same in a process that maps those pages later. */
int px_doorbell_attach(_Atomic uint32_t *bell);

/* One word of a sleep, as futex_waitv has it. */
struct px_sleeper {
	uint64_t value;
	uint64_t address;
	uint32_t flags;
	uint32_t reserved;
};

/* Sleep on the bell while it says what was seen. */
struct px_sleeper px_doorbell_on_bell(const _Atomic uint32_t *bell, uint32_t seen);

/* Sleep while *word == expected, any word. */
struct px_sleeper px_doorbell_on(const _Atomic uint32_t *word, uint32_t expected);

/* The bell as it is now; what was stored before a ring that it counts is
 * visible afterwards. */
uint32_t px_doorbell_seen(const _Atomic uint32_t *bell);

/* Says that the caller will sleep on `seen`. A full barrier: what the caller
 * loads afterwards is not older than the announcement. */
void px_doorbell_announce(_Atomic uint32_t *ticket, uint32_t seen);

/* Rings. True if a sleeper was woken, which cost a system call. */
bool px_doorbell_ring(_Atomic uint32_t *bell, const _Atomic uint32_t *ticket);

/* What a ring does once it has found a sleeper's ticket. */
void px_doorbell_wake(_Atomic uint32_t *bell);

/* For a ringer that rings only when asked: whether `position`, just stored,
 * reaches what the sleeper wants. A full barrier in front, so that either this
 * sees the new want, or the sleeper, who stores want and then looks once more,
 * sees the position. */
bool px_doorbell_wanted(const _Atomic uint64_t *want, uint64_t position);

/* For the sleeper: stores what it wants, with a full barrier behind. */
void px_doorbell_want(_Atomic uint64_t *want, uint64_t position);

/*
 * Sleeps while no word of the sleepers has moved, and until the deadline
 * (CLOCK_MONOTONIC) at the latest. The first is the bell; `n` in all, at most 1 +
 * PX_SLEEPERS_MOST. Where the kernel has no futex_waitv, and with semaphores, only
 * the bell is watched, and the caller is told to sleep in short bounds. One thread
 * at a time sleeps on a bell.
 *
 * Returns 0 when woken, for whatever reason, or -ETIMEDOUT.
 */
int px_doorbell_sleep(struct px_sleeper *sleepers, size_t n, uint64_t deadline);

/* Whether px_doorbell_sleep watches more than the bell here. */
bool px_doorbell_watches_words(void);

#endif /* PROCS_SHM_DOORBELL_H */
