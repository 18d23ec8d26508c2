#include "backend/arrays.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/owner.h"
#include "base/px.h"
#include "base/valgrind.h"
#include "shm/arena.h"
#include "shm/file.h"

#define PX_REGION_LEAST    (UINT64_C(1) << 30)
#define PX_REGION_MOST     (UINT64_C(1) << 38) /* or four times the memory there is */
#define PX_REGION_VALGRIND (UINT64_C(1) << 30)
#define PX_WARM_MOST       (UINT64_C(256) << 20) /* bytes that are kept for the next array */

/* A stretch of the region; together they tile it. */
struct px_stretch {
	struct px_stretch *next;
	uint64_t at; /* offset in the region */
	uint64_t size;
	bool used;
	bool warm; /* free, but its pages are kept */
};

/* One for each process that has arrays: a child of fork leaves its parent's alone. */
struct px_arrays {
	uint64_t owner;
	pthread_mutex_t lock;
	unsigned char *base; /* the region, or NULL */
	struct px_kept file; /* that it lies in, or none */
	uint64_t size;
	uint64_t page;
	uint64_t holds; /* arrays, and who holds it otherwise */
	uint64_t warm;  /* bytes */
	struct px_stretch *first;
};

static _Atomic(struct px_arrays *) px_arrays;

static struct px_arrays *px_arrays_inherited(void)
{
	/* acquire: pairs with the swap in px_arrays_own(); publishes the struct */
	return atomic_load_explicit(&px_arrays, memory_order_acquire);
}

/* This process's, made at the first use. */
static struct px_arrays *px_arrays_own(void)
{
	const uint64_t self = px_owner_self();
	struct px_arrays *there = px_arrays_inherited(), *fresh;

	if (self == 0 || (there != NULL && there->owner == self))
		return self != 0 ? there : NULL;
	fresh = calloc(1, sizeof(*fresh));
	if (fresh == NULL)
		return NULL;
	fresh->owner = self;
	fresh->page = (uint64_t)sysconf(_SC_PAGESIZE);
	pthread_mutex_init(&fresh->lock, NULL);
	/* acq_rel: publishes it; of two threads that come here at once one is first */
	if (atomic_compare_exchange_strong_explicit(&px_arrays, &there, fresh, memory_order_acq_rel,
						    memory_order_acquire))
		return fresh;
	pthread_mutex_destroy(&fresh->lock);
	free(fresh);
	return there;
}

static uint64_t px_region_size(const struct px_arrays *arrays)
{
	const long pages = sysconf(_SC_PHYS_PAGES);

	if (px_is_valgrind())
		return PX_REGION_VALGRIND;
	return px_max(PX_REGION_MOST, 4 * (uint64_t)px_max(pages, 0) * arrays->page);
}

/* With the lock held, as all below. */
static bool px_region_map(struct px_arrays *arrays)
{
	struct px_stretch *whole;

	if (arrays->base != NULL)
		return true;
	whole = calloc(1, sizeof(*whole));
	if (whole == NULL)
		return false;
	for (uint64_t size = px_region_size(arrays); size >= PX_REGION_LEAST; size /= 2) {
		int file = -1;
		unsigned char *base = px_pages_reserve(size, &file);

		if (base == NULL)
			continue;
		arrays->file = px_file_keep(file);
		arrays->size = whole->size = size;
		arrays->first = whole;
		arrays->base = base;
		return true;
	}
	free(whole);
	return false;
}

static void px_region_unmap(struct px_arrays *arrays)
{
	px_pages_unmap(arrays->base, arrays->size);
	px_file_let_go(&arrays->file);
	arrays->base = NULL;
	arrays->warm = 0;
	while (arrays->first != NULL) {
		struct px_stretch *next = arrays->first->next;

		free(arrays->first);
		arrays->first = next;
	}
}

static bool px_region_held(struct px_arrays *arrays)
{
	if (!px_region_map(arrays))
		return false;
	arrays->holds++;
	return true;
}

static void px_region_let_go(struct px_arrays *arrays)
{
	if (--arrays->holds == 0)
		px_region_unmap(arrays);
}

bool px_arrays_hold(void)
{
	struct px_arrays *arrays = px_arrays_own();
	bool held;

	if (arrays == NULL)
		return false;
	pthread_mutex_lock(&arrays->lock);
	held = px_region_held(arrays);
	pthread_mutex_unlock(&arrays->lock);
	return held;
}

void px_arrays_release(void)
{
	struct px_arrays *arrays = px_arrays_own();

	pthread_mutex_lock(&arrays->lock);
	px_region_let_go(arrays);
	pthread_mutex_unlock(&arrays->lock);
}

/* The best free stretch: one whose pages are there if any is, then the smallest. */
static struct px_stretch *px_stretch_find(const struct px_arrays *arrays, uint64_t size)
{
	struct px_stretch *best = NULL;

	for (struct px_stretch *at = arrays->first; at != NULL; at = at->next)
		if (!at->used && at->size >= size &&
		    (best == NULL || at->warm > best->warm ||
		     (at->warm == best->warm && at->size < best->size)))
			best = at;
	return best;
}

