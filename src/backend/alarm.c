#include "backend/alarm.h"

#include <signal.h>

#include "base/clock.h"
#include "base/px.h"

#define PX_ALARM_SLACK_MOST (10 * PX_MILLISECOND)

uint64_t px_alarm_slack(uint64_t timeout_ns)
{
	return px_min(timeout_ns / 8, PX_ALARM_SLACK_MOST);
}

void px_alarm_open(struct px_alarm *alarm, uint64_t timeout_ns, bool once)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };

	*alarm = (struct px_alarm){ .timeout_ns = timeout_ns,
				    .slack_ns = once ? 0 : px_alarm_slack(timeout_ns) };
	if (timeout_ns > 0)
		alarm->works = timer_create(CLOCK_MONOTONIC, &event, &alarm->timer) == 0;
}

void px_alarm_change(struct px_alarm *alarm, uint64_t timeout_ns, bool once)
{
	if (alarm->works)
		(void)timer_delete(alarm->timer);
	px_alarm_open(alarm, timeout_ns, once);
}

static void px_alarm_set(struct px_alarm *alarm, uint64_t moment)
{
	const struct itimerspec when = { .it_value = px_timespec(moment) };

	if (timer_settime(alarm->timer, TIMER_ABSTIME, &when, NULL) == 0)
		alarm->expires = moment;
	else
		alarm->works = false;
}

void px_alarm_item(struct px_alarm *alarm, uint64_t now)
{
	const uint64_t needed = px_deadline(now, alarm->timeout_ns);

	if (alarm->works && alarm->expires < needed)
		px_alarm_set(alarm, px_deadline(needed, alarm->slack_ns));
}

void px_alarm_off(struct px_alarm *alarm)
{
	if (alarm->works && alarm->expires != 0)
		px_alarm_set(alarm, 0);
}
