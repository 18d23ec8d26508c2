/* pool/ and what it is told by backend/: options, the window's spans, pace. */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "backend/alarm.h"
#include "backend/fold.h"
#include "backend/context.h"
#include "backend/owner.h"
#include "backend/pace.h"
#include "base/clock.h"
#include "pool/config.h"
#include "pool/window.h"
#include "pxt.h"

static void defaults_are_as_documented(void **state)
{
	struct px_config config;
	const char *why;

	(void)state;
	pxt_equal(px_config_resolve(NULL, &config, &why), 0);
	pxt_check(config.workers >= 1);
	pxt_equal(config.start, PROCS_START_FORK);
	pxt_equal(config.window_items, 1024 * config.workers);
	pxt_check(config.window_grows);
	pxt_equal(config.window_bytes, 16 << 20);
	pxt_equal(config.timeout_ns, 0);
	if (!pxt_is_valgrind())
		pxt_check(config.reserve_bytes == (uint64_t)16 << 30);
	pxt_equal(px_config_resolve(PROCS_OPTIONS(.start = PROCS_START_INLINE, .workers = 9),
				    &config, &why),
		  0);
	pxt_equal(config.workers, 1);
}

static void the_environment_sets_the_reserve(void **state)
{
	const char *const bad[] = { "", "x", "1", "65535", "70000x", "-1", "99999999999999999999" };
	struct px_config config;
	const char *why;

	(void)state;
	setenv("PROCS_RESERVE", "1048576", 1);
	pxt_equal(px_config_resolve(NULL, &config, &why), 0);
	pxt_equal(config.reserve_bytes, 1048576);
	pxt_equal(px_config_resolve(PROCS_OPTIONS(.reserve_bytes = 65536), &config, &why), 0);
	pxt_equal(config.reserve_bytes, 65536);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("PROCS_RESERVE", bad[i], 1);
		pxt_equal(px_config_resolve(NULL, &config, &why), 0);
		pxt_check(config.reserve_bytes >= 64 << 20);
	}
	unsetenv("PROCS_RESERVE");
}

static void on_one(void *unused)
{
	struct px_config config;
	cpu_set_t set;
	const char *why;

	(void)unused;
	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0, kept = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set) && kept++ > 0)
			CPU_CLR(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
	pxt_equal(px_config_resolve(NULL, &config, &why), 0);
	pxt_equal(config.workers, 1);
}

static void workers_are_the_usable_cpus(void **state)
{
	(void)state;
	pxt_isolated(on_one, NULL);
}

static void refused_options_are_named(void **state)
{
	struct px_config config;
	const char *why = NULL;

	(void)state;
	pxt_equal(px_config_resolve(PROCS_OPTIONS(.order = 9), &config, &why), -EINVAL);
	pxt_text(why, "order");
	pxt_equal(px_config_resolve(PROCS_OPTIONS(.timeout_ns = 1), &config, &why), -EINVAL);
	pxt_text(why, "timeout_ns");
}

/* Spans tile the items from the first to the last, whatever is done to them. */
static void check_tiles(const struct px_window *window)
{
	uint64_t next = window->head != NULL ? window->head->first : window->fresh;
	uint64_t items = 0, waiting = 0;

	for (const struct px_span *span = window->head; span != NULL; span = span->next) {
		pxt_equal(span->first, next);
		pxt_check(span->count > 0);
		pxt_check(span->next == NULL || span->next->previous == span);
		next = span->first + span->count;
		items += span->count;
		waiting += span->state == PX_SPAN_WAITING;
	}
	pxt_equal(next, window->fresh);
	pxt_equal(items, window->items);
	pxt_equal(waiting, window->waiting);
}

static struct px_span *any_span(struct px_window *window, uint64_t *seed)
{
	struct px_span *span = window->head;
	uint64_t steps = pxt_random(seed) % 20;

	while (span != NULL && span->next != NULL && steps-- > 0)
		span = span->next;
	return span;
}

