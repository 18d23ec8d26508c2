#include "shm/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/px.h"
#include "base/raw.h"
#include "base/roster.h"
#include "base/valgrind.h"
#include "shm/doorbell.h"
#include "shm/file.h"
#include "shm/layout.h"
#include "shm/slot.h"

#define PX_INPUT_MOST (UINT64_C(4) << 30)

int px_arena_geometry(uint64_t n_slots, uint64_t input, uint64_t output, uint64_t page,
		      struct px_geometry *geometry_out)
{
	const uint64_t largest = UINT64_MAX / 8;
	struct px_geometry g = { .page = page, .n_slots = n_slots };

	if (n_slots == 0 || input == 0 || output == 0 || page == 0)
		return -EINVAL;
	if (input > largest || output > largest)
		return -EOVERFLOW;
	g.control = px_align(sizeof(struct px_control), page) + PX_BELL_PAGES * page;
	g.input = px_align(input, page);
	g.output = px_align(output, page);
	if (!px_add(g.control, g.input, &g.stride) || !px_add(g.stride, g.output, &g.stride) ||
	    !px_multiply(g.stride, n_slots, &g.size) ||
	    !px_add(g.size, (3 + PX_BELL_PAGES) * page, &g.size) || g.size > (uint64_t)PTRDIFF_MAX)
		return -EOVERFLOW;
	*geometry_out = g;
	return 0;
}

/* Where anonymous memory is refused. */
static void *px_map_file(uint64_t size)
{
	const int file = px_file_make(size);
	void *base = file >= 0 ? px_file_map_large(file, 0, size, NULL) : NULL;

	px_file_close(file); /* the mapping holds the memory */
	if (base == NULL)
		errno = file < 0 ? -file : errno;
	return base != NULL ? base : MAP_FAILED;
}

static void *px_map(uint64_t size)
{
	/* Without access first: a host under mlockall(MCL_FUTURE) would touch it all. Valgrind
	 * has no such hosts, but much to do for each change of access. */
	const int first = px_is_valgrind() ? PROT_READ | PROT_WRITE : PROT_NONE;
	void *base = mmap(NULL, size, first, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED && errno != ENOMEM && errno != EAGAIN)
		return px_map_file(size);
	if (base == MAP_FAILED || first != PROT_NONE)
		return base;
	(void)munlock(base, size);
	if (mprotect(base, size, PROT_READ | PROT_WRITE) == 0)
		return base;
	munmap(base, size);
	errno = ENOMEM;
	return MAP_FAILED;
}

/* Arenas and pages of the parent's, with their sizes, so that a worker knows what is
 * not its own. Dropped before they are unmapped: their place may be somebody else's
 * at once. */
static struct px_roster px_mappings;

void px_arena_seal_others(const struct px_arena *arena)
{
	struct px_node *at = NULL;
	uint64_t size;
	void *base;

	while ((base = px_roster_next(&px_mappings, &at, &size)) != NULL)
		if (base != arena->base)
			px_pages_protect(base, size, false);
}

void px_arena_forget_all(void)
{
	struct px_node *at = NULL;
	uint64_t size;
	void *base;

	while ((base = px_roster_next(&px_mappings, &at, &size)) != NULL) {
		(void)px_roster_drop(&px_mappings, base);
		munmap(base, size);
	}
}

/* That of the parent and those of the workers. */
static int px_open_bells(const struct px_arena *arena)
{
	int error = px_doorbell_open(&px_arena_shared(arena)->bell);

	for (uint64_t i = 0; i < arena->geometry.n_slots && error == 0; i++)
		error = px_doorbell_open(&px_arena_slot(arena, i).control->bell);
	return error;
}

/* That of a slot of that output. */
static uint64_t px_input_size(uint64_t output, uint64_t page)
{
	return px_min(px_max(output / 2, page), PX_INPUT_MOST);
}

