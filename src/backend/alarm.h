/*
 * alarm.h - a worker's own timeout: a kernel timer whose signal is SIGKILL.
 *
 * It needs no watcher, works with every signal blocked and while the worker is
 * stopped. It is armed for a little longer than the timeout and armed again
 * only when less than the timeout is left, so an item is never killed early,
 * and late by at most an eighth or 10 ms, for 26 ns an item.
 */
#ifndef PROCS_BACKEND_ALARM_H
#define PROCS_BACKEND_ALARM_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct px_alarm {
	timer_t timer;
	bool works;
	uint64_t timeout_ns; /* 0: no alarm */
	uint64_t slack_ns;
	uint64_t expires; /* when it kills; 0: disarmed */
};

/* How much later than the timeout an alarm may come. */
uint64_t px_alarm_slack(uint64_t timeout_ns);

/* In the worker, after its birth: timers are not inherited. Where the kernel
 * refuses (RLIMIT_SIGPENDING), `works` is false and the parent's deadline is
 * the only one. @once: a single item runs, so there is nothing to save. */
void px_alarm_open(struct px_alarm *alarm, uint64_t timeout_ns, bool once);

/* Another timeout from now on. Only between items. */
void px_alarm_change(struct px_alarm *alarm, uint64_t timeout_ns, bool once);

/* An item starts now: at least timeout_ns are left from here. */
void px_alarm_item(struct px_alarm *alarm, uint64_t now);

/* Nothing runs: no alarm. */
void px_alarm_off(struct px_alarm *alarm);

#endif /* PROCS_BACKEND_ALARM_H */