static void spans_tile_the_window(void **state)
{
	struct px_store store = { 0 };
	struct px_window window = { .store = &store };
	uint64_t seed = 4;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct px_span *span = any_span(&window, &seed);

		pxt_equal(px_window_prepare(&window, 4), 0);
		switch (pxt_random(&seed) % 5) {
		case 0:
			px_window_append(&window, (uint32_t)(pxt_random(&seed) % 50 + 1));
			break;
		case 1:
			if (span != NULL && span->count > 1)
				px_window_split(
					&window, span,
					(uint32_t)(pxt_random(&seed) % (span->count - 1) + 1));
			break;
		case 2:
			if (span != NULL)
				px_window_mark(&window, span,
					       (enum px_span_state)(pxt_random(&seed) % 4));
			break;
		case 3:
			if (window.head != NULL && window.items > 300)
				px_window_remove(&window, window.head);
			break;
		default:
			if (span != NULL) {
				pxt_check(px_window_find(&window, NULL, span->first) == span);
				pxt_check(px_window_find(&window, span,
							 span->first + span->count - 1) == span);
			}
			break;
		}
		check_tiles(&window);
		span = px_window_waiting(&window);
		pxt_check((span != NULL) == (window.waiting > 0));
		pxt_check(px_window_find(&window, NULL, window.fresh) == NULL);
	}
	px_window_free(&window);
	px_store_free(&store);
}

static void chunks_grow_to_the_time_aimed_at(void **state)
{
	struct px_pace pace = px_pace_begin(1000000);
	uint32_t chunk, last = 1;

	(void)state;
	pxt_equal(px_pace_item(&pace), 0);
	for (int i = 0; i < 10; i++) {
		chunk = px_pace_next(&pace);
		if (i == 0)
			pxt_equal(chunk, 1);
		pxt_check(chunk >= 1 && chunk <= 16 * last);
		last = chunk;
		px_pace_add(&pace, chunk, chunk * UINT64_C(100));
	}
	pxt_equal(last, 10000);
	pxt_equal(px_pace_item(&pace), 100);
	/* Items become long: chunks shrink. */
	for (int i = 0; i < 20; i++) {
		chunk = px_pace_next(&pace);
		px_pace_add(&pace, chunk, chunk * UINT64_C(5000000));
	}
	pxt_equal(px_pace_next(&pace), 1);
	/* A clock that stands still. */
	pace = px_pace_begin(1000000);
	for (int i = 0; i < 20; i++)
		px_pace_add(&pace, px_pace_next(&pace), 0);
	pxt_check(px_pace_next(&pace) > 1);
}

static void an_alarm_leaves_each_item_its_time(void **state)
{
	struct px_alarm alarm;
	uint64_t now = px_now();

	(void)state;
	pxt_equal(px_alarm_slack(8 * PX_MILLISECOND), PX_MILLISECOND);
	pxt_equal(px_alarm_slack(3600 * PX_SECOND), 10 * PX_MILLISECOND);
	px_alarm_open(&alarm, 0, false);
	pxt_check(!alarm.works);
	px_alarm_item(&alarm, now);
	px_alarm_open(&alarm, 60 * PX_SECOND, false);
	pxt_check(alarm.works);
	px_alarm_item(&alarm, now);
	pxt_equal(alarm.expires, now + 60 * PX_SECOND + 10 * PX_MILLISECOND);
	/* Not set again while enough is left. */
	px_alarm_item(&alarm, now + 10 * PX_MILLISECOND);
	pxt_equal(alarm.expires, now + 60 * PX_SECOND + 10 * PX_MILLISECOND);
	px_alarm_item(&alarm, now + 10 * PX_MILLISECOND + 1);
	pxt_equal(alarm.expires, now + 60 * PX_SECOND + 20 * PX_MILLISECOND + 1);
	px_alarm_off(&alarm);
	pxt_equal(alarm.expires, 0);
	timer_delete(alarm.timer);
	px_alarm_open(&alarm, 60 * PX_SECOND, true);
	px_alarm_item(&alarm, now);
	pxt_equal(alarm.expires, now + 60 * PX_SECOND);
	timer_delete(alarm.timer);
}

