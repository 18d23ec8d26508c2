#include "shm/report.h"

#include <string.h>

#include "base/px.h"

enum {
	PX_SIGNAL_MOST = 64
};

void px_report_clear(struct px_report *report)
{
	/* relaxed: the worker is not born yet */
	atomic_store_explicit(&report->written, 0, memory_order_relaxed);
}

bool px_report_take(const struct px_report *report, struct px_crash *crash_out)
{
	/* acquire, both: pair with the releases in backend/crash.c */
	const uint32_t written = atomic_load_explicit(&report->written, memory_order_acquire);
	const uint32_t n = atomic_load_explicit(&report->n_frames, memory_order_acquire);
	struct px_crash crash = {
		.signal = report->signal,
		.code = report->code,
		.overflow = report->overflow == 1,
		.address = report->address,
		.n_frames = (uint32_t)px_min(n, PX_REPORT_FRAMES),
	};

	/* Fields as copied, so that nothing changes between check and use. */
	if (written != 1 || crash.signal < 1 || crash.signal > PX_SIGNAL_MOST)
		return false;
	memcpy(crash.frame, report->frame, crash.n_frames * sizeof(crash.frame[0]));
	*crash_out = crash;
	return true;
}
