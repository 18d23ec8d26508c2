#include "codec/failed.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/px.h"

static const struct procs_field px_failure_fields[] = {
	{ "cause", { "uint32_t", sizeof(uint32_t), 'u' }, offsetof(struct px_failure, cause), 1 },
	{ "code", { "int32_t", sizeof(int32_t), 'i' }, offsetof(struct px_failure, code), 1 },
	{ "message",
	  { "struct procs_bytes", sizeof(struct procs_bytes), PROCS_CODE_BYTES },
	  offsetof(struct px_failure, message),
	  1 },
	{ "data",
	  { "struct procs_bytes", sizeof(struct procs_bytes), PROCS_CODE_BYTES },
	  offsetof(struct px_failure, data),
	  1 },
	{ "where",
	  { "struct procs_bytes", sizeof(struct procs_bytes), PROCS_CODE_BYTES },
	  offsetof(struct px_failure, where),
	  1 },
	{ "step", { "uint64_t", sizeof(uint64_t), 'U' }, offsetof(struct px_failure, step), 1 },
};

/* A failure travels as the arguments of a task would. */
static const struct procs_function px_failure_type = {
	.size = sizeof(struct procs_function),
	.name = "failure",
	.n_arguments = sizeof(px_failure_fields) / sizeof(px_failure_fields[0]),
	.arguments_size = sizeof(struct px_failure),
	.arguments = px_failure_fields,
};

/* Failures are rare; a plan is made for each, rather than kept by everybody. */
static int px_failure_plan(struct px_plan *plan)
{
	const char *culprit;

	return px_plan_arguments(plan, &px_failure_type, &culprit);
}

int px_failure_encode(struct px_codec *codec, const struct px_failure *failure, uint64_t *size_out)
{
	struct px_plan plan;
	int error = px_failure_plan(&plan);

	return error != 0 ? error : px_image_encode(codec, &plan, failure, size_out);
}

/* The other causes are the parent's to find. */
static bool px_failure_from_worker(const struct px_failure *failure)
{
	switch (failure->cause) {
	case PROCS_CAUSE_ERROR:
	case PROCS_CAUSE_EXIT:
	case PROCS_CAUSE_TOO_BIG:
	case PROCS_CAUSE_ENCODE:
	case PROCS_CAUSE_DECODE:
	case PROCS_CAUSE_UNKNOWN_FUNCTION:
		return true;
	default:
		return false;
	}
}

int px_failure_decode(struct px_codec *codec, const void *image, uint64_t size,
		      struct px_failure *failure_out)
{
	struct px_plan plan;
	int error = px_failure_plan(&plan);

	if (error == 0)
		error = px_image_decode(codec, &plan, image, size);
	if (error != 0)
		return error;
	memcpy(failure_out, codec->object.data, sizeof(*failure_out));
	if (!px_failure_from_worker(failure_out) || failure_out->message.size > PX_MESSAGE_MOST ||
	    failure_out->data.size > PX_DATA_MOST || failure_out->where.size > PX_WHERE_MOST)
		return -EBADMSG;
	return 0;
}
