#include "backend/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void px_program_free(struct px_program *program)
{
	char **modules = (char **)(uintptr_t)program->modules;

	for (size_t i = 0; modules != NULL && modules[i] != NULL; i++)
		free(modules[i]);
	free(modules);
	free((char *)(uintptr_t)program->path);
	*program = (struct px_program){ .path = NULL };
}

int px_program_copy(struct px_program *to, const struct px_program *from)
{
	size_t n = 0;
	char **modules;

	*to = (struct px_program){ .path = NULL };
	if (from->path != NULL && (to->path = strdup(from->path)) == NULL)
		return -ENOMEM;
	if (from->modules == NULL)
		return 0;
	while (from->modules[n] != NULL)
		n++;
	modules = calloc(n + 1, sizeof(*modules));
	to->modules = (const char *const *)(uintptr_t)modules;
	for (size_t i = 0; i < n && modules != NULL; i++)
		if ((modules[i] = strdup(from->modules[i])) == NULL) {
			px_program_free(to);
			return -ENOMEM;
		}
	return modules != NULL ? 0 : -ENOMEM;
}

static bool px_text_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool px_program_same(const struct px_program *a, const struct px_program *b)
{
	size_t i = 0;

	if (!px_text_same(a->path, b->path) || (a->modules == NULL) != (b->modules == NULL))
		return false;
	while (a->modules != NULL && a->modules[i] != NULL &&
	       px_text_same(a->modules[i], b->modules[i]))
		i++;
	return a->modules == NULL || px_text_same(a->modules[i], b->modules[i]);
}
