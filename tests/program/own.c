#include <stdio.h>
#include <procs/procs.h>
#include <procs/worker.h>

PROCS_DEFINE1(double, half, double, x) { return x / 2; }

int main(int argc, char **argv)
{
        double xs[] = {1, 2, 3}, out[3];

        procs_worker_hook(argc, argv); /* first: in a worker it does not return */
        procs_forkserver_start(NULL);  /* early: while the program is small */
        if (procs_pmap_into(half, 3, out, PROCS_OPTIONS(.start = PROCS_START_FORKSERVER), xs) == 0)
                printf("%g %g %g\n", out[0], out[1], out[2]);
        if (procs_pmap_into(half, 3, out, PROCS_OPTIONS(.start = PROCS_START_SPAWN), xs) == 0)
                printf("%g %g %g\n", out[0], out[1], out[2]);
        return 0;
}