uint64_t px_arena_filed(uint64_t reserve, uint64_t least)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct px_geometry one;

	while (reserve / 2 >= px_max(least, page) &&
	       (px_arena_geometry(1, px_input_size(reserve, page), reserve, page, &one) != 0 ||
		!px_file_may_be(one.stride + PX_LETTER_PAGES * page)))
		reserve /= 2;
	return reserve;
}

int px_arena_open(struct px_arena *arena, uint64_t n_slots, uint64_t reserve, uint64_t least)
{
	const int saved = errno;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *base = MAP_FAILED;
	int error = 0;

	for (uint64_t output = reserve; base == MAP_FAILED; output /= 2) {
		if (output < least || output < page)
			return error != 0 ? error : -EINVAL;
		error = px_arena_geometry(n_slots, px_input_size(output, page), output, page,
					  &arena->geometry);
		if (error != 0)
			continue;
		base = px_map(arena->geometry.size);
		if (base == MAP_FAILED)
			error = -errno;
		/* EINVAL is how valgrind says that it is too much. */
		if (error != 0 && error != -ENOMEM && error != -EAGAIN && error != -EINVAL)
			break;
	}
	errno = saved;
	if (base == MAP_FAILED)
		return error;
	if (!px_roster_add(&px_mappings, base, arena->geometry.size)) {
		munmap(base, arena->geometry.size);
		return -ENOMEM;
	}
	/* Both are comforts: a smaller core file, and nothing to do where refused. */
	(void)madvise(base, arena->geometry.size, MADV_DONTDUMP);
	arena->base = base;
	errno = saved;
	error = px_open_bells(arena);
	if (error != 0)
		px_arena_close(arena);
	return error;
}

void px_arena_close(struct px_arena *arena)
{
	if (arena->base != NULL) {
		(void)px_roster_drop(&px_mappings, arena->base);
		munmap(arena->base, arena->geometry.size);
	}
	arena->base = NULL;
}

struct px_shared *px_arena_shared(const struct px_arena *arena)
{
	return (struct px_shared *)(void *)arena->base;
}

static uint64_t px_slot_offset(const struct px_geometry *geometry, uint64_t number)
{
	return (2 + PX_BELL_PAGES) * geometry->page + number * geometry->stride;
}

struct px_slot px_arena_slot(const struct px_arena *arena, uint64_t number)
{
	const struct px_geometry *g = &arena->geometry;
	unsigned char *at = arena->base + px_slot_offset(g, number);

	px_assert(number < g->n_slots);
	return (struct px_slot){
		.control = (struct px_control *)(void *)at,
		.input = at + g->control,
		.input_size = g->input,
		.output = at + g->control + g->input,
		.output_size = g->output,
	};
}

/* Puts a new file in place of part of the arena; it may have pages of its own before. */
static int px_arena_file(const struct px_arena *arena, uint64_t at, uint64_t size, uint64_t letter)
{
	const int saved = errno;
	const int file = px_file_make(letter + size);
	int error;

	if (file < 0)
		return file;
	if (px_file_map_large(file, letter, size, arena->base + at) == NULL) {
		error = errno;
		px_file_close(file);
		errno = saved;
		return -error;
	}
	(void)madvise(arena->base + at, size, MADV_DONTDUMP);
	errno = saved;
	return file;
}

int px_arena_file_bell(const struct px_arena *arena)
{
	return px_arena_file(arena, 0, arena->geometry.page, 0);
}

int px_arena_file_slot(const struct px_arena *arena, uint64_t number)
{
	const struct px_geometry *g = &arena->geometry;

	const int file = px_arena_file(arena, px_slot_offset(g, number), g->stride,
				       PX_LETTER_PAGES * g->page);
	const int error =
		file >= 0 ? px_doorbell_open(&px_arena_slot(arena, number).control->bell) : 0;

	if (error == 0)
		return file;
	px_file_close(file);
	return error;
}

