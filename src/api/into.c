/*
 * into.c - arrays that workers see, and maps that go straight into an array.
 */
#include <errno.h>
#include <procs/procs.h>
#include <string.h>

#include "api/api.h"
#include "api/open.h"
#include "backend/arrays.h"
#include "codec/plans.h"

static const char px_into[] = "procs_pmap_into";

void *procs_array_new(size_t n, size_t element_size)
{
	uint64_t size;
	void *array = NULL;

	if (px_multiply(n, element_size, &size))
		array = px_arrays_take(size);
	if (array == NULL)
		px_refuse(ENOMEM, "procs_array: no memory for %zu elements of %zu bytes", n,
			  element_size);
	return array;
}

int procs_array_free(void *array)
{
	return array == NULL ? 0 : px_arrays_give(array);
}

static bool px_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Why values cannot go to `out`, or NULL. */
static const char *px_out_wrong(const struct px_input *input, const void *out, size_t size,
				int code)
{
	const struct procs_type *type = &input->function->result;
	const uint64_t at = (uintptr_t)out;
	uint64_t extent;

	if (input->function->raw != NULL)
		return "a raw task has no values of one size";
	if (type->code == PROCS_CODE_VOID)
		return out == NULL ? NULL : "a task without values, and an array for them";
	if (out == NULL)
		return input->n == 0 ? NULL : "no array for the values";
	if (!px_type_reads_as(type, size, code))
		return "an array whose type is not the task's";
	if (!px_multiply(input->n, size, &extent) || extent > PTRDIFF_MAX)
		return "an array larger than memory";
	if (input->n == 0)
		return NULL;
	if (px_arrays_place(at, extent) == PX_PLACE_BEYOND)
		return "an array that is too small for the values";
	for (uint32_t i = 0; i < input->n_sequences; i++) {
		const struct px_array *array = &input->sequence[i];
		const uint64_t bytes = px_array_extent(array, input->n);

		if (px_overlap(at, extent, array->base, bytes))
			return "an array for the values that overlaps a sequence";
		if (px_arrays_place(array->base, bytes) == PX_PLACE_BEYOND)
			return "a sequence that goes beyond its array";
	}
	return NULL;
}

/* Strings and bytes lie elsewhere than in the value. */
static bool px_values_are_flat(const struct procs_function *function)
{
	struct px_plans plans = { .next = 0 };
	const struct px_task_plans *made = px_plans_of(&plans, function);
	const bool flat = made == NULL || made->error != 0 || made->result.flat;

	/* What else is wrong with the task is told by who opens the stream. */
	px_plans_free(&plans);
	return flat;
}

static void px_failures_clear(struct procs_failures *failures)
{
	if (failures == NULL)
		return;
	failures->count = failures->n_listed = 0;
	memset(failures->by_cause, 0, sizeof(failures->by_cause));
}

/* Where the values of a call go. */
struct px_target {
	void *out;
	size_t size;
	int code;
	struct procs_failures *failures; /* or NULL */
};

static int64_t px_into_run(struct px_input *input, const struct px_target *target,
			   const struct procs_options *options)
{
	const char *wrong = px_out_wrong(input, target->out, target->size, target->code);
	struct procs_stream *stream;
	int64_t failed;

	px_failures_clear(target->failures);
	if (wrong == NULL && !px_values_are_flat(input->function))
		wrong = "values with strings or bytes in them have no place in an array";
	if (wrong != NULL) {
		px_refuse(EINVAL, "%s: %s", px_into, wrong);
		return -EINVAL;
	}
	input->into = true;
	input->out = target->out;
	stream = px_open(px_into, options, input);
	if (stream == NULL)
		return -errno;
	failed = px_stream_drain(stream, target->failures);
	if (failed < 0)
		px_refuse((int)-failed, "%s: %s", px_into, strerrordesc_np((int)-failed));
	px_stream_close(stream);
	return failed;
}

int64_t procs_pmap_into_sequences(const struct procs_function *function, size_t n, void *out,
				  size_t out_size, int out_code,
				  const struct procs_options *options,
				  struct procs_failures *failures,
				  const struct procs_sequence *sequences, size_t n_sequences)
{
	const struct px_target target = { out, out_size, out_code, failures };
	struct px_input input;

	if (px_map_sequences(px_into, function, n, sequences, n_sequences, &input) != 0)
		return -EINVAL;
	return px_into_run(&input, &target, options);
}

int64_t procs_pmap_into_arrays(const struct procs_function *function, size_t n, void *out,
			       size_t out_size, int out_code, const struct procs_options *options,
			       struct procs_failures *failures, const void *const *arrays,
			       size_t n_arrays)
{
	const struct px_target target = { out, out_size, out_code, failures };
	struct px_input input;

	if (px_map_arrays(px_into, function, n, arrays, n_arrays, &input) != 0)
		return -EINVAL;
	return px_into_run(&input, &target, options);
}
