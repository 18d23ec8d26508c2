/*
 * deliver.c - makes a result of the item whose turn it is.
 *
 * What a worker wrote is copied, checked and only then decoded; what does not
 * pass costs that one item. Bytes of raw tasks and of struct procs_bytes are
 * the exception: the caller gets a view, whose place and length were checked.
 */
#include <errno.h>
#include <string.h>

#include "backend/owner.h"
#include "codec/failed.h"
#include "codec/pack.h"
#include "codec/text.h"
#include "pool/local.h"

#define PX_AHEAD_BYTES UINT64_C(16384)

static void px_result_begin(struct procs_stream *stream, const struct px_span *span,
			    struct procs_result *result)
{
	*result = (struct procs_result){
		.size = sizeof(*result),
		.index = span->first + span->taken,
		.function = span->function,
		.stream = stream,
	};
}

/* Which item of which task failed: that of the result, or one inside it. */
static struct px_blame px_blame_of(const struct procs_stream *stream, const struct px_span *span,
				   uint64_t index, uint64_t step)
{
	if (stream->input.fold != NULL)
		return px_fold_blame(stream->input.fold, index, step);
	return (struct px_blame){ index, span->function != NULL ? span->function->name : "" };
}

static void px_result_fail(struct procs_stream *stream, const struct px_span *span,
			   const struct px_verdict *verdict, struct procs_result *result)
{
	const struct px_blame blame = px_blame_of(stream, span, result->index, verdict->step);

	stream->failed = (struct procs_failed){
		.size = sizeof(stream->failed),
		.cause = verdict->cause,
		.code = verdict->code,
		.index = blame.index,
		.function = blame.function,
		.pid = verdict->pid,
		.attempt = verdict->pid != 0 ? 1 : 0,
		.core_dumped = verdict->core_dumped,
		.elapsed_ns = verdict->elapsed_ns,
	};
	px_verdict_text(stream, verdict, blame.function);
	stream->where = (struct procs_bytes){ NULL, 0 };
	result->failed = &stream->failed;
}

static void px_result_is(struct procs_stream *stream, const struct px_span *span,
			 enum procs_cause cause, int code, uint64_t elapsed_ns,
			 struct procs_result *result)
{
	const struct px_verdict verdict = {
		.cause = cause,
		.code = code,
		.pid = span->pid,
		.elapsed_ns = elapsed_ns,
	};

	px_result_fail(stream, span, &verdict, result);
}

/* Copies and unpacks a frame's payload into stream memory. 0; -EBADMSG,
 * -ENOMEM. */
static int px_payload(struct procs_stream *stream, const struct px_span *span,
		      const struct px_frame *frame, const void **bytes_out)
{
	int error;

	if (px_buffer_room(&stream->payload, frame->stored + 1) != 0)
		return -ENOMEM;
	error = px_take_payload(px_backend_slot(stream->backend, span->slot), frame,
				stream->payload.data);
	*bytes_out = stream->payload.data;
	if (error != 0 || frame->packing == PX_FRAME_PLAIN)
		return error;
	if (!px_unpack_plausible(frame->stored, frame->size))
		return -EBADMSG;
	if (px_buffer_room(&stream->unpacked, frame->size + 1) != 0)
		return -ENOMEM;
	*bytes_out = stream->unpacked.data;
	return px_unpack(stream->payload.data, frame->stored, stream->unpacked.data, frame->size);
}

/* What the task said when it failed. */
static int px_deliver_failure(struct procs_stream *stream, struct px_span *span,
			      const struct px_frame *frame, struct procs_result *result)
{
	struct px_failure failure = { .cause = PROCS_CAUSE_TOO_BIG, .code = EFBIG };
	struct px_blame blame;
	const void *image;
	int error = 0;

	if (frame->stored > 0) {
		error = px_payload(stream, span, frame, &image);
		if (error == 0)
			error = px_failure_decode(&stream->codec, image, frame->size, &failure);
	}
	if (error != 0)
		return error;
	blame = px_blame_of(stream, span, result->index, failure.step);
	stream->failed = (struct procs_failed){
		.size = sizeof(stream->failed),
		.cause = failure.cause,
		.code = failure.code,
		.index = blame.index,
		.function = blame.function,
		.message = failure.message.data != NULL ? failure.message.data : "",
		.message_size = failure.message.size,
		.data = failure.data.data,
		.data_size = failure.data.size,
		.pid = span->pid,
		.attempt = 1,
		.elapsed_ns = frame->elapsed_ns,
	};
	stream->where = failure.where;
	result->failed = &stream->failed;
	return 0;
}

