/*
 * A program of the README as it stands there, as one that is its own worker: PROGRAM is
 * its file.
 */
int program_main(void);

#define main program_main
#include PROGRAM
#undef main

#include <procs/worker.h>

int main(int argc, char *argv[])
{
	procs_worker_hook(argc, argv);
	return program_main();
}
