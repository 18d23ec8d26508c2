/*
 * names.c - tasks by name, for workers that are other programs: each call says whose
 * arguments it has, and a map says so with its order.
 */
#include <errno.h>

#include "backend/forkserver.h"
#include "backend/registry.h"
#include "pool/local.h"

struct px_names {
	const struct procs_function *function; /* whose name that is; of calls, the last one's */
	struct px_task_name name;
	struct px_task_name combine; /* of a reduction */
};

/* Whether the workers are copies of this program: then its registry is theirs. */
static bool px_names_are_ours(const struct procs_stream *stream)
{
	const struct px_config *config = &stream->config;

	return config->start == PROCS_START_SPAWN
		       ? config->program.path == NULL && config->program.modules == NULL
		       : px_forkserver_is_ours();
}

static int px_names_write(struct procs_stream *stream, const struct procs_function *function,
			  struct px_task_name *name_out)
{
	const struct px_task_plans *plans = px_plans_of(&stream->plans, function);
	int error = 0;

	if (plans == NULL)
		return -ENOMEM;
	/* Other numbers than those of a task whose types cannot travel. */
	if (px_names_are_ours(stream))
		error = px_registry_has(function);
	if (error == -ENOENT)
		return -ENXIO;
	if (error == -ENOTUNIQ)
		return -EEXIST;
	return error != 0 ? error : px_registry_name(plans, name_out);
}

int px_names_open(struct procs_stream *stream, const char **culprit)
{
	const struct px_fold *fold = stream->input.fold;
	const struct procs_function *function = fold != NULL ? fold->map : stream->input.function;
	int error = 0;

	stream->names = px_store_take(&stream->store, sizeof(*stream->names));
	if (stream->names == NULL)
		return -ENOMEM;
	if (stream->input.kind != PX_INPUT_MAP)
		return 0;
	*culprit = function->name;
	error = px_names_write(stream, function, &stream->names->name);
	stream->names->function = function;
	if (error == 0 && fold != NULL) {
		*culprit = fold->combine->name;
		error = px_names_write(stream, fold->combine, &stream->names->combine);
	}
	return error;
}

void px_names_tell(struct procs_stream *stream)
{
	const struct px_names *names = stream->names;

	px_backend_name(stream->backend, px_stream_maps(stream) ? &names->name : NULL,
			stream->input.fold != NULL ? &names->combine : NULL);
}

const struct px_task_name *px_names_of(struct procs_stream *stream,
				       const struct procs_function *function, int *error_out)
{
	struct px_names *names = stream->names;

	*error_out = 0;
	if (names->function != function) {
		names->function = NULL;
		*error_out = px_names_write(stream, function, &names->name);
		if (*error_out == 0)
			names->function = function;
	}
	return *error_out == 0 ? &names->name : NULL;
}
