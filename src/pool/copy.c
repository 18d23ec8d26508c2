/*
 * copy.c - what goes into a slot's input area with a range. The area is cut into
 * as many parts as a slot holds posts, so that a range does not overwrite what an
 * earlier one still needs.
 */
#include <errno.h>
#include <string.h>

#include "pool/local.h"

#define PX_COPY_MOST (UINT64_C(4) << 20) /* bytes of elements in one range */

static uint64_t px_copy_part(const struct procs_stream *stream)
{
	const uint64_t size = px_backend_slot(stream->backend, 0).input_size;

	return px_align_down(size / PX_RING, PX_LINE);
}

/* Bytes of the elements of one item. */
static uint64_t px_copy_item(const struct procs_stream *stream)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < stream->input.n_sequences; i++)
		bytes += stream->copies >> i & 1 ? stream->input.sequence[i].element_size : 0;
	return bytes;
}

uint64_t px_copy_most(const struct procs_stream *stream)
{
	const uint64_t lines = (uint64_t)PX_SEQUENCES * PX_LINE; /* for alignment */
	const uint64_t item = px_copy_item(stream), part = px_copy_part(stream);

	if (part <= lines || item > part - lines)
		return 0;
	return px_max(px_min(part - lines, PX_COPY_MOST) / item, 1);
}

int px_copy_possible(const struct procs_stream *stream)
{
	return stream->copies == 0 || px_copy_most(stream) > 0 ? 0 : -EFBIG;
}

static void px_copy_elements(const struct procs_stream *stream, const struct px_span *span,
			     unsigned char *input, uint64_t at)
{
	for (uint32_t i = 0; i < stream->input.n_sequences; i++) {
		const struct px_array *array = &stream->input.sequence[i];
		const unsigned char *from =
			(const unsigned char *)(uintptr_t)array->base + span->first * array->stride;
		const uint64_t size = array->element_size;

		if (!(stream->copies >> i & 1))
			continue;
		if (array->stride == size)
			memcpy(input + at, from, span->count * size);
		for (uint32_t k = 0; k < span->count && array->stride != size; k++)
			memcpy(input + at + k * size, from + k * array->stride, size);
		at = px_copied(at, span->count, size);
	}
}

/* The call as it was encoded; for who finds tasks by name, with the name in between. */
static void px_copy_call(struct procs_stream *stream, struct px_span *span, unsigned char *to)
{
	const unsigned char *arguments = px_span_arguments(span);
	const struct px_task_name *name;
	struct px_call call;
	int error;

	if (stream->names == NULL) {
		memcpy(to, arguments, span->arguments_size);
		return;
	}
	/* It was there when the call was encoded; of a forkserver of another program that was
	 * started meanwhile it may be none, and the worker says that it knows no such task. */
	name = px_names_of(stream, span->function, &error);
	memcpy(&call, arguments, sizeof(call));
	call.named = 1;
	memcpy(to, &call, sizeof(call));
	memset(to + sizeof(call), 0, sizeof(*name));
	if (name != NULL)
		memcpy(to + sizeof(call), name, sizeof(*name));
	memcpy(to + sizeof(call) + sizeof(*name), arguments + sizeof(call), call.size);
}

bool px_copy_input(struct procs_stream *stream, uint32_t slot, struct px_span *span,
		   struct px_post *post)
{
	struct px_desk *desk = &stream->desks[slot];
	unsigned char *input = px_backend_slot(stream->backend, slot).input;

	desk->full &= desk->passed != desk->posted;
	if (desk->full)
		return false;
	/* The desk counts ranges as the slot does: this part's last range has been passed. */
	post->input = desk->posted % PX_RING * px_copy_part(stream);
	if (stream->copies != 0) {
		post->flags |= PX_POST_COPIED;
		px_copy_elements(stream, span, input, post->input);
	}
	if (post->kind != PX_KIND_CALL)
		return true;
	/* Arguments that want more than a part want the whole. */
	if (span->arguments_size + sizeof(struct px_task_name) > px_copy_part(stream)) {
		if (desk->passed != desk->posted)
			return false;
		desk->full = true;
		post->input = 0;
	}
	px_copy_call(stream, span, input + post->input);
	return true;
}
