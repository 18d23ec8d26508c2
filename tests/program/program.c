#include <errno.h>
#include <stdio.h>
#include <procs/procs.h>

/* A task is an ordinary C function: f(2, 7) still works as a plain call. */
PROCS_DEFINE2(int, f, int, x, int, y) { return 5 * x + 3 * y; }
PROCS_DEFINE1(int, g, int, n)         { return n + 4; }
PROCS_DEFINE1(int, double_odd, int, x)
{
        if (x % 2 == 0)
                return procs_fail(EDOM, "not odd: %d", x);
        return x + x;
}

static int show(struct procs_stream *stream)
{
        struct procs_result result;
        int value, more = stream ? 0 : -errno;

        while (stream && (more = procs_next(stream, &result)) > 0)
                if (procs_value(&result, &value) == 0)
                        printf("%d\n", value);
                else
                        printf("%s\n", procs_text(&result));
        procs_close(stream);
        return more;
}

int main(void)
{
        struct procs_spec specs[] = {
                procs_proc(f, 2, 7),             /* f(2, 7)      */
                procs_proc(f, .x = -3, .y = 8),  /* f(x=-3, y=8) */
                procs_proc(g, 38),
                procs_proc(g, .n = 95),
        };
        int xs[] = {12, 75, -2, 9}, ys[] = {5, -6, 0, 23}, odds[] = {1, 3, 6, 7};

        if (show(procs_call(specs, 4, NULL)) < 0)               /* 31 9 42 99 */
                return 1;
        if (show(procs_pmap(f, 4, NULL, xs, ys)) < 0)           /* 75 357 -10 114 */
                return 1;
        return show(procs_pmap(double_odd, 4, NULL, odds)) < 0; /* 2 6 Failed(EDOM: not odd: 6) 14 */
}
