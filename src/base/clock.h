/*
 * clock.h - time as this library knows it: nanoseconds of CLOCK_MONOTONIC.
 *
 * A timeout is a span, a deadline a moment; UINT64_MAX is "never". The clock of
 * the wall is not used anywhere, so setting it changes nothing.
 */
#ifndef PROCS_BASE_CLOCK_H
#define PROCS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define PX_NEVER       UINT64_MAX
#define PX_MICROSECOND UINT64_C(1000)
#define PX_MILLISECOND UINT64_C(1000000)
#define PX_SECOND      UINT64_C(1000000000)

/* The moment. About 25 ns; async-signal-safe. */
uint64_t px_now(void);

/* In a process that will not ask often: without what maps the clock into it,
 * whose first use costs three page faults. */
void px_clock_plainly(void);

/* now + span, PX_NEVER if that overflows. */
uint64_t px_deadline(uint64_t now, uint64_t span);

/* For the kernel; moments beyond what it takes become the latest it takes. */
struct timespec px_timespec(uint64_t nanoseconds);

#endif /* PROCS_BASE_CLOCK_H */
