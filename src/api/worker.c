/*
 * worker.c - programs that this library executes to be workers or forkservers, and what
 * they say when it did not.
 */
#include <procs/worker.h>

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "backend/attach.h"
#include "backend/forkserver.h"
#include "backend/registry.h"
#include "backend/spawn.h"
#include "base/px.h"
#include "codec/text.h"

enum px_calling {
	PX_CALLING_NONE,
	PX_CALLING_WORKER,
	PX_CALLING_SERVER
};

static enum px_calling px_calling_of(int argc, char *const argv[])
{
	/* Who may do more than its user is no worker of somebody's. */
	if (argc < 2 || argv == NULL || argv[1] == NULL || getauxval(AT_SECURE) != 0)
		return PX_CALLING_NONE;
	return strcmp(argv[1], PX_MARK_WORKER) == 0   ? PX_CALLING_WORKER
	       : strcmp(argv[1], PX_MARK_SERVER) == 0 ? PX_CALLING_SERVER
						      : PX_CALLING_NONE;
}

static void px_write_line(const char *line, size_t size)
{
	(void)!write(STDOUT_FILENO, line, size);
}

static int px_complain(char *const argv[], const char *why)
{
	char line[1024];
	struct px_text text = px_text_into(line, sizeof(line));

	px_text_add(&text, "%s: %s\n", argv != NULL && argv[0] != NULL ? argv[0] : "worker", why);
	(void)!write(STDERR_FILENO, line, strlen(line));
	return PX_REFUSED;
}

int procs_worker_arguments(int argc, char *const argv[])
{
	return px_calling_of(argc, argv) != PX_CALLING_NONE ? 2 : 0;
}

int procs_worker_refuse(int argc, char *const argv[], const char *why)
{
	struct px_reply reply = { .cause = PROCS_CAUSE_SPAWN, .code = ENOEXEC };
	struct px_text text = px_text_into(reply.text, sizeof(reply.text));
	bool told = false;

	px_text_add(&text, "%s", why != NULL ? why : "it does not say why");
	switch (px_calling_of(argc, argv)) {
	case PX_CALLING_WORKER:
		told = px_attach_refuse(&reply);
		break;
	case PX_CALLING_SERVER:
		told = px_server_refuse(&reply);
		break;
	case PX_CALLING_NONE:
		break;
	}
	return told ? PX_REFUSED : px_complain(argv, reply.text);
}

/* Lives as what it was executed for, if that is so; else comes back. */
static int px_worker_begin(int argc, char *const argv[])
{
	static const char nobody[] =
		"programs that use procs execute this one; by hand it does nothing";

	switch (px_calling_of(argc, argv)) {
	case PX_CALLING_WORKER:
		if (!px_attach_is_called())
			return px_complain(argv, nobody);
		px_attach_executed();
	case PX_CALLING_SERVER:
		return px_server_executed() ? 0 : px_complain(argv, nobody);
	case PX_CALLING_NONE:
		break;
	}
	return 0;
}

void procs_worker_enter(int argc, char *const argv[], const struct procs_module *module)
{
	int status;

	if (px_registry_open(&module, 1) != 0)
		status = procs_worker_refuse(argc, argv, "it was built with other headers");
	else
		status = px_worker_begin(argc, argv);
	if (px_calling_of(argc, argv) != PX_CALLING_NONE)
		_exit(status);
}

int procs_worker_run(int argc, char *const argv[], const struct procs_module *const modules[],
		     size_t n)
{
	static const char usage[] = "a worker of procs; --list shows its tasks and hooks";
	char line[512];
	struct px_text why = px_text_into(line, sizeof(line));

	if (modules == NULL || px_registry_open(modules, n) != 0)
		return procs_worker_refuse(argc, argv, "it was built with other headers");
	if (px_registry_check(&why) != 0)
		return procs_worker_refuse(argc, argv, line);
	if (px_calling_of(argc, argv) != PX_CALLING_NONE)
		return px_worker_begin(argc, argv);
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		px_registry_list(px_write_line);
		return 0;
	}
	return px_complain(argv, usage);
}
