/*
 * plan.c - how a stream's arguments and values travel: what its workers see by themselves,
 * what is copied for them, where values go; and that as an order.
 */
#include <errno.h>

#include "backend/arrays.h"
#include "base/clock.h"
#include "pool/local.h"

#define PX_CHUNK_NS   PX_MILLISECOND         /* of work in a chunk of a stream */
#define PX_CHUNK_INTO (200 * PX_MICROSECOND) /* and where nobody waits for results in order */

/* Values that lie side by side need no frame each; all others have one. */
static uint32_t px_value_size_for(const struct px_config *config, const struct px_input *input,
				  const struct px_task_plans *plans)
{
	if (input->kind != PX_INPUT_MAP || input->function->raw != NULL || !plans->result.flat ||
	    plans->result.size > PX_DENSE_MOST || config->encoding != PROCS_ENCODING_AUTO ||
	    config->compression == PROCS_COMPRESSION_ALWAYS ||
	    config->checksum == PROCS_CHECKSUM_ALWAYS)
		return 0;
	return (uint32_t)px_max(plans->result.size, 1);
}

static uint64_t px_stream_out_size(const struct procs_stream *stream)
{
	return stream->input.out != NULL ? stream->input.n * stream->value_size : 0;
}

struct px_order px_plan_order(const struct procs_stream *stream)
{
	const struct px_config *config = &stream->config;
	const struct px_input *input = &stream->input;
	struct px_order order = {
		.function = px_stream_maps(stream) ? (uintptr_t)input->function : 0,
		.n_sequences = px_stream_maps(stream) ? input->n_sequences : 0,
		.timeout_ns = config->start == PROCS_START_INLINE ? 0 : config->timeout_ns,
		.chunk_ns = input->into ? PX_CHUNK_INTO : PX_CHUNK_NS,
		.seed = config->seed,
		.recycle_items = config->recycle_items,
		.recycle_bytes = config->recycle_bytes,
		.encoding = config->encoding,
		.compression = config->compression,
		.checksum = config->checksum,
		.copy = config->copy_results,
		.one_shot = px_stream_one_shot(stream),
		.value_size = stream->value_size,
		.direct = stream->direct,
		.out = stream->direct ? (uintptr_t)input->out : 0,
		.out_size = stream->direct ? px_stream_out_size(stream) : 0,
		.blocks = stream->block > 0,
	};

	for (uint32_t i = 0; i < input->n_sequences && px_stream_maps(stream); i++) {
		order.sequence[i] = input->sequence[i];
		if (stream->copies >> i & 1)
			order.sequence[i].base = 0;
	}
	return order;
}

/* Whether its workers see these bytes as they are now, and not as they were. */
static bool px_stream_sees(const struct procs_stream *stream, uint64_t base, uint64_t size)
{
	return (!px_start_attaches(stream->config.start) || px_arrays_file().file >= 0) &&
	       (stream->pool == NULL || px_pool_sees_arrays(stream->pool)) &&
	       px_arrays_place(base, size) == PX_PLACE_ARRAY;
}

/* What lies in arrays its workers see; the rest travels. */
static void px_stream_plan_copies(struct procs_stream *stream)
{
	const struct px_input *input = &stream->input;

	for (uint32_t i = 0; i < input->n_sequences && !stream->by_item; i++) {
		const struct px_array *array = &input->sequence[i];

		if (!px_stream_sees(stream, array->base, px_array_extent(array, input->n)))
			stream->copies |= 1u << i;
	}
}

/* Whether its workers can write the values where they are to be. */
static bool px_stream_may_write(const struct procs_stream *stream)
{
	if (stream->config.isolate_output)
		return false;
	return stream->input.out == NULL || stream->config.start == PROCS_START_INLINE ||
	       px_stream_sees(stream, (uintptr_t)stream->input.out, px_stream_out_size(stream));
}

int px_plan_map(struct procs_stream *stream, const char **culprit)
{
	const struct px_task_plans *plans;

	if (stream->input.kind != PX_INPUT_MAP)
		return 0;
	plans = px_plans_of(&stream->plans, stream->input.function);
	if (plans == NULL)
		return -ENOMEM;
	*culprit = plans->error != 0 ? plans->culprit : NULL;
	if (plans->error != 0)
		return plans->error;
	if (!px_start_attaches(stream->config.start) && px_task_is_absent(stream->input.function)) {
		*culprit = stream->input.function->name;
		return -ENXIO;
	}
	/* Workers that have been there, or attach, see nothing of the caller's elements; inline
	 * ones do. */
	if ((stream->config.pool != NULL && stream->config.start != PROCS_START_INLINE) ||
	    px_start_attaches(stream->config.start)) {
		stream->by_item = stream->input.function->raw == NULL && !plans->arguments.flat;
		px_stream_plan_copies(stream);
	}
	if (!stream->by_item)
		stream->value_size = px_value_size_for(&stream->config, &stream->input, plans);
	stream->direct =
		stream->input.into && stream->value_size > 0 && px_stream_may_write(stream);
	/* Not under a timeout, which is an item's own. */
	if (stream->value_size > 0 && stream->config.timeout_ns == 0)
		stream->block = plans->block;
	return 0;
}
