#include "backend/context.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "base/px.h"

#define PX_DRAWS_COMBINING (UINT64_C(1) << 63) /* no item has that index */

enum {
	PX_LAST_MESSAGE = 512 /* bytes kept of a failure outside any item */
};

struct px_scratch {
	struct px_scratch *next;
	_Alignas(16) unsigned char bytes[];
};

PX_TLS static struct px_context *px_current;

struct px_context *px_context_current(void)
{
	return px_current;
}

void px_context_begin(struct px_context *context)
{
	context->outer = px_current;
	px_current = context;
}

static void px_scratch_free(struct px_context *context)
{
	while (context->scratch != NULL) {
		struct px_scratch *block = context->scratch;

		context->scratch = block->next;
		free(block);
	}
}

void px_context_end(struct px_context *context)
{
	px_assert(px_current == context);
	px_scratch_free(context);
	px_current = context->outer;
}

void px_context_item(struct px_context *context, uint64_t first, uint32_t item, uint32_t attempt)
{
	px_scratch_free(context);
	context->first = first;
	context->item = item;
	context->attempt = attempt;
	context->draws.count = 0;
	context->failed = false;
}

/* Of a failure: which call of the item. */
static uint64_t px_context_step(const struct px_context *context)
{
	const _Atomic uint64_t *calls;

	if (context->inner == NULL)
		return 0;
	/* relaxed: as below */
	calls = context->inner->progress;
	return context->inner_step +
	       (atomic_load_explicit(calls, memory_order_relaxed) & ~UINT64_C(1));
}

bool px_context_defer(const struct px_context *context)
{
	if (context->loop == NULL || !context->loop->in_block)
		return false;
	context->loop->failed = 1;
	return true;
}

uint64_t px_context_index(const struct px_context *context)
{
	const _Atomic uint64_t *progress;

	if (context->inner != NULL)
		return px_context_step(context) >> 1;
	if (context->loop == NULL)
		return context->first + context->item;
	/* relaxed: the loop that runs this item, in this thread, stored it just before */
	progress = context->loop->progress;
	return context->first + (atomic_load_explicit(progress, memory_order_relaxed) >> 1);
}

void px_context_free(struct px_context *context)
{
	px_scratch_free(context);
	px_buffer_free(&context->message);
	px_buffer_free(&context->data);
}

/* Formats into the buffer; a text that is too long ends in dots, one for which
 * there is no memory is empty. */
PX_PRINTF(2, 0)

static struct procs_bytes px_format(struct px_buffer *buffer, const char *format, va_list arguments)
{
	va_list again;
	size_t size;
	int length;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length <= 0)
		return (struct procs_bytes){ NULL, 0 };
	size = px_min((uint64_t)length, PX_MESSAGE_MOST);
	if (px_buffer_room(buffer, size + 1) != 0)
		return (struct procs_bytes){ NULL, 0 };
	vsnprintf(buffer->data, size + 1, format, arguments);
	if (size < (size_t)length)
		memcpy((char *)buffer->data + size - 3, "...", 3);
	return (struct procs_bytes){ buffer->data, size };
}

static struct procs_bytes px_copy(struct px_buffer *buffer, const void *data, size_t size)
{
	const size_t kept = px_min(data != NULL ? size : 0, PX_DATA_MOST);

	if (kept == 0 || px_buffer_room(buffer, kept) != 0)
		return (struct procs_bytes){ NULL, 0 };
	memcpy(buffer->data, data, kept);
	return (struct procs_bytes){ buffer->data, kept };
}

/* Of the procs_fail to come. */
PX_TLS static struct {
	const char *file, *function; /* NULL: unknown */
	int line;
} px_place;

void px_context_place(const char *file, int line, const char *function)
{
	px_place.file = file;
	px_place.line = line;
	px_place.function = function;
}

static struct procs_bytes px_where(struct px_context *context)
{
	int length = 0;

	if (px_place.file != NULL)
		length = snprintf(context->where, sizeof(context->where), "%s (%s:%d)",
				  px_place.function, px_place.file, px_place.line);
	px_place.file = NULL;
	return (struct procs_bytes){ context->where,
				     px_clamp(length, 0, (int)sizeof(context->where) - 1) };
}

