#include <stdio.h>
#include <procs/procs.h>

PROCS_REMOTE1(double, root, double, x); /* is in another program */

static void roots(const struct procs_options *options)
{
        double xs[] = {4, 9, -1};
        struct procs_stream *stream = procs_pmap(root, 3, options, xs);
        struct procs_result result;

        if (stream == NULL)
                printf("%s\n", procs_last_failure()->message);
        while (stream != NULL && procs_next(stream, &result) > 0)
                printf("%s\n", procs_text(&result));
        procs_close(stream);
}

int main(int argc, char **argv)
{
        const char *modules[] = {argc > 2 ? argv[2] : "/usr/lib/myprogram/tasks.so", NULL};
        const char *worker = argc > 1 ? argv[1] : "/usr/lib/myprogram/tasks";
        const char *stock = argc > 3 ? argv[3] : NULL; /* procs-worker, where it was installed */

        roots(PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = worker));
        roots(PROCS_OPTIONS(.start = PROCS_START_SPAWN, .worker = stock, .modules = modules));
        return 0;
}
