/* Tasks that another file defines. */
#ifndef TESTS_PROCESS_ELSEWHERE_H
#define TESTS_PROCESS_ELSEWHERE_H

#include <procs/procs.h>

PROCS_DECLARE2(long, far_product, long, a, short, b);
PROCS_DECLARE0(const char *, far_name);
PROCS_TASK_DECLARE(far_fill);
PROCS_DECLARE1(float, far_third, short, x);
PROCS_DECLARE2(int, far_difference, int, a, int, b);

#endif
