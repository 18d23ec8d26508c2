/*
 * pmap.c - procs_pmap: a task over parallel sequences.
 */
#include <errno.h>
#include <procs/procs.h>

#include "api/api.h"
#include "api/open.h"
#include "codec/plans.h"

#define PX_ITEMS_MOST (UINT64_C(1) << 48)

/* Why these sequences cannot be mapped over, or NULL. */
static const char *px_sequence_wrong(const struct procs_function *function, size_t n,
				     const struct procs_sequence *sequence, size_t number)
{
	const uint64_t stride = sequence->stride > 0 ? sequence->stride : sequence->element_size;
	uint64_t extent;

	if (sequence->element_size == 0)
		return "an element size of 0";
	if (sequence->base == NULL && n > 0)
		return "a sequence at NULL";
	if (function->raw == NULL &&
	    sequence->element_size != function->arguments[number].type.size)
		return "an element size that is not its argument's";
	if (stride < sequence->element_size)
		return "a stride less than the element size";
	if (!px_multiply(n, stride, &extent) || extent > PTRDIFF_MAX)
		return "a sequence larger than memory";
	return NULL;
}

static const char *px_map_wrong(const struct procs_function *function, size_t n,
				const struct procs_sequence *sequences, size_t n_sequences)
{
	const char *wrong = NULL;

	if (function == NULL)
		return "a function that is NULL";
	if (!px_function_known(function))
		return "a function that PROCS_DEFINE did not write";
	if (n > PX_ITEMS_MOST)
		return "more than 2^48 items";
	if (sequences == NULL && n_sequences > 0)
		return "sequences at NULL";
	if (n_sequences > PX_SEQUENCES ||
	    (function->raw == NULL && n_sequences != function->n_arguments))
		return "a number of sequences that is not that of the arguments";
	for (size_t i = 0; i < n_sequences && wrong == NULL; i++)
		wrong = px_sequence_wrong(function, n, &sequences[i], i);
	return wrong;
}

static int px_map_refuse(const char *call, const char *wrong)
{
	px_refuse(EINVAL, "%s: %s", call, wrong);
	return -EINVAL;
}

int px_map_sequences(const char *call, const struct procs_function *function, size_t n,
		     const struct procs_sequence *sequences, size_t n_sequences,
		     struct px_input *input_out)
{
	const char *wrong = px_map_wrong(function, n, sequences, n_sequences);

	if (wrong != NULL)
		return px_map_refuse(call, wrong);
	*input_out = (struct px_input){ .kind = PX_INPUT_MAP, .n = n, .function = function };
	input_out->n_sequences = (uint32_t)n_sequences;
	for (size_t i = 0; i < n_sequences; i++)
		input_out->sequence[i] = (struct px_array){
			.base = (uintptr_t)sequences[i].base,
			.stride = sequences[i].stride > 0 ? sequences[i].stride
							  : sequences[i].element_size,
			.element_size = sequences[i].element_size,
		};
	return 0;
}

int px_map_arrays(const char *call, const struct procs_function *function, size_t n,
		  const void *const *arrays, size_t n_arrays, struct px_input *input_out)
{
	struct procs_sequence sequences[PX_SEQUENCES] = { 0 };
	const char *wrong = NULL;

	if (function == NULL || function->raw != NULL)
		wrong = "arrays go with a typed task";
	else if (n_arrays > PX_SEQUENCES || n_arrays != function->n_arguments)
		wrong = "a number of arrays that is not that of the arguments";
	else if (arrays == NULL && n_arrays > 0)
		wrong = "arrays is NULL";
	if (wrong != NULL)
		return px_map_refuse(call, wrong);
	for (size_t i = 0; i < n_arrays; i++)
		sequences[i] = (struct procs_sequence){
			.base = arrays[i],
			.element_size = function->arguments[i].type.size,
		};
	return px_map_sequences(call, function, n, sequences, n_arrays, input_out);
}

struct procs_stream *procs_pmap_sequences(const struct procs_function *function, size_t n,
					  const struct procs_options *options,
					  const struct procs_sequence *sequences,
					  size_t n_sequences)
{
	struct px_input input;

	if (px_map_sequences("procs_pmap", function, n, sequences, n_sequences, &input) != 0)
		return NULL;
	return px_open("procs_pmap", options, &input);
}

struct procs_stream *procs_pmap_arrays(const struct procs_function *function, size_t n,
				       const struct procs_options *options,
				       const void *const *arrays, size_t n_arrays)
{
	struct px_input input;

	if (px_map_arrays("procs_pmap", function, n, arrays, n_arrays, &input) != 0)
		return NULL;
	return px_open("procs_pmap", options, &input);
}