static bool px_stretch_cut(struct px_stretch *stretch, uint64_t size)
{
	struct px_stretch *rest;

	if (stretch->size == size)
		return true;
	rest = malloc(sizeof(*rest));
	if (rest == NULL)
		return false;
	*rest = *stretch;
	rest->at += size;
	rest->size -= size;
	stretch->size = size;
	stretch->next = rest;
	return true;
}

void *px_arrays_take(uint64_t size)
{
	struct px_arrays *arrays = px_arrays_own();
	struct px_stretch *stretch;
	void *array = NULL;

	if (arrays == NULL || size > PTRDIFF_MAX - arrays->page)
		return NULL;
	size = px_align(px_max(size, 1), arrays->page);
	pthread_mutex_lock(&arrays->lock);
	if (px_region_held(arrays)) {
		stretch = px_stretch_find(arrays, size);
		if (stretch != NULL && px_stretch_cut(stretch, size)) {
			arrays->warm -= stretch->warm ? size : 0;
			stretch->used = true;
			stretch->warm = false;
			array = arrays->base + stretch->at;
		} else {
			px_region_let_go(arrays);
		}
	}
	pthread_mutex_unlock(&arrays->lock);
	return array;
}

/* Neighbours that are free alike become one. */
static void px_stretches_join(struct px_arrays *arrays)
{
	struct px_stretch *at = arrays->first;

	while (at != NULL && at->next != NULL) {
		struct px_stretch *next = at->next;

		if (at->used || next->used || at->warm != next->warm) {
			at = next;
			continue;
		}
		at->size += next->size;
		at->next = next->next;
		free(next);
	}
}

static struct px_stretch *px_stretch_of(const struct px_arrays *arrays, const void *array)
{
	for (struct px_stretch *at = arrays->first; at != NULL; at = at->next)
		if (at->used && arrays->base + at->at == array)
			return at;
	return NULL;
}

int px_arrays_give(void *array)
{
	struct px_arrays *arrays = px_arrays_own();
	struct px_stretch *stretch;

	if (arrays == NULL)
		return -EINVAL;
	pthread_mutex_lock(&arrays->lock);
	stretch = px_stretch_of(arrays, array);
	if (stretch != NULL) {
		stretch->used = false;
		stretch->warm = arrays->warm + stretch->size <= PX_WARM_MOST;
		if (stretch->warm)
			arrays->warm += stretch->size;
		else
			px_pages_drop(array, stretch->size);
		px_stretches_join(arrays);
		px_region_let_go(arrays);
	}
	pthread_mutex_unlock(&arrays->lock);
	return stretch != NULL ? 0 : -EINVAL;
}

enum px_place px_arrays_place(uint64_t base, uint64_t size)
{
	struct px_arrays *arrays = px_arrays_inherited();
	const uint64_t self = px_owner_self();
	enum px_place place = PX_PLACE_ELSEWHERE;

	if (arrays == NULL || self == 0 || arrays->owner != self)
		return place;
	pthread_mutex_lock(&arrays->lock);
	if (arrays->base != NULL && base - (uintptr_t)arrays->base < arrays->size) {
		const uint64_t from = base - (uintptr_t)arrays->base;

		place = PX_PLACE_BEYOND;
		for (const struct px_stretch *at = arrays->first; at != NULL; at = at->next)
			if (at->used && from >= at->at && from - at->at < at->size &&
			    size <= at->size - (from - at->at))
				place = PX_PLACE_ARRAY;
	}
	pthread_mutex_unlock(&arrays->lock);
	return place;
}

struct px_region_file px_arrays_file(void)
{
	struct px_arrays *arrays = px_arrays_inherited();
	const uint64_t self = px_owner_self();
	struct px_region_file region = { .file = -1 };

	if (arrays == NULL || self == 0 || arrays->owner != self)
		return region;
	pthread_mutex_lock(&arrays->lock);
	if (arrays->base != NULL && px_file_kept(&arrays->file) >= 0)
		region = (struct px_region_file){ (uintptr_t)arrays->base, arrays->size,
						  arrays->file.file };
	pthread_mutex_unlock(&arrays->lock);
	return region;
}

void px_arrays_forget(void)
{
	struct px_arrays *arrays = px_arrays_inherited();

	/* Its books stay, of another owner. */
	if (arrays != NULL && arrays->base != NULL)
		px_pages_unmap(arrays->base, arrays->size);
}

void px_arrays_seal(void)
{
	/* Its parent's, as they were at its birth: no lock, nobody else is here. */
	const struct px_arrays *arrays = px_arrays_inherited();

	if (arrays != NULL && arrays->base != NULL)
		px_pages_protect(arrays->base, arrays->size, false);
}

/* Whole pages: an array has them to itself. It is the parent's, whatever this process
 * has made of its own by now. */
static void px_arrays_change(uint64_t base, uint64_t size, bool writable)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t from, to;

	if (size == 0)
		return;
	from = px_align_down(base, page);
	to = px_align(base + size, page);
	px_pages_protect((void *)(uintptr_t)from, to - from, writable);
}

void px_arrays_open(uint64_t base, uint64_t size)
{
	px_arrays_change(base, size, true);
}

void px_arrays_shut(uint64_t base, uint64_t size)
{
	px_arrays_change(base, size, false);
}
