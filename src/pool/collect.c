/*
 * collect.c - takes news from the slots and moves the spans on. Nothing here
 * waits. What a worker wrote is believed only as far as take.c lets it pass,
 * and the dead are asked once more before their items are given up.
 */
#include <errno.h>
#include <signal.h>

#include "backend/alarm.h"
#include "base/clock.h"
#include "pool/local.h"

enum {
	PX_INIT_TRIES = 3 /* workers whose init hook fails before items do */
};

#define PX_STUCK_LONG (10 * PX_SECOND)      /* longer than 2 GiB of arguments take to decode */
#define PX_BACKSTOP   (50 * PX_MILLISECOND) /* after a worker's own alarm should have rung */

void px_span_fail(struct procs_stream *stream, struct px_span *span, struct px_verdict verdict)
{
	px_room_leave(stream, span);
	px_window_mark(&stream->window, span, PX_SPAN_FAILED);
	span->verdict = verdict;
}

struct px_span *px_span_isolate(struct procs_stream *stream, struct px_span *span, uint64_t index)
{
	if (index > span->first)
		span = px_window_split(&stream->window, span, (uint32_t)(index - span->first));
	if (span->count > 1)
		(void)px_window_split(&stream->window, span, 1);
	return span;
}

/* A span that nobody works on any more, in whole, goes back to be posted. */
static void px_span_wait(struct procs_stream *stream, struct px_span *span)
{
	px_room_leave(stream, span);
	px_window_mark(&stream->window, span, PX_SPAN_WAITING);
}

void px_span_retire(struct procs_stream *stream, struct px_span *span)
{
	if (stream->current == span)
		stream->current = NULL;
	px_room_leave(stream, span);
	px_window_remove(&stream->window, span);
}

/* All of its items are finished; the span is gone if they were taken too, as
 * when a worker dies in the item behind the last one delivered. */
static void px_span_finish(struct procs_stream *stream, struct px_span *span)
{
	struct px_desk *desk = &stream->desks[span->slot];

	stream->open_bytes -= px_span_of_share(stream, span);
	px_window_mark(&stream->window, span, PX_SPAN_FINISHED);
	px_assert(desk->open > 0);
	stream->open--;
	if (--desk->open == 0)
		stream->busy--;
	if (span->taken == span->count)
		px_span_retire(stream, span);
}

/* Adds what is new to the sums. */
static void px_span_account(struct procs_stream *stream, struct px_span *span, uint32_t before,
			    const struct px_news *news)
{
	const struct px_region *region = &span->region;
	const uint64_t row = stream->direct           ? 0
			     : region->value_size > 0 ? region->value_size
						      : sizeof(struct px_frame);
	const uint64_t bytes = news->payload + region->done * row;

	if (bytes > span->bytes) {
		stream->bytes += bytes - span->bytes;
		stream->done_bytes += bytes - span->bytes;
		stream->open_bytes -= px_span_of_share(stream, span);
		span->bytes = bytes;
		stream->open_bytes += px_span_of_share(stream, span);
	}
	stream->largest = px_max(stream->largest, news->largest);
	/* A worker may say what it likes about its time: an hour at a time is believed. */
	if (news->spent_ns > span->spent_ns) {
		stream->spent_ns += px_min(news->spent_ns - span->spent_ns, 3600 * PX_SECOND);
		span->spent_ns = news->spent_ns;
	}
	if (region->done > before) {
		stream->done_items += region->done - before;
		stream->desks[span->slot].useful = true;
		stream->stillborn = stream->init_failed = 0;
	}
}

/* When the item in flight began: by the worker's word, but not before it was
 * handed over nor after it was first seen. */
static void px_span_time(struct px_span *span, bool new_item, uint64_t hint, uint64_t now)
{
	const uint64_t latest = new_item || span->started_ns == 0 ? now : span->started_ns;

	span->started_ns = px_clamp(hint, span->posted_ns, latest);
}

/* Of a block it is the item inside that runs: whether that is another than when
 * it was last seen. */
static bool px_span_steps(const struct procs_stream *stream, struct px_span *span,
			  struct px_news *news)
{
	const uint64_t before = span->step;
	struct px_at at;

	if (stream->input.fold == NULL)
		return false;
	at = px_take_inside(px_backend_slot(stream->backend, span->slot));
	/* An older word than that of the block is not about it. */
	news->started_ns = px_max(news->started_ns, at.started_ns);
	span->step = at.step;
	return at.step != before;
}

/* Whether its worker says that it is done with the range, but not with its
 * items: a stray write has shortened it, and nobody would ever run the rest.
 * Its `passed` was read before the news. */
static bool px_span_is_dropped(const struct procs_stream *stream, const struct px_span *span,
			       const struct px_news *news)
{
	return stream->desks[span->slot].passed > span->region.sequence && !news->handed_back &&
	       span->region.done < span->count;
}

