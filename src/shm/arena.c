#include "shm/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/px.h"
#include "base/raw.h"
#include "base/roster.h"
#include "base/valgrind.h"
#include "shm/layout.h"
#include "shm/slot.h"

#ifndef MFD_NOEXEC_SEAL
# define MFD_NOEXEC_SEAL 0x0008U
#endif

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
	g.control = px_align(sizeof(struct px_control), page);
	g.input = px_align(input, page);
	g.output = px_align(output, page);
	if (!px_add(g.control, g.input, &g.stride) || !px_add(g.stride, g.output, &g.stride) ||
	    !px_multiply(g.stride, n_slots, &g.size) || !px_add(g.size, 3 * page, &g.size) ||
	    g.size > (uint64_t)PTRDIFF_MAX)
		return -EOVERFLOW;
	*geometry_out = g;
	return 0;
}

/* Sizing a file beyond RLIMIT_FSIZE would raise SIGXFSZ in the host. */
static bool px_file_may_be(uint64_t size)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}

static void *px_map_file(uint64_t size, int access)
{
	void *base = MAP_FAILED;
	int fd;

	if (!px_file_may_be(size)) {
		errno = ENOMEM;
		return base;
	}
	fd = memfd_create("procs-arena", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("procs-arena", MFD_CLOEXEC);
	if (fd < 0)
		return base;
	if (ftruncate(fd, (off_t)size) == 0)
		base = mmap(NULL, size, access, MAP_SHARED | MAP_NORESERVE, fd, 0);
	close(fd); /* the mapping holds the memory */
	return base;
}

static void *px_map(uint64_t size)
{
	/* Without access first: a host under mlockall(MCL_FUTURE) would touch it all. Valgrind
	 * has no such hosts, but much to do for each change of access. */
	const int first = px_is_valgrind() ? PROT_READ | PROT_WRITE : PROT_NONE;
	void *base = mmap(NULL, size, first, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED && errno != ENOMEM && errno != EAGAIN)
		base = px_map_file(size, first);
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

int px_arena_open(struct px_arena *arena, uint64_t n_slots, uint64_t reserve, uint64_t least)
{
	const int saved = errno;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	void *base = MAP_FAILED;
	int error = 0;

	for (uint64_t output = reserve; base == MAP_FAILED; output /= 2) {
		if (output < least || output < page)
			return error != 0 ? error : -EINVAL;
		error = px_arena_geometry(n_slots, px_min(px_max(output / 2, page), PX_INPUT_MOST),
					  output, page, &arena->geometry);
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
	return 0;
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
	return 2 * geometry->page + number * geometry->stride;
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

static void px_unmap(const struct px_arena *arena, uint64_t from, uint64_t to)
{
	if (from < to)
		(void)px_raw(SYS_munmap, (long)(arena->base + from), (long)(to - from), 0, 0);
}

void px_arena_keep(const struct px_arena *arena, uint64_t number)
{
	const struct px_geometry *g = &arena->geometry;
	const uint64_t own = px_slot_offset(g, number);

	px_unmap(arena, g->page, own);
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
		pages = px_map_file(size, PROT_READ | PROT_WRITE);
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

void *px_pages_reserve(uint64_t size)
{
	const int saved = errno;
	void *pages = px_map(size);

	/* Comforts, both. */
	if (pages != MAP_FAILED) {
		(void)madvise(pages, size, MADV_DONTDUMP);
		(void)madvise(pages, size, MADV_HUGEPAGE);
	}
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
