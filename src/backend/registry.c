#include "backend/registry.h"

#include <errno.h>
#include <string.h>

#include "codec/signature.h"

enum {
	PX_LINE_MOST = 4096 /* bytes of what is listed of one task */
};

/* Written once, before there are threads, and read by anybody. */
static const struct procs_module *px_modules[PX_MODULES_MOST];
static size_t px_n_modules;

int px_registry_open(const struct procs_module *const *modules, size_t n)
{
	if (n > PX_MODULES_MOST)
		return -E2BIG;
	for (size_t i = 0; i < n; i++) {
		if (modules[i] == NULL || modules[i]->size < sizeof(*modules[i]) ||
		    strcmp(modules[i]->version, PROCS_VERSION) != 0)
			return -EPROTO;
		px_modules[i] = modules[i];
	}
	px_n_modules = n;
	return 0;
}

bool px_registry_is_open(void)
{
	return px_n_modules > 0;
}

static const struct procs_function *px_task_after(const struct procs_function *const **at,
						  size_t *module)
{
	for (; *module < px_n_modules; (*module)++, *at = NULL) {
		const struct procs_module *in = px_modules[*module];

		*at = *at == NULL ? in->tasks : *at + 1;
		if (*at != NULL && *at < in->tasks_end)
			return **at;
	}
	return NULL;
}

static const struct procs_hook *px_hook_after(const struct procs_hook *const **at, size_t *module)
{
	for (; *module < px_n_modules; (*module)++, *at = NULL) {
		const struct procs_module *in = px_modules[*module];

		*at = *at == NULL ? in->hooks : *at + 1;
		if (*at != NULL && *at < in->hooks_end)
			return **at;
	}
	return NULL;
}

/* How many tasks have that name, counted up to two, and one of them. */
static unsigned px_registry_count(const char *name, const struct procs_function **found_out)
{
	const struct procs_function *const *at = NULL, *task;
	unsigned count = 0;
	size_t module = 0;

	*found_out = NULL;
	while (count < 2 && (task = px_task_after(&at, &module)) != NULL)
		if (px_function_known(task) && strcmp(task->name, name) == 0) {
			*found_out = task;
			count++;
		}
	return count;
}

int px_registry_check(struct px_text *why)
{
	const struct procs_function *const *at = NULL, *task, *other;
	size_t module = 0;

	while ((task = px_task_after(&at, &module)) != NULL)
		if (px_registry_count(task->name, &other) != 1) {
			px_text_add(why, "two tasks are named %s", task->name);
			return -ENOTUNIQ;
		}
	return 0;
}

const struct procs_function *px_registry_find(const struct px_task_name *wanted,
					      struct px_plans *plans, struct px_text *why)
{
	const struct procs_function *found;
	const struct px_task_plans *made;
	const unsigned count = px_registry_count(wanted->name, &found);

	if (count != 1) {
		px_text_add(why, count == 0 ? "no task is named " : "two tasks are named ");
		px_text_add_bytes(why, wanted->name, strlen(wanted->name));
		return NULL;
	}
	made = px_plans_of(plans, found);
	if (made != NULL && made->error == 0 && px_signature(made) == wanted->signature)
		return found;
	px_text_add(why, "its types differ: for the caller it is ");
	px_text_add_bytes(why, wanted->types, strlen(wanted->types));
	px_text_add(why, " but for the worker ");
	px_signature_text(why, found);
	return NULL;
}

int px_registry_has(const struct procs_function *function)
{
	const struct procs_function *found;
	const unsigned count = px_registry_count(function->name, &found);

	if (count > 1)
		return -ENOTUNIQ;
	return count == 1 && found == function ? 0 : -ENOENT;
}

int px_registry_name(const struct px_task_plans *plans, struct px_task_name *name_out)
{
	struct px_text types = px_text_into(name_out->types, sizeof(name_out->types));
	const size_t length = strlen(plans->function->name);

	if (length >= sizeof(name_out->name))
		return -ENAMETOOLONG;
	memcpy(name_out->name, plans->function->name, length + 1);
	name_out->signature = px_signature(plans);
	px_signature_text(&types, plans->function);
	return 0;
}

const struct procs_hook *px_registry_hook(const char *name)
{
	const struct procs_hook *const *at = NULL, *hook;
	size_t module = 0;

	while ((hook = px_hook_after(&at, &module)) != NULL)
		if (strcmp(hook->name, name) == 0)
			return hook;
	return NULL;
}

const char *px_registry_init_name(procs_init *init)
{
	const struct procs_hook *const *at = NULL, *hook;
	size_t module = 0;

	while ((hook = px_hook_after(&at, &module)) != NULL)
		if (hook->init == init)
			return hook->name;
	return NULL;
}

const char *px_registry_teardown_name(procs_teardown *teardown)
{
	const struct procs_hook *const *at = NULL, *hook;
	size_t module = 0;

	while ((hook = px_hook_after(&at, &module)) != NULL)
		if (hook->teardown == teardown)
			return hook->name;
	return NULL;
}

void px_registry_list(void (*write)(const char *line, size_t size))
{
	const struct procs_function *const *task_at = NULL, *task;
	const struct procs_hook *const *hook_at = NULL, *hook;
	char line[PX_LINE_MOST];
	struct px_text text;
	size_t module = 0;

	while ((task = px_task_after(&task_at, &module)) != NULL) {
		text = px_text_into(line, sizeof(line) - 1);
		px_signature_text(&text, task);
		text.length = strlen(line);
		line[text.length] = '\n';
		write(line, text.length + 1);
	}
	for (module = 0; (hook = px_hook_after(&hook_at, &module)) != NULL;) {
		text = px_text_into(line, sizeof(line));
		px_text_add(&text, "%s hook %s\n", hook->init != NULL ? "init" : "teardown",
			    hook->name);
		write(line, strlen(line));
	}
}
