/*
 * emit.c - from a task's result, or its failure, to a frame in the slot.
 */
#include <errno.h>
#include <procs/procs.h>
#include <string.h>

#include "backend/runner.h"
#include "base/px.h"
#include "base/raw.h"
#include "codec/pack.h"

enum {
	PX_PACK_LEAST = 64,  /* bytes below which no packing is tried */
	PX_PACK_RARELY = 127 /* results between two tries, at most */
};

static bool px_wants_packing(struct px_runner *runner, uint64_t size)
{
	if (size < PX_PACK_LEAST)
		return false;
	switch (runner->order.compression) {
	case PROCS_COMPRESSION_ALWAYS:
		return true;
	case PROCS_COMPRESSION_AUTO:
		if (!(runner->post.flags & PX_POST_SHORT))
			return false;
		if (runner->pack_again == 0)
			return true;
		runner->pack_again--;
		return false;
	default:
		return false;
	}
}

/* What does not shrink will not: the next try comes twice as late. */
static void px_packed(struct px_runner *runner, bool smaller)
{
	runner->pack_vain = smaller ? 0 : px_min(2 * runner->pack_vain + 1, PX_PACK_RARELY);
	runner->pack_again = runner->pack_vain;
}

/* Whether the payload carries a checksum; `viewed`: the caller will read it
 * where it lies, unless results are copied. */
static uint8_t px_checked(const struct px_runner *runner, bool viewed)
{
	switch (runner->order.checksum) {
	case PROCS_CHECKSUM_ALWAYS:
		return PX_FRAME_CHECKED;
	case PROCS_CHECKSUM_NEVER:
		return 0;
	default:
		return viewed && !runner->order.copy ? 0 : PX_FRAME_CHECKED;
	}
}

static struct px_frame px_frame_of(enum px_frame_kind kind, enum px_frame_encoding encoding,
				   uint32_t item, uint64_t size, uint64_t elapsed_ns)
{
	return (struct px_frame){
		.kind = (uint8_t)kind,
		.encoding = (uint8_t)encoding,
		.packing = PX_FRAME_PLAIN,
		.item = item,
		.stored = size,
		.size = size,
		.elapsed_ns = elapsed_ns,
	};
}

/* Copies [frame.size] private bytes into the slot, packed if that is wanted and
 * makes them smaller, and writes the frame. False: no room. */
static bool px_emit_copy(struct px_runner *runner, struct px_frame frame, const void *bytes,
			 bool viewed)
{
	unsigned char *room = px_output_reserve(&runner->output, frame.size);
	uint64_t packed = 0;

	if (room == NULL)
		return false;
	if (px_wants_packing(runner, frame.size)) {
		packed = px_pack(bytes, frame.size, room, frame.size);
		px_packed(runner, packed > 0);
	}
	if (packed > 0) {
		frame.packing = PX_FRAME_LZ4;
		frame.stored = packed;
	} else if (frame.size <= PX_RAW_COPY_MOST) {
		px_raw_copy(room, bytes, frame.size);
	} else {
		memcpy(room, bytes, frame.size);
	}
	frame.flags = px_checked(runner, viewed && packed == 0);
	px_output_frame(&runner->output, frame, room);
	return true;
}

void px_runner_emit_failure(struct px_runner *runner, uint32_t item, uint64_t elapsed_ns)
{
	struct px_frame frame = px_frame_of(PX_FRAME_FAILED, PX_FRAME_TPL, item, 0, elapsed_ns);
	struct px_failure *failure = &runner->context.failure;
	int error = px_failure_encode(&runner->codec, failure, &frame.size);

	if (error != 0) {
		/* Out of memory for the text: the cause and the code must not be lost. */
		failure->message.size = failure->data.size = failure->where.size = 0;
		error = px_failure_encode(&runner->codec, failure, &frame.size);
	}
	frame.stored = frame.size;
	if (error == 0 && px_emit_copy(runner, frame, runner->codec.image.data, false))
		return;
	/* Without a payload it means: there was no room even to say why. */
	frame.stored = frame.size = 0;
	px_output_frame(&runner->output, frame, NULL);
}

