/* A worker binary. */
#include <procs/worker.h>

int main(int argc, char **argv)
{
	return procs_worker_main(argc, argv);
}
