/* Makes a shared object of tasks a module. */
#include <procs/worker.h>

PROCS_MODULE;
