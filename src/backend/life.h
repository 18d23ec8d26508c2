/*
 * life.h - has the kernel mark a worker's life word when the worker ends.
 *
 * A robust futex: the word holds the thread's id and FUTEX_WAITERS, and hangs
 * in the thread's robust list; however the thread ends, the kernel sets
 * FUTEX_OWNER_DIED in it and wakes who sleeps on it, before it frees the
 * worker's memory. (pidfd, SIGCHLD and pipes tell after that: 60 ms a GB.)
 */
#ifndef PROCS_BACKEND_LIFE_H
#define PROCS_BACKEND_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "shm/layout.h"

/* The calling thread's list as glibc keeps it, or NULL if it is not as this
 * file expects. In the parent before a raw clone: the child's kernel has
 * forgotten it. */
void *px_life_list(void);

/* In a raw clone, which the kernel gives none: takes its parent's, empty. */
void px_life_relist(void *list);

/*
 * Registers the calling thread, `list` being its px_life_list. The list gets a
 * head of our own, whose first node is the life word and whose next is glibc's
 * head, so that the kernel finds the life word first whatever follows, and the
 * task's own robust mutexes after it. With fresh, glibc's list is emptied: it
 * is the parent thread's.
 */
bool px_life_register(struct px_life *life, void *list, bool fresh);

/* Gives the list back to glibc: a worker that leaves in order is not marked,
 * and its end costs no walk: the kernel goes round glibc's ring up to 2,048
 * times when it comes there from another head, 20 us. */
void px_life_resign(void);

/* Whether a life word is that of a worker that was just born, or is well. */
bool px_life_is_well(uint32_t word, int64_t pid);

#endif /* PROCS_BACKEND_LIFE_H */
