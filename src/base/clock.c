#include "base/clock.h"

#include <stdbool.h>

#include "base/px.h"
#include "base/raw.h"

PX_WORKER_WRITES static bool px_plain;

void px_clock_plainly(void)
{
	px_plain = true;
}

uint64_t px_now(void)
{
	struct timespec now = { 0, 0 };

	if (px_plain)
		(void)px_raw(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0);
	else
		clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * PX_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t px_deadline(uint64_t now, uint64_t span)
{
	uint64_t deadline;

	return px_add(now, span, &deadline) ? deadline : PX_NEVER;
}

struct timespec px_timespec(uint64_t nanoseconds)
{
	/* The kernel refuses what its signed 64 bits of ns cannot hold. */
	const uint64_t most = (uint64_t)INT64_MAX - PX_SECOND;
	const uint64_t clipped = px_min(nanoseconds, most);

	return (struct timespec){
		.tv_sec = (time_t)(clipped / PX_SECOND),
		.tv_nsec = (long)(clipped % PX_SECOND),
	};
}
