#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>

#include "base/px.h"

enum {
	PX_BUFFER_LEAST = 256
};

/* Half as much again, so that growing step by step stays linear. */
static size_t px_buffer_target(const struct px_buffer *buffer, size_t size)
{
	const size_t more = buffer->capacity + buffer->capacity / 2;

	return px_max(px_max(size, more), PX_BUFFER_LEAST);
}

int px_buffer_room(struct px_buffer *buffer, size_t size)
{
	void *data;

	if (size <= buffer->capacity)
		return 0;
	/* Not realloc: it would copy bytes that nobody wants. */
	data = malloc(px_buffer_target(buffer, size));
	if (data == NULL)
		return -ENOMEM;
	free(buffer->data);
	buffer->capacity = px_buffer_target(buffer, size);
	buffer->data = data;
	return 0;
}

int px_buffer_grow(struct px_buffer *buffer, size_t keep, size_t size)
{
	const size_t target = px_buffer_target(buffer, size);
	void *data;

	px_assert(keep <= buffer->capacity);
	if (size <= buffer->capacity)
		return 0;
	if (keep == 0)
		return px_buffer_room(buffer, size);
	data = realloc(buffer->data, target);
	if (data == NULL)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = target;
	return 0;
}

void px_buffer_free(struct px_buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->capacity = 0;
}
