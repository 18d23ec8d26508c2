#include "backend/pace.h"

#include "base/px.h"

enum {
	PX_PACE_GROWTH = 16,
	PX_PACE_MEMORY = 8, /* targets; what is older counts half */
	PX_PACE_CHUNK_MOST = 1 << 24
};

struct px_pace px_pace_begin(uint64_t target_ns)
{
	return (struct px_pace){ .target_ns = target_ns };
}

uint32_t px_pace_next(struct px_pace *pace)
{
	const uint64_t most = px_min((uint64_t)pace->chunk * PX_PACE_GROWTH, PX_PACE_CHUNK_MOST);
	uint64_t fit = 1;

	/* target / (spent / items), in the order that keeps the digits */
	if (pace->items > 0)
		fit = pace->target_ns * pace->items / px_max(pace->spent_ns, 1);
	pace->chunk = (uint32_t)px_clamp(fit, 1, px_max(most, 1));
	return pace->chunk;
}

void px_pace_add(struct px_pace *pace, uint64_t items, uint64_t spent_ns)
{
	pace->items += items;
	pace->spent_ns += spent_ns;
	while (pace->spent_ns > PX_PACE_MEMORY * pace->target_ns && pace->items > 1) {
		pace->items /= 2;
		pace->spent_ns /= 2;
	}
}

uint64_t px_pace_item(const struct px_pace *pace)
{
	return pace->items > 0 ? px_max(pace->spent_ns / pace->items, 1) : 0;
}
