/*
 * buffer.h - private memory that grows and is used again, so that nothing is
 * allocated per item.
 */
#ifndef PROCS_BASE_BUFFER_H
#define PROCS_BASE_BUFFER_H

#include <stddef.h>

struct px_buffer {
	void *data; /* owned; [capacity], aligned to 16 */
	size_t capacity;
};

/* Makes room for `size` bytes; what was in it is not kept. 0 or -ENOMEM, and
 * then the buffer is as it was. */
int px_buffer_room(struct px_buffer *buffer, size_t size);

/* Makes room for `size` bytes and keeps the first `keep`. 0 or -ENOMEM. */
int px_buffer_grow(struct px_buffer *buffer, size_t keep, size_t size);

/* Gives the memory back; the buffer is empty and may be used again. */
void px_buffer_free(struct px_buffer *buffer);

#endif /* PROCS_BASE_BUFFER_H */