/* Moves one span on. */
static void px_span_look(struct procs_stream *stream, struct px_span *span, uint64_t now)
{
	const uint32_t before = span->region.done;
	struct px_span *rest;
	struct px_news news;
	bool another;

	if (span->corrupt)
		return;
	if (px_take_news(px_backend_slot(stream->backend, span->slot), &span->region, span->count,
			 &news) != 0 ||
	    px_span_is_dropped(stream, span, &news)) {
		span->corrupt = true;
		span->running = true;
		px_backend_kill(stream->backend, span->slot, PROCS_CAUSE_CORRUPT, now);
		return;
	}
	if (news.running || span->running || span->region.done != before)
		stream->desks[span->slot].moved_ns = now;
	if (news.running) {
		another = px_span_steps(stream, span, &news);
		another |= !span->running || span->region.done != before;
		px_span_time(span, another, news.started_ns, now);
	}
	span->running = news.running;
	px_span_account(stream, span, before, &news);
	if (news.handed_back && !news.running && span->region.done < span->count) {
		if (span->region.done == 0) {
			px_span_wait(stream, span);
			return;
		}
		rest = px_window_split(&stream->window, span, span->region.done);
		px_window_mark(&stream->window, rest, PX_SPAN_WAITING);
	}
	if (span->region.done == span->count)
		px_span_finish(stream, span);
}

/* A kernel timer kills with the same signal as anybody else: the clock tells. */
static struct px_verdict px_verdict_of(const struct procs_stream *stream,
				       const struct px_span *span, const struct px_loss *loss,
				       uint64_t now)
{
	const uint64_t timeout = stream->config.timeout_ns;
	struct px_verdict verdict = {
		.cause = loss->cause,
		.code = loss->code,
		.core_dumped = loss->core_dumped,
		.pid = loss->pid,
		.elapsed_ns = now - px_min(now, span->started_ns),
		.step = span->step,
	};

	if (span->corrupt) {
		verdict.cause = PROCS_CAUSE_CORRUPT;
		verdict.code = EBADMSG;
	} else if (loss->cause == PROCS_CAUSE_SIGNAL && loss->code == SIGKILL && timeout > 0 &&
		   verdict.elapsed_ns >= timeout) {
		verdict.cause = PROCS_CAUSE_TIMEOUT;
		verdict.code = ETIMEDOUT;
	}
	return verdict;
}

/*
 * What a lost worker had of a span: its finished items stay, the one in flight
 * is blamed, the others go to somebody else.
 *
 * If it may have been a block, nobody is blamed yet: its items are run again one
 * by one, and the one that does it again is known then. That ends: each loss in
 * an item either makes items that may run in blocks into some that may not, for
 * good, or fails one; so there are at most twice as many as items. They need no
 * count like that of the stillborn.
 */
static void px_span_bury(struct procs_stream *stream, struct px_span *span, uint32_t slot,
			 struct px_loss *loss, uint64_t now)
{
	struct px_window *window = &stream->window;
	const bool running = span->running;
	/* A cancel may have been for any item of what was a block as far as one could tell then. */
	const uint32_t flight = loss->cause == PROCS_CAUSE_CANCELLED ? px_span_block(stream, span)
								     : px_span_flight(stream, span);
	const bool blamed = running && flight == 1;
	struct px_crash *crash = blamed ? px_crash_copy(stream, slot, loss) : NULL;
	struct px_verdict verdict = px_verdict_of(stream, span, loss, now);
	const uint32_t done = span->region.done;
	struct px_span *rest = span;

	if (done > 0) {
		rest = px_window_split(window, span, done);
		px_span_finish(stream, span);
		px_window_mark(window, rest, PX_SPAN_WAITING);
	} else {
		px_span_wait(stream, span);
	}
	if (!running)
		return;
	if (rest->count > flight)
		(void)px_window_split(window, rest, flight);
	verdict.crash = crash;
	if (blamed)
		px_span_fail(stream, rest, verdict);
	else
		rest->singly = true;
}

/* Whether a worker other than that of `slot` has come further than its init hook. */
static bool px_others_fit(const struct procs_stream *stream, uint32_t slot)
{
	for (uint32_t i = 0; i < stream->n_slots; i++)
		if (i != slot && stream->desks[i].staffed &&
		    !px_backend_in_init(stream->backend, i))
			return true;
	return false;
}

/* Whether the items of a worker that its init hook failed are given up with it: when
 * that has come to some workers in a row, and there is no other for them. */
static bool px_slot_unfit(struct procs_stream *stream, uint32_t slot, struct px_loss *loss)
{
	if (loss->unborn || !px_backend_in_init(stream->backend, slot))
		return false;
	loss->cause = PROCS_CAUSE_INIT;
	loss->code = px_backend_init_code(stream->backend, slot);
	return ++stream->init_failed >= PX_INIT_TRIES && !px_others_fit(stream, slot);
}