static bool px_is_view(const struct procs_function *function)
{
	return function->raw != NULL || function->result.code == PROCS_CODE_BYTES;
}

/* Raw bytes of a frame: those of a view stay where they are, unless they are
 * packed or the caller wants copies. */
static int px_deliver_raw(struct procs_stream *stream, struct px_span *span,
			  const struct px_task_plans *plans, const struct px_frame *frame,
			  struct procs_result *result)
{
	const bool view = px_is_view(span->function);
	const void *bytes = NULL;
	int error = 0;

	if (view && frame->packing == PX_FRAME_PLAIN && !(frame->flags & PX_FRAME_CHECKED) &&
	    !stream->config.copy_results)
		bytes = px_take_view(px_backend_slot(stream->backend, span->slot), frame);
	else
		error = px_payload(stream, span, frame, &bytes);
	if (error != 0)
		return error;
	if (!view && (frame->size != plans->result.size || !px_plan_valid(&plans->result, bytes)))
		return -EBADMSG;
	result->data = bytes;
	result->bytes = frame->size;
	if (span->function->raw == NULL && view) {
		stream->bytes_value = (struct procs_bytes){ bytes, frame->size };
		result->data = &stream->bytes_value;
		result->bytes = sizeof(stream->bytes_value);
	}
	return 0;
}

static int px_deliver_value(struct procs_stream *stream, struct px_span *span,
			    const struct px_frame *frame, struct procs_result *result)
{
	const struct px_task_plans *plans = px_plans_of(&stream->plans, span->function);
	const void *image;
	int error;

	if (plans == NULL)
		return -ENOMEM;
	if (frame->encoding == PX_FRAME_RAW)
		return px_deliver_raw(stream, span, plans, frame, result);
	if (span->function->raw != NULL)
		return -EBADMSG;
	error = px_payload(stream, span, frame, &image);
	if (error == 0)
		error = px_image_decode(&stream->codec, &plans->result, image, frame->size);
	result->data = stream->codec.object.data;
	result->bytes = plans->result.size;
	return error;
}

/* The item in `row` of the span's frames. */
static void px_deliver_frame(struct procs_stream *stream, struct px_span *span, uint32_t row,
			     struct procs_result *result)
{
	const struct px_slot slot = px_backend_slot(stream->backend, span->slot);
	struct px_frame frame = { 0 };
	int error = px_take_frame(slot, &span->region, row, span->taken, &frame);

	if (error == 0 && frame.kind == PX_FRAME_FAILED)
		error = px_deliver_failure(stream, span, &frame, result);
	else if (error == 0)
		error = px_deliver_value(stream, span, &frame, result);
	if (error == -ENOMEM)
		px_result_is(stream, span, PROCS_CAUSE_DECODE, ENOMEM, frame.elapsed_ns, result);
	else if (error != 0)
		px_result_is(stream, span, PROCS_CAUSE_CORRUPT, EBADMSG, 0, result);
}

/* Which item of a dense span failed next: its number, PX_ANY_ITEM if none of
 * the finished ones did. A table that does not make sense condemns this item. */
uint32_t px_next_failure(struct procs_stream *stream, struct px_span *span)
{
	struct px_frame frame;

	if (span->failure >= span->region.failures)
		return PX_ANY_ITEM;
	if (px_take_frame(px_backend_slot(stream->backend, span->slot), &span->region,
			  span->failure, PX_ANY_ITEM, &frame) != 0 ||
	    frame.kind != PX_FRAME_FAILED || frame.item < span->taken)
		return span->taken;
	/* Not finished yet as far as we know: its turn comes. */
	return frame.item < span->region.done ? frame.item : PX_ANY_ITEM;
}

/* Cuts what was copied before the first value that is none. */
static uint32_t px_ahead_valid(struct procs_stream *stream, const struct px_plan *plan,
			       uint32_t count)
{
	const unsigned char *at = stream->ahead.values.data;

	for (uint32_t i = 0; plan->checked && i < count; i++, at += stream->value_size)
		if (!px_plan_valid(plan, at))
			return i;
	return count;
}

