/*
 * Random numbers inside tasks: they follow from the seed and the item, and from
 * nothing that differs between two runs.
 */
#include <math.h>
#include <pthread.h>
#include <signal.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum {
	ITEMS = 150,
	FIRST = 4 /* numbers of an item that are looked at */
};

struct draws {
	uint64_t index;
	uint64_t number[FIRST];
};

PROCS_STRUCT(struct draws, uint64_t, index, uint64_t, number);

static struct draws draw_some(int many)
{
	struct draws draws = { .index = procs_index() };

	for (int i = 0; i < many; i++)
		draws.number[i] = procs_random();
	return draws;
}

/* As many as the item says, odd and even: what one leaves is not the next one's. */
static PROCS_DEFINE1(struct draws, draw, int, many)
{
	if (many < 0)
		raise(SIGKILL);
	return draw_some(many);
}

static int draw_raw(struct procs_task *task)
{
	const struct draws draws = draw_some(*(const int *)procs_argument(task, 0, NULL));

	memcpy(procs_reserve(task, sizeof(draws)), &draws, sizeof(draws));
	return procs_commit(task, sizeof(draws));
}

static PROCS_TASK(draw_raw, draw_raw);

/* Empty for an item that failed. */
static void take_all(struct procs_stream *stream, struct draws *draws)
{
	struct procs_result result;

	memset(draws, 0, ITEMS * sizeof(*draws));
	for (int i = 0; i < ITEMS; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		if (result.failed != NULL)
			continue;
		pxt_equal(result.bytes, sizeof(*draws));
		memcpy(&draws[result.index], result.data, sizeof(*draws));
		pxt_equal(draws[result.index].index, result.index);
	}
	pxt_equal(procs_next(stream, &result), 0);
	procs_close(stream);
}

static void map_draws(const int *many, const struct procs_options *options, struct draws *draws)
{
	take_all(procs_pmap(draw, ITEMS, options, many), draws);
}

static void fill(int *many)
{
	for (int i = 0; i < ITEMS; i++)
		many[i] = 1 + i * 7 % FIRST;
}

static void the_first_numbers_are_the_published_ones(void **state)
{
	struct draws draws[ITEMS];
	int many[ITEMS];

	(void)state;
	fill(many);
	many[0] = 2;
	map_draws(many, NULL, draws);
	/* Key, counter and index are 0. */
	pxt_check(draws[0].number[0] == UINT64_C(0xe169c58d6627e8d5));
	pxt_check(draws[0].number[1] == UINT64_C(0x9b00dbd8bc57ac4c));
}

static void numbers_are_the_same_however_items_run(void **state)
{
	static const uint32_t workers[] = { 1, 2, 5 };
	static const uint64_t windows[] = { 0, 1, 7, 64 };
	struct draws reference[ITEMS], draws[ITEMS];
	struct procs_spec specs[ITEMS];
	int many[ITEMS];

	(void)state;
	fill(many);
	for (int i = 0; i < ITEMS; i++)
		specs[i] = procs_proc(draw, many[i]);
	map_draws(many, PROCS_OPTIONS(.start = PROCS_START_INLINE, .seed = 5), reference);
	for (size_t w = 0; w < 3; w++) {
		for (size_t i = 0; i < 4; i++) {
			struct procs_options options = {
				.size = sizeof(options),
				.workers = workers[w],
				.window_items = windows[i],
				.seed = 5,
			};

			map_draws(many, &options, draws);
			pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
			options.encoding = PROCS_ENCODING_TPL;
			map_draws(many, &options, draws);
			pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
			options.order = PROCS_ORDER_COMPLETED;
			map_draws(many, &options, draws);
			pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
			take_all(procs_pmap_sequences(
					 procs_function_of(draw_raw), ITEMS, &options,
					 &(struct procs_sequence){ .base = many,
								   .element_size = sizeof(int) },
					 1),
				 draws);
			pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
		}
		take_all(procs_call(specs, ITEMS, PROCS_OPTIONS(.workers = workers[w], .seed = 5)),
			 draws);
		pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
	}
	take_all(procs_call(specs, ITEMS, PROCS_OPTIONS(.start = PROCS_START_INLINE, .seed = 5)),
		 draws);
	pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
}

/* What ran with it and what came after it, elsewhere, is as it would have been. */
static void a_death_changes_no_number_of_others(void **state)
{
	struct draws reference[ITEMS], draws[ITEMS];
	int many[ITEMS];

	(void)state;
	fill(many);
	map_draws(many, NULL, reference);
	for (int i = 10; i < ITEMS; i += 40) {
		many[i] = -1;
		memset(&reference[i], 0, sizeof(reference[i]));
	}
	map_draws(many, PROCS_OPTIONS(.workers = 2, .traceback_fd = -1), draws);
	pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* All numbers of all items under some seeds, whose bits are spread thinly. */
static void seeds_and_items_have_streams_of_their_own(void **state)
{
	static const uint64_t seeds[] = { 0, 1, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX };
	static uint64_t all[5 * ITEMS * FIRST];
	struct draws draws[ITEMS];
	int many[ITEMS];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < ITEMS; i++)
		many[i] = FIRST;
	for (size_t s = 0; s < 5; s++) {
		map_draws(many, PROCS_OPTIONS(.workers = 2, .seed = seeds[s]), draws);
		for (int i = 0; i < ITEMS; i++)
			for (int k = 0; k < FIRST; k++)
				all[n++] = draws[i].number[k];
	}
	qsort(all, n, sizeof(all[0]), by_number);
	for (size_t i = 1; i < n; i++)
		pxt_check(all[i] != all[i - 1]);
}

