/*
 * forkserver.c - a small process that makes workers.
 */
#include "backend/forkserver.h"

#include <errno.h>
#include <procs/procs.h>
#include <string.h>

#include "api/api.h"
#include "api/open.h"
#include "backend/registry.h"

static const char px_call[] = "procs_forkserver_start";

int procs_forkserver_start(const struct procs_options *options)
{
	struct px_program program;
	const char *wrong = px_config_program(options, &program);
	const bool named = program.path != NULL || program.modules != NULL;
	char said[PX_REPLY_TEXT];
	int error;

	if (wrong != NULL) {
		px_refuse(EINVAL, "%s: options.%s is not for it, or out of range", px_call, wrong);
		return -EINVAL;
	}
	if (!named && !px_registry_is_open()) {
		px_refuse(EINVAL,
			  "%s: procs_worker_hook comes first, or options.worker or .modules",
			  px_call);
		return -EINVAL;
	}
	error = px_forkserver_start(&program);
	if (error == 0)
		return 0;
	px_forkserver_said(said, sizeof(said));
	px_refuse(-error, "%s: %s", px_call, *said != '\0' ? said : strerrordesc_np(-error));
	return error;
}

int procs_forkserver_stop(void)
{
	px_forkserver_stop();
	return 0;
}