static void px_slot_bury(struct procs_stream *stream, uint32_t slot, struct px_loss *loss,
			 uint64_t now)
{
	struct px_desk *desk = &stream->desks[slot];
	struct px_span *span = desk->oldest;
	const bool unfit = px_slot_unfit(stream, slot, loss);
	bool blamed = false;

	while (span != NULL) {
		struct px_span *newer = span->newer;

		if (span->state == PX_SPAN_POSTED && unfit) {
			px_span_fail(stream, span, px_verdict_of(stream, span, loss, now));
		} else if (span->state == PX_SPAN_POSTED) {
			blamed |= span->running;
			px_span_bury(stream, span, slot, loss, now);
		}
		span = newer;
	}
	px_refuse_loss(stream, loss);
	if (!blamed && !desk->useful && loss->cause != PROCS_CAUSE_INIT)
		stream->stillborn++;
	desk->staffed = false;
	stream->staffed--;
	px_assert(desk->open == 0);
}

/* Kills a worker whose item is overdue, where its own alarm did not. */
static void px_span_enforce(struct procs_stream *stream, struct px_span *span, uint64_t now)
{
	const uint64_t timeout = stream->config.timeout_ns;
	const struct px_slot slot = px_backend_slot(stream->backend, span->slot);
	uint64_t deadline;

	if (timeout == 0 || span->state != PX_SPAN_POSTED || !span->running)
		return;
	deadline = px_deadline(span->started_ns, timeout);
	if (!(px_take_flags(slot) & PX_WORKER_NO_TIMER))
		deadline = px_deadline(deadline, px_alarm_slack(timeout) + PX_BACKSTOP);
	if (now >= deadline)
		px_backend_kill_for(stream->backend, span->slot, PROCS_CAUSE_TIMEOUT,
				    span->region.sequence, span->region.done, true);
	else
		stream->next_deadline = px_min(stream->next_deadline, deadline);
}

/* Gives up a worker that runs nothing and does not get on, though it has work: a
 * stray write took away what it was told, or it is stopped. Nobody is blamed. */
static void px_slot_enliven(struct procs_stream *stream, uint32_t slot, uint64_t now)
{
	struct px_desk *desk = &stream->desks[slot];
	const struct px_span *span = desk->oldest;

	while (span != NULL && span->state != PX_SPAN_POSTED)
		span = span->newer;
	/* An init hook may take its time, and who has not attached has a time of its own. */
	if (span == NULL || span->running || !px_backend_has_attached(stream->backend, slot) ||
	    (!desk->useful && px_backend_in_init(stream->backend, slot)))
		desk->moved_ns = now;
	else if (now - px_min(now, desk->moved_ns) >= PX_STUCK_LONG)
		px_backend_kill_for(stream->backend, slot, PROCS_CAUSE_CORRUPT,
				    span->region.sequence, span->region.done, false);
}

static void px_slot_collect(struct procs_stream *stream, uint32_t slot, uint64_t now)
{
	struct px_desk *desk = &stream->desks[slot];
	struct px_loss loss;
	/* First whether it lives: what the slot of a lost worker says afterwards is final. */
	const enum px_health health = px_backend_check(stream->backend, slot, now, &loss);
	struct px_span *span = desk->oldest;

	desk->well = health == PX_HEALTH_WELL;
	desk->passed =
		px_take_passed(px_backend_slot(stream->backend, slot), desk->passed, desk->posted);
	while (span != NULL && desk->open > 0) {
		struct px_span *newer = span->newer;

		if (span->state == PX_SPAN_POSTED)
			px_span_look(stream, span, now);
		if (span->state == PX_SPAN_POSTED && health == PX_HEALTH_WELL)
			px_span_enforce(stream, span, now);
		span = newer;
	}
	if (health == PX_HEALTH_WELL)
		px_slot_enliven(stream, slot, now);
	desk->leaves |= px_backend_tired(stream->backend, slot);
	if (health == PX_HEALTH_LOST) {
		/* Its own alarm may have rung after `now`. */
		px_slot_bury(stream, slot, &loss, px_now());
	} else if (desk->open == 0 && desk->leaves) {
		/* That range was all it was for. */
		px_stream_dismiss_one(stream, slot, now);
	}
}

void px_collect(struct procs_stream *stream, uint64_t now)
{
	stream->looked = now;
	stream->next_deadline = PX_NEVER;
	for (uint32_t slot = 0; slot < stream->n_slots; slot++)
		if (stream->desks[slot].staffed)
			px_slot_collect(stream, slot, now);
}

/* Whether the worker may have done all that it was told. */
static bool px_desk_is_dry(const struct procs_stream *stream, uint32_t slot)
{
	const struct px_desk *desk = &stream->desks[slot];

	return desk->staffed && px_take_passed(px_backend_slot(stream->backend, slot), desk->passed,
					       desk->posted) == desk->posted;
}

bool px_collect_head(struct procs_stream *stream, uint64_t now)
{
	struct px_span *head = stream->window.head;

	if (stream->config.order != PROCS_ORDER_INPUT || stream->staffed < stream->config.workers ||
	    head == NULL || head->state != PX_SPAN_POSTED)
		return false;
	for (uint32_t slot = 0; slot < stream->n_slots; slot++)
		if (px_desk_is_dry(stream, slot))
			return false;
	px_span_look(stream, head, now);
	head = stream->window.head;
	return head != NULL && px_span_ready(head);
}