/* A program of before there were seeds. */
static void a_shorter_struct_of_options_has_seed_zero(void **state)
{
	struct procs_options older = { .size = offsetof(struct procs_options, seed), .seed = 5 };
	struct draws draws[ITEMS], reference[ITEMS];
	int many[ITEMS];

	(void)state;
	fill(many);
	map_draws(many, NULL, reference);
	map_draws(many, &older, draws);
	pxt_check(memcmp(draws, reference, sizeof(draws)) == 0);
}

enum {
	CELLS = 16,
	SAMPLES = 4096
};

struct tally {
	uint32_t high[CELLS], low[CELLS]; /* how often each value of four bits came */
	double sum, squares, least, most; /* of the fractions */
};

PROCS_STRUCT(struct tally, uint32_t, high, uint32_t, low, double, sum, double, squares, double,
	     least, double, most);

static PROCS_DEFINE0(struct tally, count_up)
{
	struct tally tally = { .least = 2 };

	for (int i = 0; i < SAMPLES; i++) {
		const uint64_t number = procs_random();
		const double fraction = procs_random_double();

		tally.high[number >> 60]++;
		tally.low[number & 15]++;
		tally.sum += fraction;
		tally.squares += fraction * fraction;
		tally.least = fmin(tally.least, fraction);
		tally.most = fmax(tally.most, fraction);
	}
	return tally;
}

static double chi_square(const uint32_t *cells, double expected)
{
	double sum = 0;

	for (int i = 0; i < CELLS; i++)
		sum += (cells[i] - expected) * (cells[i] - expected) / expected;
	return sum;
}

/* Coarse, and with one seed: it passes always or never. */
static void numbers_are_spread_evenly(void **state)
{
	enum {
		N = 64
	};
	struct procs_stream *stream = procs_pmap(count_up, N, NULL);
	struct tally all = { .least = 2 }, tally;
	struct procs_result result;
	double mean;

	(void)state;
	for (int i = 0; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		memcpy(&tally, result.data, sizeof(tally));
		for (int k = 0; k < CELLS; k++) {
			all.high[k] += tally.high[k];
			all.low[k] += tally.low[k];
		}
		all.sum += tally.sum;
		all.squares += tally.squares;
		all.least = fmin(all.least, tally.least);
		all.most = fmax(all.most, tally.most);
	}
	procs_close(stream);
	/* Of 15 degrees of freedom, a hundredth is beyond 30.6, and another below 5.2. */
	pxt_check(chi_square(all.high, N * SAMPLES / CELLS) < 30.6);
	pxt_check(chi_square(all.low, N * SAMPLES / CELLS) < 30.6);
	pxt_check(chi_square(all.high, N * SAMPLES / CELLS) > 5.2);
	mean = all.sum / (N * SAMPLES);
	/* Three deviations of a mean of so many. */
	pxt_check(fabs(mean - 0.5) < 3 * sqrt(1.0 / 12 / (N * SAMPLES)));
	pxt_check(fabs(all.squares / (N * SAMPLES) - mean * mean - 1.0 / 12) < 0.001);
	pxt_check(all.least >= 0 && all.least < 0.0001);
	pxt_check(all.most < 1 && all.most > 0.9999);
}

static PROCS_DEFINE1(double, both_forms, uint64_t, number)
{
	return number == procs_random() ? procs_random_double() : -1;
}

/* The fraction is the number that came next, and takes one number as that does. */
static void a_fraction_is_a_number(void **state)
{
	const uint64_t first = UINT64_C(0xe169c58d6627e8d5), second = UINT64_C(0x9b00dbd8bc57ac4c);
	struct procs_stream *stream = procs_pmap(both_forms, 1, NULL, &first);
	struct procs_result result;
	double value;

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_check(value == (double)(second >> 11) / 9007199254740992.0);
	procs_close(stream);
}

static void *in_a_thread(void *argument)
{
	uint64_t *number = argument;

	number[0] = procs_random();
	number[1] = procs_random();
	return NULL;
}

static void draw_in_a_thread(uint64_t *number)
{
	pthread_t thread;

	pxt_equal(pthread_create(&thread, NULL, in_a_thread, number), 0);
	pxt_equal(pthread_join(thread, NULL), 0);
}