void px_context_fail(struct px_context *context, enum procs_cause cause, int code, const void *data,
		     size_t size, const char *format, va_list arguments)
{
	if (px_context_defer(context) || context->failed)
		return;
	context->failed = true;
	if (context->loop != NULL)
		context->loop->failed = 1;
	if (context->inner != NULL)
		context->inner->failed = 1;
	context->failure = (struct px_failure){
		.cause = cause,
		.code = code,
		.message = px_format(&context->message, format, arguments),
		.data = px_copy(&context->data, data, size),
		.where = px_where(context),
		.step = px_context_step(context),
	};
}

void px_context_blame(struct px_context *context, enum procs_cause cause, int code,
		      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	px_context_fail(context, cause, code, NULL, 0, format, arguments);
	va_end(arguments);
}

void *px_context_scratch(struct px_context *context, size_t size)
{
	const uint64_t index = px_context_index(context);
	struct px_scratch *block;
	uint64_t whole;

	/* A loop over several items does not say when one is over. */
	if (context->scratch_index != index)
		px_scratch_free(context);
	context->scratch_index = index;
	if (!px_add(size, sizeof(*block), &whole))
		return NULL;
	block = malloc(whole);
	if (block == NULL)
		return NULL;
	block->next = context->scratch;
	context->scratch = block;
	return block->bytes;
}

static uint64_t px_draw(struct px_draws *draws, uint64_t seed)
{
	const uint64_t counter[2] = { draws->count / 2, draws->index };
	uint64_t pair[2];

	if (draws->count++ % 2 != 0)
		return draws->spare;
	px_philox(counter, seed, pair);
	draws->spare = pair[1];
	return pair[0];
}

/* What the thread draws outside any item, where no seed is in force. */
static _Thread_local struct px_draws px_own_draws = { .index = UINT64_MAX };

uint64_t px_context_random(struct px_context *context)
{
	uint64_t index;

	if (context == NULL)
		return px_draw(&px_own_draws, 0);
	index = px_context_index(context);
	/* What combines an item's value must not draw what has made it. */
	if (context->inner != NULL && context->inner_step & 1)
		index |= PX_DRAWS_COMBINING;
	/* A loop over several items does not say when one is over. */
	if (context->draws.index != index)
		context->draws = (struct px_draws){ .index = index };
	return px_draw(&context->draws, context->seed);
}

static _Thread_local struct procs_failed px_last;
static _Thread_local char px_last_message[PX_LAST_MESSAGE];
static _Thread_local unsigned char px_last_data[PX_LAST_MESSAGE];

void px_last_failure_set(enum procs_cause cause, int code, const void *data, size_t size,
			 const char *format, va_list arguments)
{
	int length = vsnprintf(px_last_message, sizeof(px_last_message), format, arguments);

	if (length < 0)
		px_last_message[length = 0] = '\0';
	size = data != NULL ? px_min(size, sizeof(px_last_data)) : 0;
	if (size > 0)
		memcpy(px_last_data, data, size);
	px_last = (struct procs_failed){
		.size = sizeof(px_last),
		.cause = cause,
		.code = code,
		.index = UINT64_MAX,
		.function = "",
		.message = px_last_message,
		.message_size = px_min((uint64_t)length, sizeof(px_last_message) - 1),
		.data = size > 0 ? px_last_data : NULL,
		.data_size = size,
		.traceback = "",
	};
}

void px_last_failure_keep(const struct procs_failed *failed)
{
	px_last = *failed;
	px_last.message = px_last_message;
	px_last.message_size = px_min(failed->message_size, sizeof(px_last_message) - 1);
	memcpy(px_last_message, failed->message, px_last.message_size);
	px_last_message[px_last.message_size] = '\0';
	px_last.data_size = px_min(failed->data_size, sizeof(px_last_data));
	px_last.data = px_last.data_size > 0 ? px_last_data : NULL;
	if (px_last.data_size > 0)
		memcpy(px_last_data, failed->data, px_last.data_size);
	/* Thread-local memory is scarce; it was written to options.traceback_fd. */
	px_last.traceback = "";
}

const struct procs_failed *px_last_failure(void)
{
	return px_last.size > 0 ? &px_last : NULL;
}
