#include "backend/handover.h"

#include <errno.h>
#include <string.h>

#include <procs/procs.h>
#include <px_build.h>

#include "base/px.h"
#include "shm/file.h"

enum {
	PX_REPLY_AT = 2048, /* offset of the reply */
	PX_OBJECTS_AT = 4096
};

static const char px_magic[8] = { 'p', 'r', 'o', 'c', 's', '-', 'w', 'k' };

_Static_assert(sizeof(struct px_letter) <= PX_REPLY_AT, "the reply lies behind the letter");
_Static_assert(PX_REPLY_AT + sizeof(struct px_reply) <= PX_OBJECTS_AT, "and before objects");
_Static_assert(PX_OBJECTS_AT + PX_OBJECTS_MOST * sizeof(struct px_object) <= PX_LETTER_SIZE,
	       "which are the last");
_Static_assert(sizeof(PROCS_VERSION) <= sizeof(((struct px_build *)0)->version), "it fits");
_Static_assert(sizeof(PX_BUILD) <= sizeof(((struct px_build *)0)->number), "it fits");

struct px_build px_build_own(void)
{
	struct px_build own = { .version = PROCS_VERSION, .number = PX_BUILD };

	memcpy(own.magic, px_magic, sizeof(own.magic));
	return own;
}

const char *px_build_differs(const struct px_build *other)
{
	const struct px_build own = px_build_own();

	if (memcmp(other->magic, own.magic, sizeof(own.magic)) != 0)
		return "it is not of this library";
	if (memcmp(other->version, own.version, sizeof(own.version)) != 0)
		return "it is of another version";
	return memcmp(other->number, own.number, sizeof(own.number)) != 0
		       ? "it is of another build of the same version"
		       : NULL;
}

bool px_letter_write(int file, const struct px_letter *letter)
{
	const struct px_reply none = { .cause = 0 };

	return px_file_write(file, 0, letter, sizeof(*letter)) &&
	       px_file_write(file, PX_REPLY_AT, &none, sizeof(none));
}

bool px_reply_read(int file, struct px_reply *reply_out)
{
	if (!px_file_read(file, PX_REPLY_AT, reply_out, sizeof(*reply_out)))
		return false;
	reply_out->text[sizeof(reply_out->text) - 1] = '\0';
	return reply_out->cause == PROCS_CAUSE_SPAWN || reply_out->cause == PROCS_CAUSE_VERSION ||
	       reply_out->cause == PROCS_CAUSE_UNKNOWN_FUNCTION;
}

void px_reply_write(int file, const struct px_reply *reply)
{
	(void)px_file_write(file, PX_REPLY_AT, reply, sizeof(*reply));
}

void px_objects_write(int file)
{
	struct px_object objects[PX_OBJECTS_MOST] = { { .base = 0 } };
	const size_t n = px_objects_list(objects);

	(void)px_file_write(file, PX_OBJECTS_AT, objects, n * sizeof(*objects));
}

size_t px_objects_read(int file, struct px_object *objects)
{
	size_t n = 0;

	if (!px_file_read(file, PX_OBJECTS_AT, objects, PX_OBJECTS_MOST * sizeof(*objects)))
		return 0;
	for (; n < PX_OBJECTS_MOST && objects[n].from < objects[n].to; n++)
		objects[n].path[PX_OBJECT_PATH - 1] = '\0';
	return n;
}

static bool px_ends(const char *text, size_t room)
{
	return memchr(text, '\0', room) != NULL;
}

bool px_letter_is_there(int file)
{
	char magic[sizeof(px_magic)];
	uint64_t size;

	/* First what it is: a read of a terminal would wait. */
	return px_file_is_sealed(file, &size) && size >= PX_OBJECTS_AT &&
	       px_file_read(file, 0, magic, sizeof(magic)) &&
	       memcmp(magic, px_magic, sizeof(magic)) == 0;
}

int px_letter_read(int file, struct px_letter *letter_out, struct px_reply *reply_out)
{
	struct px_letter *letter = letter_out;
	const char *differs;

	if (!px_letter_is_there(file) || !px_file_read(file, 0, letter, sizeof(*letter)))
		return -EINVAL;
	differs = px_build_differs(&letter->build);
	if (differs != NULL) {
		*reply_out = (struct px_reply){ .cause = PROCS_CAUSE_VERSION, .code = EPROTO };
		memcpy(reply_out->text, differs, strlen(differs) + 1);
		return -EPROTO;
	}
	return letter->pooled <= 1 && px_ends(letter->init, sizeof(letter->init)) &&
			       px_ends(letter->teardown, sizeof(letter->teardown))
		       ? 0
		       : -EINVAL;
}
