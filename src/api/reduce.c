/*
 * reduce.c - procs_reduce: maps and combines, in blocks that n alone decides.
 */
#include <errno.h>
#include <procs/procs.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/open.h"
#include "backend/arrays.h"
#include "backend/context.h"
#include "base/clock.h"
#include "codec/plans.h"
#include "codec/text.h"
#include "pool/config.h"

static const char px_reduce[] = "procs_reduce";

static int px_reduce_refuse(int error, const char *wrong)
{
	px_refuse(error, "%s: %s", px_reduce, wrong);
	return -error;
}

/* Refuses a task whose types cannot travel at all, or not without a codec. */
static int px_reduce_plan(struct px_plans *plans, const struct procs_function *function, bool blind)
{
	const struct px_task_plans *made = px_plans_of(plans, function);
	struct px_text text;
	char line[256];

	if (made == NULL)
		return px_reduce_refuse(ENOMEM, strerrordesc_np(ENOMEM));
	if (made->error != 0) {
		text = px_text_into(line, sizeof(line));
		px_text_add_complaint(&text, made->error, made->culprit);
		return px_reduce_refuse(-made->error, line);
	}
	if (!made->result.flat || made->result.size == 0)
		return px_reduce_refuse(EPROTOTYPE,
					"a result that is void, or has strings or bytes in it");
	if (blind && !made->arguments.flat)
		return px_reduce_refuse(EPROTOTYPE,
					"strings or bytes, where workers see arrays alone");
	return 0;
}

static int px_reduce_plan_both(const struct procs_function *map,
			       const struct procs_function *combine, bool blind)
{
	struct px_plans plans = { .next = 0 };
	int error = px_reduce_plan(&plans, map, blind);

	if (error == 0)
		error = px_reduce_plan(&plans, combine, blind);
	px_plans_free(&plans);
	return error;
}

/* The values of the fold's blocks, or with `input.n` 1 that of them all. */
static int px_reduce_run(const struct px_fold *fold, uint64_t n,
			 const struct procs_options *options, unsigned char *values_out)
{
	const uint64_t size = fold->map->result.size;
	const struct px_input input = {
		.kind = PX_INPUT_MAP,
		.n = n,
		.function = &fold->blocks,
		.n_sequences = 1,
		.sequence = { { .base = (uintptr_t)fold, .element_size = sizeof(*fold) } },
		.fold = fold,
	};
	struct procs_stream *stream = px_open(px_reduce, options, &input);
	struct procs_result result;
	int more;

	if (stream == NULL)
		return -errno;
	while ((more = px_stream_next(stream, &result, PX_NEVER)) > 0 && result.failed == NULL)
		memcpy(values_out + result.index * size, result.data, size);
	if (more < 0)
		px_refuse(-more, "%s: %s", px_reduce, strerrordesc_np(-more));
	else if (more > 0)
		px_last_failure_keep(result.failed);
	px_stream_close(stream);
	return more > 0 ? -ECANCELED : more;
}

/* A pool's workers see arrays, and nothing else that was made after them: so the
 * description, the values and the sequences have to lie in some. Memory that does not
 * is copied. */
struct px_reduction {
	struct px_fold *fold;
	unsigned char *values; /* of the blocks */
	void *copies[PX_SEQUENCES];
	bool shared;
};

static void *px_reduction_take(const struct px_reduction *reduction, uint64_t size)
{
	size = px_align(size, PX_LINE);
	/* Where a task loads a value from it must lie as its type wants to. */
	return reduction->shared ? px_arrays_take(size) : aligned_alloc(PX_LINE, size);
}

static void px_reduction_give(const struct px_reduction *reduction, void *memory)
{
	if (reduction->shared && memory != NULL)
		(void)px_arrays_give(memory);
	else if (!reduction->shared)
		free(memory);
}

