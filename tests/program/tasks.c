#include <math.h>
#include <procs/worker.h>

PROCS_DEFINE1(double, root, double, x)
{
        if (x < 0)
                return procs_fail(1, "%g has no root", x);
        return sqrt(x);
}

#ifdef AS_MODULE
PROCS_MODULE;
#else
int main(int argc, char **argv) { return procs_worker_main(argc, argv); }
#endif
