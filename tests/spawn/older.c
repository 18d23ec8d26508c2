/* What the headers of another version would have written: as a module, and as a program
 * that is a worker binary. */
#include <procs/worker.h>

PROCS_EXPORT extern const struct procs_module procs_module;
const struct procs_module procs_module = { .size = sizeof(struct procs_module),
					   .version = "0.0.1" };

int main(int argc, char **argv)
{
	return procs_worker_run(argc, argv, (const struct procs_module *const[]){ &procs_module },
				1);
}
