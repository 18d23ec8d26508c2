#include "backend/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/px.h"
#include "base/valgrind.h"

#ifndef PX_WORKER_PATH
# error "meson says where procs-worker is installed"
#endif

#define PX_SELF "/proc/self/exe"

enum {
	PX_FIRST = 3,
	PX_FDS_MOST = 8,
	PX_ARGUMENTS_MOST = 64 + 3
};

/* Variables by which a dynamic linker or C library takes code or files from elsewhere: what
 * glibc itself ignores in programs with more rights than their user, and its tracing. */
static const char *const px_unwanted[] = {
	"LD_",
	"GCONV_PATH=",
	"GETCONF_DIR=",
	"GLIBC_TUNABLES=",
	"HOSTALIASES=",
	"LOCALDOMAIN=",
	"LOCPATH=",
	"MALLOC_",
	"NIS_PATH=",
	"NLSPATH=",
	"PCPROFILE_OUTPUT=",
	"SEGFAULT_",
	"RESOLV_HOST_CONF=",
	"RES_OPTIONS=",
};

static bool px_is_wanted(const char *variable)
{
	for (size_t i = 0; i < sizeof(px_unwanted) / sizeof(px_unwanted[0]); i++)
		if (strncmp(variable, px_unwanted[i], strlen(px_unwanted[i])) == 0)
			return false;
	return true;
}

/* The host's strings, borrowed, in an array to be freed. No lock of ours keeps another thread
 * from setenv() meanwhile, and the C library's own is not to be had: see PROCS_START_SPAWN. */
static char **px_environment(void)
{
	static char unattached[] = PX_UNATTACHED "=1";
	char *const *const from = environ;
	size_t n = 0, kept = 0;
	char **variables;

	while (from != NULL && from[n] != NULL)
		n++;
	variables = malloc((n + 2) * sizeof(*variables));
	if (variables == NULL)
		return NULL;
	for (size_t i = 0; i < n && from[i] != NULL; i++)
		if (px_is_wanted(from[i]))
			variables[kept++] = from[i];
	variables[kept++] = unattached;
	variables[kept] = NULL;
	return variables;
}

void px_spawn_attached(void)
{
	char **to = environ;

	for (char **from = environ; from != NULL && *from != NULL; from++)
		if (strncmp(*from, PX_UNATTACHED "=", sizeof(PX_UNATTACHED)) != 0)
			*to++ = *from;
	if (to != NULL)
		*to = NULL;
}

static const char *px_own_path(void)
{
	static char path[4096];
	const int saved = errno;
	const ssize_t size = readlink(PX_SELF, path, sizeof(path) - 1);

	errno = saved;
	return size > 0 ? path : PX_SELF;
}

const char *px_program_path(const struct px_program *program)
{
	if (program->path != NULL)
		return program->path;
	if (program->modules != NULL)
		return PX_WORKER_PATH;
	/* That which runs, also when its file was replaced meanwhile; but valgrind runs as itself
	 * then, and says by the link alone what it runs. */
	return px_is_valgrind() ? px_own_path() : PX_SELF;
}

static int px_arguments(const struct px_program *program, const char *mark, const char **arguments)
{
	size_t n = 0;

	arguments[n++] = program->path == NULL && program->modules == NULL
				 ? program_invocation_name
				 : px_program_path(program);
	arguments[n++] = mark;
	for (size_t i = 0; program->modules != NULL && program->modules[i] != NULL; i++) {
		if (n == PX_ARGUMENTS_MOST - 1)
			return E2BIG;
		arguments[n++] = program->modules[i];
	}
	arguments[n] = NULL;
	return 0;
}

static bool px_is_among(int fd, const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] == fd)
			return true;
	return false;
}

/* All in the child, whose other descriptors are closed anyway: a host that has none left can
 * spawn, too. What has one of the numbers that are to be given goes out of the way first. */
static int px_actions(posix_spawn_file_actions_t *actions, const int *fds, size_t n)
{
	const int end = PX_FIRST + (int)n;
	int from[PX_FDS_MOST], free_one = end, error = 0;

	for (size_t i = 0; i < n && error == 0; i++) {
		from[i] = fds[i];
		if (fds[i] < 0 || fds[i] >= end)
			continue;
		while (px_is_among(free_one, fds, n))
			free_one++;
		from[i] = free_one++;
		error = posix_spawn_file_actions_adddup2(actions, fds[i], from[i]);
	}
	for (size_t i = 0; i < n && error == 0; i++) {
		const int number = PX_FIRST + (int)i;

		error = from[i] >= 0 ? posix_spawn_file_actions_adddup2(actions, from[i], number)
				     : posix_spawn_file_actions_addclose(actions, number);
	}
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(actions, end);
	/* Of a number that is beyond the host's limit. */
	return error == EBADF ? EMFILE : error;
}

/* As a new program has them; but a host that ignores ctrl-C does not want to lose its
 * workers by it. */
static int px_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGINT);
	error = posix_spawnattr_setsigmask(attributes, &none);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	if (error == 0)
		error = posix_spawnattr_setflags(attributes,
						 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return error;
}

/* With all that has to be given back at hand: a positive errno. */
static int px_spawn_with(const struct px_program *program, const char *mark, const int *fds,
			 size_t n, char **environment, pid_t *pid_out)
{
	const char *arguments[PX_ARGUMENTS_MOST];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = px_arguments(program, mark, arguments);

	if (error == 0)
		error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0) {
		error = px_attributes(&attributes);
		if (error == 0)
			error = px_actions(&actions, fds, n);
		if (error == 0)
			error = posix_spawn(pid_out, px_program_path(program), &actions,
					    &attributes, (char *const *)(uintptr_t)arguments,
					    environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

int px_spawn(const struct px_program *program, const char *mark, const int *fds, size_t n,
	     pid_t *pid_out)
{
	const int saved = errno;
	char **environment = px_environment();
	int error = ENOMEM;

	px_assert(n <= PX_FDS_MOST);
	if (environment != NULL)
		error = px_spawn_with(program, mark, fds, n, environment, pid_out);
	free(environment);
	errno = saved;
	return -error;
}

bool px_spawn_is_final(int error)
{
	return error != -EAGAIN && error != -ENOMEM && error != -EMFILE && error != -ENFILE;
}
