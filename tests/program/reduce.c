#include <math.h>
#include <stdio.h>
#include <procs/procs.h>

struct range { double least, most, sum; };
PROCS_STRUCT(struct range, double, least, double, most, double, sum);

PROCS_DEFINE1(struct range, range_of, double, x)
{
        if (isnan(x))
                return procs_fail_as(struct range, 1, "no number");
        return (struct range){x, x, x};
}

PROCS_DEFINE2(struct range, both, struct range, a, struct range, b)
{
        return (struct range){a.least < b.least ? a.least : b.least,
                              a.most > b.most ? a.most : b.most, a.sum + b.sum};
}

int main(void)
{
        static double xs[1000000];
        struct range all;

        for (int i = 0; i < 1000000; i++)
                xs[i] = i / 4.0;
        if (procs_reduce(range_of, both, 1000000, &all, NULL, xs) == 0)
                printf("%g to %g, mean %g\n", all.least, all.most, all.sum / 1000000);
        xs[765432] = NAN;
        if (procs_reduce(range_of, both, 1000000, &all, NULL, xs) != 0)
                printf("item %d: %s\n", (int)procs_last_failure()->index,
                       procs_last_failure()->message);
        return 0;
}