static void in_child(void *number)
{
	pxt_check(px_owner_self() != *(uint64_t *)number);
	pxt_check(px_owner_self() == px_owner_self());
	pxt_equal(px_owner_depth(), 0);
	px_owner_descend(px_owner_depth());
	pxt_equal(px_owner_depth(), 1);
}

static void a_child_is_another_owner(void **state)
{
	uint64_t number = px_owner_self();

	(void)state;
	pxt_check(number != 0);
	for (int i = 0; i < 3; i++)
		pxt_isolated(in_child, &number);
	pxt_check(px_owner_self() == number);
}

static void blocks_follow_from_the_number_of_items(void **state)
{
	static const uint64_t rule[][3] = {
		/* items, items of a block, blocks */
		{ 1, 1, 1 },
		{ 4095, 1, 4095 },
		{ 4096, 1, 4096 },
		{ 4097, 2, 2049 },
		{ 8192, 2, 4096 },
		{ 8193, 3, 2731 },
		{ UINT64_C(1) << 48, UINT64_C(1) << 36, 4096 },
	};
	const struct procs_function f = { .name = "f" };

	(void)state;
	for (size_t i = 0; i < sizeof(rule) / sizeof(rule[0]); i++) {
		const struct px_fold fold = px_fold_of(&f, &f, rule[i][0]);

		pxt_equal(fold.grain, rule[i][1]);
		pxt_equal(px_fold_blocks(&fold), rule[i][2]);
	}
}

/* Whatever a worker tells of where it was. */
static void blame_stays_in_its_block(void **state)
{
	const struct procs_function f = { .name = "f" }, g = { .name = "g" };
	struct px_fold fold = px_fold_of(&f, &g, 10000); /* blocks of 3, the last of 1 */

	static const struct {
		uint64_t block, step, index;
		const char *name;
	} told[] = {
		{ 0, 0, 0, "f" },
		{ 0, 2 << 1 | 1, 2, "g" },
		{ 0, 3 << 1 | 1, 0, "f" },
		{ 7, 20 << 1 | 1, 21, "f" },
		{ 7, 23 << 1 | 1, 23, "g" },
		{ 7, 24 << 1, 21, "f" },
		{ 7, UINT64_MAX, 21, "f" },
		{ 3333, 9999 << 1 | 1, 9999, "g" },
		{ 3333, 10000 << 1, 9999, "f" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		const struct px_blame blame = px_fold_blame(&fold, told[i].block, told[i].step);

		pxt_equal(blame.index, told[i].index);
		pxt_text(blame.function, told[i].name);
	}
	/* Where the values of all blocks are combined, any item may be to blame. */
	fold.values = (const unsigned char *)"";
	pxt_equal(px_fold_blame(&fold, 0, 9999 << 1 | 1).index, 9999);
	pxt_equal(px_fold_blame(&fold, 0, 10000 << 1 | 1).index, 0);
}

/* Its try is no part of what an item draws. */
static void a_second_try_draws_the_same(void **state)
{
	struct px_context context = { .seed = 9 };
	uint64_t first[3];

	(void)state;
	px_context_begin(&context);
	px_context_item(&context, 100, 7, 1);
	for (int i = 0; i < 3; i++)
		first[i] = px_context_random(&context);
	px_context_item(&context, 100, 7, 2);
	for (int i = 0; i < 3; i++)
		pxt_check(px_context_random(&context) == first[i]);
	px_context_item(&context, 107, 0, 1);
	pxt_check(px_context_random(&context) == first[0]);
	px_context_end(&context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(defaults_are_as_documented),
		pxt_test(the_environment_sets_the_reserve),
		pxt_test(workers_are_the_usable_cpus),
		pxt_test(refused_options_are_named),
		pxt_test(a_second_try_draws_the_same),
		pxt_test(spans_tile_the_window),
		pxt_test(chunks_grow_to_the_time_aimed_at),
		pxt_test(an_alarm_leaves_each_item_its_time),
		pxt_test(a_child_is_another_owner),
		pxt_test(blocks_follow_from_the_number_of_items),
		pxt_test(blame_stays_in_its_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