int px_arena_attach(struct px_arena *arena, const struct px_geometry *geometry, int bell, int slot)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct px_geometry g;
	uint64_t bell_size, slot_size;
	void *base;
	int error;

	/* What it makes of the two sizes must be what the other side has. */
	if (geometry->page != page ||
	    px_arena_geometry(1, geometry->input, geometry->output, page, &g) != 0 ||
	    g.control != geometry->control || g.input != geometry->input ||
	    g.output != geometry->output || !px_file_is_sealed(bell, &bell_size) ||
	    !px_file_is_sealed(slot, &slot_size) || bell_size != page ||
	    slot_size != PX_LETTER_PAGES * page + g.stride)
		return -EINVAL;
	/* Without access: what lies on either side of the slot is nobody's. */
	base = mmap(NULL, g.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -errno;
	*arena = (struct px_arena){ .geometry = g, .base = base };
	if (px_file_map(bell, 0, page, base, true) == NULL ||
	    px_file_map(slot, PX_LETTER_PAGES * page, g.stride, arena->base + px_slot_offset(&g, 0),
			true) == NULL)
		return -ENOMEM;
	error = px_doorbell_attach(&px_arena_shared(arena)->bell);
	return error != 0 ? error : px_doorbell_attach(&px_arena_slot(arena, 0).control->bell);
}

static void px_unmap(const struct px_arena *arena, uint64_t from, uint64_t to)
{
	if (from < to)
		(void)px_raw(SYS_munmap, (long)(arena->base + from), (long)(to - from), 0, 0);
}

void px_arena_keep(const struct px_arena *arena, uint64_t number)
{
	const struct px_geometry *g = &arena->geometry;
	const uint64_t own = px_slot_offset(g, number);

	px_unmap(arena, (1 + PX_BELL_PAGES) * g->page, own);
	px_unmap(arena, own + g->stride, g->size);
}

void px_arena_hide(const struct px_arena *arena, uint64_t number, uint64_t from, uint64_t to)
{
	const struct px_geometry *g = &arena->geometry;
	const uint64_t output = px_slot_offset(g, number) + g->control + g->input;

	px_unmap(arena, output + px_align(from, g->page), output + px_align_down(to, g->page));
}

void px_arena_seclude(const struct px_arena *arena, uint64_t number)
{
	const struct px_slot slot = px_arena_slot(arena, number);

	(void)px_raw(SYS_madvise, (long)slot.control, (long)arena->geometry.control, MADV_DONTFORK,
		     0);
	(void)px_raw(SYS_madvise, (long)slot.output, (long)slot.output_size, MADV_DONTFORK, 0);
}

void *px_pages_map(uint64_t size)
{
	const int saved = errno;
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED && errno != ENOMEM && errno != EAGAIN)
		pages = px_map_file(size);
	if (pages != MAP_FAILED && !px_roster_add(&px_mappings, pages, size)) {
		munmap(pages, size);
		pages = MAP_FAILED;
	}
	errno = saved;
	return pages != MAP_FAILED ? pages : NULL;
}

void px_pages_unmap(void *pages, uint64_t size)
{
	(void)px_roster_drop(&px_mappings, pages);
	munmap(pages, size);
}

void *px_pages_reserve(uint64_t size, int *file_out)
{
	const int saved = errno;
	int file = px_file_make(size);
	void *pages = file >= 0 ? px_file_map_large(file, 0, size, NULL) : NULL;

	if (pages == NULL) {
		px_file_close(file);
		file = -1;
		pages = px_map(size);
	}
	/* Comforts, both. */
	if (pages != MAP_FAILED) {
		(void)madvise(pages, size, MADV_DONTDUMP);
		(void)madvise(pages, size, MADV_HUGEPAGE);
	}
	*file_out = file;
	errno = saved;
	return pages != MAP_FAILED ? pages : NULL;
}

void px_pages_drop(void *pages, uint64_t size)
{
	const int saved = errno;

	(void)madvise(pages, size, MADV_REMOVE);
	errno = saved;
}

void px_pages_protect(void *pages, uint64_t size, bool writable)
{
	(void)px_raw(SYS_mprotect, (long)pages, (long)size,
		     writable ? PROT_READ | PROT_WRITE : PROT_READ, 0);
}