static void px_emit_no_room(struct px_runner *runner, uint32_t item, uint64_t size,
			    uint64_t elapsed_ns)
{
	px_context_blame(&runner->context, PROCS_CAUSE_TOO_BIG, EFBIG,
			 "a result of %llu bytes does not fit the slot's %llu",
			 (unsigned long long)size, (unsigned long long)runner->slot.output_size);
	px_runner_emit_failure(runner, item, elapsed_ns);
}

static void px_emit_image(struct px_runner *runner, uint32_t item, const void *object,
			  uint64_t elapsed_ns)
{
	const struct px_plan *plan = &runner->task->result;
	struct px_frame frame = px_frame_of(PX_FRAME_VALUE, PX_FRAME_TPL, item, 0, elapsed_ns);
	const int error = px_image_encode(&runner->codec, plan, object, &frame.size);

	frame.stored = frame.size;
	if (error == -EFBIG)
		px_context_blame(&runner->context, PROCS_CAUSE_TOO_BIG, EFBIG,
				 "a %s of more than 2 GiB does not fit a tpl image", plan->name);
	else if (error != 0)
		px_context_blame(&runner->context, PROCS_CAUSE_ENCODE, -error,
				 "the %s that was returned cannot be encoded", plan->name);
	if (error != 0)
		px_runner_emit_failure(runner, item, elapsed_ns);
	else if (!px_emit_copy(runner, frame, runner->codec.image.data, false))
		px_emit_no_room(runner, item, frame.size, elapsed_ns);
}

/* Bytes as they are: a flat object, or what a struct procs_bytes points to. */
static void px_emit_bytes(struct px_runner *runner, uint32_t item, struct procs_bytes bytes,
			  bool viewed, uint64_t elapsed_ns)
{
	const struct px_frame frame =
		px_frame_of(PX_FRAME_VALUE, PX_FRAME_RAW, item, bytes.size, elapsed_ns);

	if (bytes.data == NULL && bytes.size > 0) {
		px_context_blame(&runner->context, PROCS_CAUSE_ENCODE, EINVAL,
				 "%llu bytes at NULL were returned",
				 (unsigned long long)bytes.size);
		px_runner_emit_failure(runner, item, elapsed_ns);
	} else if (!px_emit_copy(runner, frame, bytes.data, viewed)) {
		px_emit_no_room(runner, item, bytes.size, elapsed_ns);
	}
}

void px_runner_emit_value(struct px_runner *runner, uint32_t item, const void *object,
			  uint64_t elapsed_ns)
{
	const struct px_plan *plan = &runner->task->result;
	struct procs_bytes bytes;

	if (runner->order.encoding == PROCS_ENCODING_TPL && plan->n_leaves > 0) {
		px_emit_image(runner, item, object, elapsed_ns);
	} else if (runner->function->result.code == PROCS_CODE_BYTES) {
		memcpy(&bytes, object, sizeof(bytes));
		px_emit_bytes(runner, item, bytes, true, elapsed_ns);
	} else if (plan->flat) {
		bytes = (struct procs_bytes){ object, plan->size };
		px_emit_bytes(runner, item, bytes, false, elapsed_ns);
	} else {
		px_emit_image(runner, item, object, elapsed_ns);
	}
}

/* The bytes are in their place already; packing goes through private memory,
 * and without memory they stay as they are. */
void px_runner_emit_raw(struct px_runner *runner, uint32_t item, const struct procs_task *task,
			uint64_t elapsed_ns)
{
	struct px_frame frame =
		px_frame_of(PX_FRAME_VALUE, PX_FRAME_RAW, item, task->committed, elapsed_ns);
	uint64_t packed = 0;

	if (px_wants_packing(runner, frame.size) &&
	    px_buffer_room(&runner->packed, frame.size) == 0) {
		packed = px_pack(task->reserved, frame.size, runner->packed.data, frame.size);
		px_packed(runner, packed > 0);
	}
	if (packed > 0) {
		memcpy(task->reserved, runner->packed.data, packed);
		frame.packing = PX_FRAME_LZ4;
		frame.stored = packed;
	}
	frame.flags = px_checked(runner, packed == 0);
	px_output_frame(&runner->output, frame, task->reserved);
}
