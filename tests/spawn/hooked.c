/* A program that is its own worker. */
#include <stdio.h>

#include <procs/worker.h>

int main(int argc, char **argv)
{
	procs_worker_hook(argc, argv);
	puts("in main");
	return 7;
}
