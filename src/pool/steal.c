/*
 * steal.c - work for a worker that has none, out of what another has not begun.
 */
#include "base/clock.h"
#include "pool/local.h"

#define PX_STEAL_LEAST (40 * PX_MICROSECOND) /* of work: two wake-ups */
#define PX_STEAL_AFTER PX_MILLISECOND        /* on one item */

/* Whether stealing from a range is worth two wake-ups: there is enough of it,
 * or its worker is held up by a long item. */
static bool px_span_is_rich(const struct procs_stream *stream, const struct px_span *span,
			    uint64_t now)
{
	const uint64_t item = px_stream_item_ns(stream);
	const uint64_t left = span->count - span->region.done;

	return item == 0 || left * item >= PX_STEAL_LEAST ||
	       now - px_min(now, px_max(span->posted_ns, span->started_ns)) >= PX_STEAL_AFTER;
}

/* What there is to steal. */
struct px_loot {
	struct px_span *span; /* or NULL */
	uint64_t items;       /* that nobody has begun */
	bool behind;          /* it waits behind another range of its worker */
};

/* Looks at a slot's open ranges: the newest of its list, all but the oldest of
 * them behind another. */
static void px_compare(struct procs_stream *stream, const struct px_desk *desk, uint64_t now,
		       struct px_loot *loot)
{
	uint32_t left_open = desk->open;

	for (struct px_span *span = desk->newest; span != NULL && left_open > 0;
	     span = span->older) {
		const uint64_t left = span->count - span->region.done;
		bool behind;

		if (span->state != PX_SPAN_POSTED)
			continue;
		behind = --left_open > 0;
		if (span->corrupt || left <= !behind || left - !behind <= loot->items)
			continue;
		if (px_span_is_rich(stream, span, now))
			*loot = (struct px_loot){ span, left - !behind, behind };
		else
			stream->next_deadline =
				px_min(stream->next_deadline, px_deadline(now, PX_STEAL_AFTER));
	}
}

/* The span with the most items that nobody has begun. A thief that finds only
 * poor ones looks again soon. */
static struct px_loot px_richest(struct procs_stream *stream, uint64_t now)
{
	struct px_loot loot = { .span = NULL };

	for (uint32_t i = 0; i < stream->n_slots; i++)
		px_compare(stream, &stream->desks[i], now, &loot);
	return loot;
}

struct px_span *px_post_steal(struct procs_stream *stream, uint64_t now)
{
	struct px_window *window = &stream->window;
	const struct px_loot loot = px_richest(stream, now);
	struct px_span *victim = loot.span;
	struct px_chunk stolen;

	if (victim == NULL || px_window_prepare(window, px_stream_spans_needed(stream)) != 0)
		return NULL;
	stolen = px_slot_take_back(px_backend_slot(stream->backend, victim->slot),
				   victim->region.sequence, px_span_held(victim), loot.behind);
	if (px_chunk_empty(stolen))
		return NULL;
	if (stolen.from > 0)
		victim = px_window_split(window, victim, stolen.from);
	else
		px_room_leave(stream, victim); /* all of it: over before it began */
	px_window_mark(window, victim, PX_SPAN_WAITING);
	return victim;
}
