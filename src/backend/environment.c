/*
 * The environment is an array of the worker's own with the host's strings and ours
 * behind them. Not by setenv: that copies array and strings into malloc's memory,
 * each new page of which costs a process just forked a fault, and it takes a lock
 * that another thread of the host may have held at the fork. Nor is the array made
 * by the host before the fork: that may have changed its environment by then, and
 * what it writes would cost it a fault in turn.
 *
 * So a worker writes two pages: one that each writes anyway, and that of the C
 * library where `environ` lies, which is all that it costs. It reads the host's array
 * as getenv does, with the same danger if another thread of the host is in setenv;
 * its own first setenv copies ours as it would have copied the host's.
 */
#include "backend/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/px.h"

enum {
	PX_CAPS = 6,
	PX_VARIABLES = 256 /* of more, the array comes from malloc */
};

/* Writable, as strings of an environment are. */
PX_WORKER_WRITES static char px_caps[PX_CAPS][28] = {
	"OMP_NUM_THREADS=1",  "OPENBLAS_NUM_THREADS=1",   "MKL_NUM_THREADS=1",
	"BLIS_NUM_THREADS=1", "VECLIB_MAXIMUM_THREADS=1", "NUMEXPR_NUM_THREADS=1",
};

PX_WORKER_WRITES static char *px_variables[PX_VARIABLES];

static bool px_same_name(const char *variable, const char *cap)
{
	while (*variable == *cap && *cap != '=') {
		variable++;
		cap++;
	}
	return *variable == '=' && *cap == '=';
}

void px_environment_cap(void)
{
	char **variables = px_variables;
	bool is_set[PX_CAPS] = { false };
	size_t n = 0, missing = PX_CAPS;

	for (; environ != NULL && environ[n] != NULL; n++)
		for (size_t i = 0; i < PX_CAPS; i++)
			if (!is_set[i] && px_same_name(environ[n], px_caps[i])) {
				is_set[i] = true;
				missing--;
			}
	if (missing == 0)
		return;
	/* After a raw clone of the only thread, or a fork that repairs malloc. */
	if (n + missing >= PX_VARIABLES)
		variables = malloc((n + missing + 1) * sizeof(*variables));
	if (variables == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		variables[i] = environ[i];
	for (size_t i = 0; i < PX_CAPS; i++)
		if (!is_set[i])
			variables[n++] = px_caps[i];
	variables[n] = NULL;
	environ = variables;
}