static void px_reduction_close(struct px_reduction *reduction)
{
	for (size_t i = 0; i < PX_SEQUENCES; i++)
		px_reduction_give(reduction, reduction->copies[i]);
	px_reduction_give(reduction, reduction->values);
	px_reduction_give(reduction, reduction->fold);
}

/* Has the fold's sequence lie in an array. */
static bool px_reduction_share(struct px_reduction *reduction, uint32_t number)
{
	struct px_array *array = &reduction->fold->sequence[number];
	const uint64_t size = px_array_extent(array, reduction->fold->n);

	if (!reduction->shared || px_arrays_place(array->base, size) == PX_PLACE_ARRAY)
		return true;
	reduction->copies[number] = px_arrays_take(size);
	if (reduction->copies[number] == NULL)
		return false;
	memcpy(reduction->copies[number], (const void *)(uintptr_t)array->base, size);
	array->base = (uintptr_t)reduction->copies[number];
	return true;
}

static bool px_reduction_open(struct px_reduction *reduction, const struct px_fold *fold)
{
	bool good;

	reduction->fold = px_reduction_take(reduction, sizeof(*fold));
	reduction->values =
		px_reduction_take(reduction, px_fold_blocks(fold) * fold->map->result.size);
	good = reduction->fold != NULL && reduction->values != NULL;
	if (good)
		*reduction->fold = *fold;
	for (uint32_t i = 0; good && i < fold->n_sequences; i++)
		good = px_reduction_share(reduction, i);
	return good;
}

static int px_reduce_all(const struct px_fold *fold, const struct procs_options *options,
			 void *result_out, size_t result_size, int result_code)
{
	const struct procs_type *type = &fold->map->result;
	const uint64_t n_blocks = px_fold_blocks(fold);
	struct px_reduction reduction = { .shared = px_config_is_blind(options) };
	int error = -ENOMEM;

	if (!px_reduction_open(&reduction, fold))
		px_reduce_refuse(ENOMEM, strerrordesc_np(ENOMEM));
	else
		error = px_reduce_run(reduction.fold, n_blocks, options, reduction.values);
	if (error == 0 && n_blocks > 1) {
		reduction.fold->values = reduction.values;
		error = px_reduce_run(reduction.fold, 1, options, reduction.values);
	}
	if (error == 0)
		error = px_type_read(type, reduction.values, result_out, result_size, result_code);
	if (error == -ERANGE)
		px_reduce_refuse(ERANGE, "a value that a variable of the other sign cannot hold");
	px_reduction_close(&reduction);
	return error;
}

int procs_reduce_arrays(const struct procs_function *map, const struct procs_function *combine,
			size_t n, void *result_out, size_t result_size, int result_code,
			const struct procs_options *options, const void *const *arrays,
			size_t n_arrays)
{
	const char *wrong = NULL;
	struct px_input input;
	struct px_fold fold;
	int error = px_map_arrays(px_reduce, map, n, arrays, n_arrays, &input);

	if (error != 0)
		return error;
	if (combine == NULL || combine->size < sizeof(*combine))
		return px_reduce_refuse(EINVAL, "combine is none that PROCS_DEFINE wrote");
	if (result_out == NULL)
		return px_reduce_refuse(EINVAL, "nowhere to put the result");
	wrong = px_fold_wrong(map, combine);
	if (wrong == NULL && !px_type_reads_as(&map->result, result_size, result_code))
		wrong = "the variable has not the type of the task's result";
	if (wrong != NULL)
		return px_reduce_refuse(EPROTOTYPE, wrong);
	error = px_reduce_plan_both(map, combine, px_config_is_blind(options));
	if (error != 0)
		return error;
	if (n == 0)
		return px_reduce_refuse(ENODATA, "no items, so no value");
	fold = px_fold_of(map, combine, n);
	fold.n_sequences = input.n_sequences;
	memcpy(fold.sequence, input.sequence, sizeof(fold.sequence));
	return px_reduce_all(&fold, options, result_out, result_size, result_code);
}