static PROCS_DEFINE0(struct draws, draw_beside)
{
	struct draws draws = { .index = 0 };

	draw_in_a_thread(&draws.number[0]);
	draws.number[2] = procs_random();
	draws.number[3] = procs_random();
	return draws;
}

static void outside_any_item_each_thread_has_the_same_stream(void **state)
{
	uint64_t one[2], other[2];
	struct draws draws;
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	draw_in_a_thread(one);
	draw_in_a_thread(other);
	pxt_check(memcmp(one, other, sizeof(one)) == 0);
	pxt_check(one[0] != one[1]);
	for (int form = 0; form < 2; form++) {
		const uint32_t start = form == 0 ? PROCS_START_DEFAULT : PROCS_START_INLINE;
		stream = procs_pmap(draw_beside, 1, PROCS_OPTIONS(.start = start, .seed = 3));
		pxt_equal(procs_next(stream, &result), 1);
		memcpy(&draws, result.data, sizeof(draws));
		pxt_check(memcmp(one, &draws.number[0], sizeof(one)) == 0);
		pxt_check(memcmp(one, &draws.number[2], sizeof(one)) != 0);
		procs_close(stream);
	}
	/* And an item that ran inline has taken none of the thread's. */
	pxt_check(draw_some(1).number[0] == one[0]);
}

static PROCS_DEFINE0(struct draws, draw_around)
{
	struct draws draws = { .number = { procs_random() } };
	struct procs_stream *stream = procs_pmap(
		count_up, 2, PROCS_OPTIONS(.start = PROCS_START_INLINE, .seed = procs_random()));
	struct procs_result result;

	while (procs_next(stream, &result) > 0)
		;
	procs_close(stream);
	draws.number[2] = procs_random();
	return draws;
}

/* An item inside an item leaves the outer one's stream where it was. */
static void streams_nest(void **state)
{
	struct procs_stream *stream = procs_pmap(draw_around, 1, NULL);
	struct draws around[ITEMS], plain[ITEMS];
	struct procs_result result;
	int many[ITEMS] = { FIRST };

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	memcpy(around, result.data, sizeof(around[0]));
	procs_close(stream);
	map_draws(many, NULL, plain);
	pxt_check(around[0].number[0] == plain[0].number[0]);
	pxt_check(around[0].number[2] == plain[0].number[2]);
}

static PROCS_DEFINE1(uint64_t, draw_one, int, x)
{
	return procs_random() + 0 * (uint64_t)x;
}

static PROCS_PURE1(uint64_t, draw_in_blocks, int, x)
{
	return procs_random() + 0 * (uint64_t)x;
}

/* 1 if what combines draws what the value was made of. */
static PROCS_DEFINE2(uint64_t, draws_again, uint64_t, a, uint64_t, b)
{
	const uint64_t own = procs_random();

	return a == 1 || own == a || own == b;
}

static PROCS_DEFINE2(uint64_t, mix, uint64_t, a, uint64_t, b)
{
	return a * 3 + b;
}

/* In blocks of a pure task and of a reduction nobody but the item draws either. */
static void blocks_draw_the_same(void **state)
{
	enum {
		N = 5000
	};

	uint64_t *plain = malloc(N * sizeof(*plain)), *blocks = malloc(N * sizeof(*blocks));
	uint64_t one_by_one = 0, reduced = 0;
	int *xs = calloc(N, sizeof(*xs));

	(void)state;
	pxt_equal(procs_pmap_into(draw_one, N, plain, PROCS_OPTIONS(.seed = 5), xs), 0);
	pxt_equal(procs_pmap_into(draw_in_blocks, N, blocks, PROCS_OPTIONS(.seed = 5), xs), 0);
	pxt_check(memcmp(plain, blocks, N * sizeof(*plain)) == 0);
	/* Blocks of two items. */
	for (int i = 0; i < N; i += 2)
		one_by_one = i == 0 ? plain[i] * 3 + plain[i + 1]
				    : one_by_one * 3 + (plain[i] * 3 + plain[i + 1]);
	pxt_equal(procs_reduce(draw_one, mix, N, &reduced, PROCS_OPTIONS(.seed = 5), xs), 0);
	pxt_check(reduced == one_by_one);
	pxt_equal(procs_reduce(draw_one, draws_again, 3, &reduced, PROCS_OPTIONS(.seed = 5), xs),
		  0);
	pxt_equal(reduced, 0);
	free(plain);
	free(blocks);
	free(xs);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(blocks_draw_the_same),
		pxt_test(the_first_numbers_are_the_published_ones),
		pxt_test(numbers_are_the_same_however_items_run),
		pxt_test(a_death_changes_no_number_of_others),
		pxt_test(seeds_and_items_have_streams_of_their_own),
		pxt_test(a_shorter_struct_of_options_has_seed_zero),
		pxt_test(numbers_are_spread_evenly),
		pxt_test(a_fraction_is_a_number),
		pxt_test(outside_any_item_each_thread_has_the_same_stream),
		pxt_test(streams_nest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