/* Copies the next values of a dense span. 0; -EBADMSG if the very next is none,
 * -ENOMEM. */
static int px_ahead_fill(struct procs_stream *stream, struct px_span *span, uint32_t until)
{
	const struct px_task_plans *plans = px_plans_of(&stream->plans, span->function);
	struct px_ahead *ahead = &stream->ahead;
	const uint64_t stride = stream->value_size;
	uint32_t count = until - span->taken;

	count = (uint32_t)px_min(count, px_max(PX_AHEAD_BYTES / stride, 1));
	if (plans == NULL || px_buffer_room(&ahead->values, count * stride) != 0)
		return -ENOMEM;
	px_take_values(px_backend_slot(stream->backend, span->slot), &span->region, span->taken,
		       span->taken + count, ahead->values.data);
	count = px_ahead_valid(stream, &plans->result, count);
	if (count == 0)
		return -EBADMSG;
	ahead->at = ahead->values.data;
	ahead->end = ahead->at + count * stride;
	return 0;
}

const struct procs_failed *px_corrupt(struct procs_stream *stream, const struct px_span *span,
				      uint64_t index)
{
	struct procs_result result = { .index = index };

	px_result_is(stream, span, PROCS_CAUSE_CORRUPT, EBADMSG, 0, &result);
	px_trace(stream, NULL, stream->where);
	return result.failed;
}

static void px_deliver_dense(struct procs_stream *stream, struct px_span *span,
			     struct procs_result *result)
{
	const uint32_t failure = px_next_failure(stream, span);
	int error = 0;

	if (failure == span->taken) {
		px_deliver_frame(stream, span, span->failure, result);
		span->failure++;
		return;
	}
	if (stream->ahead.at == stream->ahead.end)
		error = px_ahead_fill(stream, span, (uint32_t)px_min(failure, span->region.done));
	if (error == -ENOMEM) {
		px_result_is(stream, span, PROCS_CAUSE_DECODE, ENOMEM, 0, result);
	} else if (error != 0) {
		px_result_is(stream, span, PROCS_CAUSE_CORRUPT, EBADMSG, 0, result);
	} else {
		result->data = stream->ahead.at;
		result->bytes = span->function->result.size;
		stream->ahead.at += stream->value_size;
	}
}

/* The way of most items of a map: everything is decided and copied, and each
 * instruction counts. */
bool px_stream_next_ahead(struct procs_stream *stream, struct procs_result *result)
{
	struct px_ahead *ahead = &stream->ahead;
	struct px_span *span = stream->current;

	if (ahead->at == ahead->end || span == NULL || stream->owner != px_owner_self() ||
	    stream->in_source)
		return false;
	/* Taken: more of the span lies ahead, so that was not its last. */
	span->taken += stream->holding;
	stream->holding = true;
	result->size = sizeof(*result);
	result->index = span->first + span->taken;
	result->failed = NULL;
	result->data = ahead->at;
	result->bytes = span->function->result.size;
	result->function = span->function;
	result->stream = stream;
	for (size_t i = 0; i < sizeof(result->reserved) / sizeof(result->reserved[0]); i++)
		result->reserved[i] = 0;
	ahead->at += stream->value_size;
	return true;
}

void px_deliver(struct procs_stream *stream, struct px_span *span, struct procs_result *result)
{
	px_result_begin(stream, span, result);
	if (span->state == PX_SPAN_FAILED)
		px_result_fail(stream, span, &span->verdict, result);
	else if (stream->value_size > 0)
		px_deliver_dense(stream, span, result);
	else
		px_deliver_frame(stream, span, span->taken, result);
	if (result->failed != NULL)
		px_trace(stream, span->state == PX_SPAN_FAILED ? span->verdict.crash : NULL,
			 stream->where);
	stream->current = span;
	stream->holding = true;
}

void px_release(struct procs_stream *stream)
{
	struct px_span *span = stream->current;

	if (!stream->holding)
		return;
	stream->holding = false;
	span->taken++;
	/* Its worker may write there again. */
	if (span->state == PX_SPAN_POSTED && stream->value_size == 0)
		px_slot_take(px_backend_slot(stream->backend, span->slot), span->region.sequence,
			     span->taken);
	if (span->taken == span->count)
		px_span_retire(stream, span);
}
