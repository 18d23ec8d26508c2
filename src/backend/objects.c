#include "backend/objects.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "base/px.h"

/* Above all addresses that a process has, 64 GiB for each. */
#define PX_FOREIGN_FIRST (UINT64_C(1) << 60)
#define PX_FOREIGN_SIZE  (UINT64_C(1) << 36)

struct px_listing {
	struct px_object *objects;
	size_t n;
};

/* The program itself has no name there. */
static bool px_object_path(char path[PX_OBJECT_PATH], const char *name)
{
	const int saved = errno;
	ssize_t size = (ssize_t)strnlen(name, PX_OBJECT_PATH);

	if (size == 0)
		size = readlink("/proc/self/exe", path, PX_OBJECT_PATH);
	else
		memcpy(path, name, (size_t)px_min((uint64_t)size, PX_OBJECT_PATH));
	errno = saved;
	if (size <= 0 || size >= PX_OBJECT_PATH || path[0] != '/')
		return false;
	path[size] = '\0';
	return true;
}

static int px_list_object(struct dl_phdr_info *info, size_t size, void *argument)
{
	struct px_listing *listing = argument;
	struct px_object *object = &listing->objects[listing->n];

	(void)size;
	if (listing->n == PX_OBJECTS_MOST)
		return 1;
	*object = (struct px_object){ .base = info->dlpi_addr, .from = UINT64_MAX };
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const uint64_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		object->from = px_min(object->from, from);
		object->to = px_max(object->to, from + info->dlpi_phdr[i].p_memsz);
	}
	if (object->from < object->to && px_object_path(object->path, info->dlpi_name))
		listing->n++;
	return 0;
}

size_t px_objects_list(struct px_object *objects)
{
	struct px_listing listing = { .objects = objects };

	(void)dl_iterate_phdr(px_list_object, &listing);
	return listing.n;
}

uint64_t px_foreign_base(uint32_t i)
{
	return PX_FOREIGN_FIRST + i * PX_FOREIGN_SIZE;
}

static uint64_t px_foreign_address(struct px_foreign *foreign, const char *path, uint64_t offset)
{
	uint32_t i = 0;

	while (i < foreign->n && strcmp(foreign->path[i], path) != 0)
		i++;
	if (i == PX_OBJECTS_MOST || offset >= PX_FOREIGN_SIZE)
		return 0;
	if (i == foreign->n)
		memcpy(foreign->path[foreign->n++], path, PX_OBJECT_PATH);
	return px_foreign_base(i) + offset;
}

uint64_t px_objects_translate(const struct px_object *objects, size_t n, struct px_foreign *foreign,
			      uint64_t address)
{
	struct px_object own[PX_OBJECTS_MOST];
	const struct px_object *at = NULL;
	uint64_t translated = 0;
	size_t n_own;

	for (size_t i = 0; i < n; i++)
		if (address >= objects[i].from && address < objects[i].to)
			at = &objects[i];
	if (at == NULL)
		return address;
	n_own = px_objects_list(own);
	for (size_t i = 0; i < n_own; i++)
		if (strcmp(own[i].path, at->path) == 0)
			translated = address - at->base + own[i].base;
	if (translated == 0)
		translated = px_foreign_address(foreign, at->path, address - at->base);
	return translated != 0 ? translated : address;
}
