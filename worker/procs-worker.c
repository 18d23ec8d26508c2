/*
 * procs-worker.c - the stock worker: its tasks are those of shared objects that it loads.
 * Programs execute it by options.modules; by hand it lists what objects offer.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <procs/worker.h>

enum {
	MODULES_MOST = 64
};

static char why[512];

/* NULL and why. */
static const struct procs_module *load(const char *path)
{
	const struct procs_module *module;
	void *object;

	if (path[0] != '/') {
		snprintf(why, sizeof(why), "%s is no absolute path", path);
		return NULL;
	}
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (object == NULL) {
		snprintf(why, sizeof(why), "%s", dlerror());
		return NULL;
	}
	module = dlsym(object, PROCS_MODULE_SYMBOL);
	if (module == NULL)
		snprintf(why, sizeof(why), "%s has no registry: no PROCS_MODULE; in it", path);
	else if (module->size < sizeof(*module) || strcmp(module->version, PROCS_VERSION) != 0)
		snprintf(why, sizeof(why), "%s was built with other headers, not those of %s", path,
			 PROCS_VERSION);
	else
		return module;
	return NULL;
}

static int load_all(char **paths, int n, const struct procs_module **modules)
{
	if (n > MODULES_MOST) {
		snprintf(why, sizeof(why), "more than %d modules", MODULES_MOST);
		return 0;
	}
	for (int i = 0; i < n; i++)
		if ((modules[i] = load(paths[i])) == NULL)
			return 0;
	return 1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: procs-worker --list MODULE...\n"
		"The stock worker of procs. Programs execute it, with options.modules; by hand\n"
		"it lists the tasks and hooks of shared objects.\n");
	return 2;
}

int main(int argc, char **argv)
{
	static char self[] = "procs-worker", list[] = "--list";
	const struct procs_module *modules[MODULES_MOST];
	const int first = procs_worker_arguments(argc, argv);

	if (first > 0) {
		if (!load_all(argv + first, argc - first, modules))
			return procs_worker_refuse(argc, argv, why);
		return procs_worker_run(argc, argv, modules, (size_t)(argc - first));
	}
	if (argc < 3 || strcmp(argv[1], list) != 0)
		return usage();
	/* By hand, paths are those of the working directory. */
	for (int i = 2; i < argc; i++) {
		char *path = realpath(argv[i], NULL);

		argv[i] = path != NULL ? path : argv[i];
	}
	if (!load_all(argv + 2, argc - 2, modules)) {
		fprintf(stderr, "procs-worker: %s\n", why);
		return 2;
	}
	return procs_worker_run(2, (char *[]){ self, list, NULL }, modules, (size_t)(argc - 2));
}
