/*
 * call.c - specifications become spans of one item, which keep the arguments,
 * encoded, until the verdict: a worker that dies before it starts must not cost
 * the item, and the caller's strings may be gone by then.
 */
#include <errno.h>
#include <string.h>

#include "pool/local.h"

#define PX_RAW_ARGUMENT_MOST (UINT64_C(2) << 30)
#define PX_ERRNO_MOST        4095

/* What is wrong with a specification, apart from its values: 0 or -errno. */
static int px_spec_check(const struct px_task_plans *plans, const struct procs_spec *spec)
{
	const struct procs_function *function = spec->function;

	if (plans->error != 0)
		return plans->error;
	if (function->raw != NULL)
		return spec->bytes == NULL && spec->size > 0 ? -EINVAL
		       : spec->size > PX_RAW_ARGUMENT_MOST   ? -EFBIG
							     : 0;
	if (spec->bytes != NULL) /* made for a raw task */
		return -EINVAL;
	return spec->size == function->arguments_size ||
			       (function->n_arguments == 0 && spec->size <= PROCS_ARGUMENTS_MAX)
		       ? 0
		       : -EINVAL;
}

static bool px_spec_is_flat(const struct procs_stream *stream, const struct px_task_plans *plans)
{
	return plans->arguments.flat && stream->config.encoding == PROCS_ENCODING_AUTO;
}

/* The struct px_call and the arguments, as they will lie in the slot. */
static int px_spec_encode(struct procs_stream *stream, const struct px_task_plans *plans,
			  const struct procs_spec *spec, struct px_span *span)
{
	struct px_call call = { .function = (uintptr_t)spec->function,
				.size = spec->size,
				.encoding = PX_FRAME_RAW };
	unsigned char *to;
	const void *bytes = spec->function->raw != NULL ? spec->bytes : spec->arguments;
	int error = px_spec_check(plans, spec);

	/* Flat arguments stay as they are: to decode an image costs a process that has just been
	 * forked 20 page faults. */
	if (error == 0 && spec->function->raw == NULL && !px_spec_is_flat(stream, plans)) {
		call.encoding = PX_FRAME_TPL;
		error = px_image_encode(&stream->codec, &plans->arguments, spec->arguments,
					&call.size);
		bytes = stream->codec.image.data;
	} else if (error == 0 && spec->function->raw == NULL &&
		   !px_plan_valid(&plans->arguments, spec->arguments))
		error = -EINVAL;
	if (error != 0)
		return error;
	span->arguments_size = sizeof(call) + call.size;
	if (span->arguments_size + sizeof(struct px_task_name) >
	    px_backend_slot(stream->backend, 0).input_size)
		return -EFBIG;
	if (span->arguments_size > sizeof(span->few) &&
	    px_buffer_room(&span->arguments, span->arguments_size) != 0)
		return -ENOMEM;
	to = px_span_arguments(span);
	memcpy(to, &call, sizeof(call));
	if (call.size > 0)
		memcpy(to + sizeof(call), bytes, call.size);
	return 0;
}

static void px_spec_refuse(struct procs_stream *stream, struct px_span *span, int error,
			   const char *culprit)
{
	px_span_fail(stream, span,
		     (struct px_verdict){
			     .cause = error == -EFBIG ? PROCS_CAUSE_TOO_BIG : PROCS_CAUSE_ENCODE,
			     .code = -error,
			     .culprit = culprit,
		     });
}

/* An item of a map as a call of its task. */
static void px_spec_of_elements(const struct px_input *input, uint64_t index,
				struct procs_spec *spec)
{
	const struct procs_function *function = input->function;

	memset(spec, 0, sizeof(*spec));
	spec->function = function;
	spec->size = function->arguments_size;
	for (uint32_t i = 0; i < input->n_sequences; i++) {
		const struct px_array *array = &input->sequence[i];

		memcpy(spec->arguments + function->arguments[i].offset,
		       (const unsigned char *)(uintptr_t)array->base + index * array->stride,
		       array->element_size);
	}
}

/* The next specification, or the end of the input; a source may fail. */
static int px_spec_next(struct procs_stream *stream, struct procs_spec *spec)
{
	struct px_input *input = &stream->input;
	int got;

	if (!px_stream_has_fresh(stream))
		return -ENODATA;
	if (input->kind == PX_INPUT_SPECS) {
		*spec = input->specs[stream->window.fresh];
		return 0;
	}
	if (input->kind == PX_INPUT_MAP) {
		px_spec_of_elements(input, stream->window.fresh, spec);
		return 0;
	}
	memset(spec, 0, sizeof(*spec));
	stream->in_source = true;
	got = input->source(input->user, spec);
	stream->in_source = false;
	if (got == 1)
		return 0;
	/* Anything but 0 and 1 that is no errno is a source that does not know the rules. */
	stream->input_error = got == 0 ? 0 : got < 0 && got >= -PX_ERRNO_MOST ? got : -EINVAL;
	input->n = stream->window.fresh;
	/* relaxed: see px_stream_cancel() */
	atomic_store_explicit(&stream->items, input->n, memory_order_relaxed);
	return -ENODATA;
}

int px_call_pull(struct procs_stream *stream)
{
	const struct px_task_plans *plans;
	struct procs_spec spec;
	struct px_span *span;
	int error = px_spec_next(stream, &spec);

	if (error != 0)
		return error;
	span = px_window_append(&stream->window, 1);
	span->function = spec.function;
	if (spec.function == NULL) {
		px_spec_refuse(stream, span, -EINVAL, NULL);
		return 0;
	}
	plans = px_plans_of(&stream->plans, spec.function);
	error = plans != NULL ? px_spec_encode(stream, plans, &spec, span) : -ENOMEM;
	if (error != 0)
		px_spec_refuse(stream, span, error,
			       plans != NULL && plans->error != 0 ? plans->culprit : NULL);
	else if (!px_start_attaches(stream->config.start) && px_task_is_absent(spec.function))
		px_span_fail(stream, span,
			     (struct px_verdict){ .cause = PROCS_CAUSE_UNKNOWN_FUNCTION,
						  .code = ENOENT });
	else if (stream->names != NULL && px_names_of(stream, spec.function, &error) == NULL)
		px_span_fail(stream, span,
			     (struct px_verdict){ .cause = PROCS_CAUSE_UNKNOWN_FUNCTION,
						  .code = error == -ENXIO ? ENOENT : -error });
	return 0;
}
