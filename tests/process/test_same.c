/*
 * The same results, item by item and failures too, whoever runs the tasks: nobody,
 * a process for each, workers of a call's own, or a pool's; for tasks, numbers of
 * items and options that a seed decides.
 *
 * usage: test_same [ROUNDS [SEED]]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "pxt.h"

enum {
	MOST = 400,   /* items */
	CALLED = 40,  /* of which each has a process of its own */
	BLOB = 150000 /* bytes */
};

struct point {
	double x, y;
	int a, b, c;
};

PROCS_STRUCT(struct point, double, x, double, y, int, a, int, b, int, c);

struct note {
	int64_t number;
	char *text;
	struct point at;
};

PROCS_STRUCT(struct note, int64_t, number, char *, text, struct point, at);

static uint64_t digest_more(uint64_t digest, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		digest = (digest ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
	return digest;
}

static uint64_t digest_text(uint64_t digest, const char *text)
{
	return text != NULL ? digest_more(digest, text, strlen(text) + 1)
			    : digest_more(digest, "null", 4);
}

static uint64_t digest_point(uint64_t digest, const struct point *p)
{
	digest = digest_more(digest, &p->x, sizeof(p->x));
	digest = digest_more(digest, &p->y, sizeof(p->y));
	digest = digest_more(digest, &p->a, sizeof(p->a));
	digest = digest_more(digest, &p->b, sizeof(p->b));
	return digest_more(digest, &p->c, sizeof(p->c));
}

static char *letters(uint64_t seed, size_t size)
{
	char *text = procs_scratch(size + 1);

	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + (seed + i * i) % 26);
	text[size] = '\0';
	return text;
}

/* --- tasks --- */

static PROCS_DEFINE1(uint64_t, mix, uint64_t, x)
{
	if (x % 11 == 0)
		return procs_fail((int)(x % 100) + 1, "%llu is a multiple of %d",
				  (unsigned long long)x, 11);
	return x * 3 + procs_index();
}

static PROCS_PURE1(int, pure, int, x)
{
	return x * x - 7 * x;
}

static PROCS_DEFINE1(double, length, struct point, p)
{
	return p.x * p.x + p.y * p.y + p.c;
}

static PROCS_DEFINE1(struct point, turn, struct point, p)
{
	return (struct point){ .x = -p.y, .y = p.x, .a = p.c, .b = p.a, .c = p.b };
}

static PROCS_DEFINE1(char *, story, uint64_t, x)
{
	return x % 13 == 0 ? NULL : letters(x, x % 5 == 0 ? x % 50000 : x % 40);
}

static PROCS_DEFINE1(struct procs_bytes, blob, uint64_t, x)
{
	const size_t size = x % 7 == 0 ? x % BLOB : x % 300;

	return (struct procs_bytes){ letters(x, size), size };
}

static PROCS_DEFINE1(struct note, remark, char *, text)
{
	const size_t size = strlen(text);

	if (size == 5)
		return procs_fail_as(struct note, EINVAL, "five letters: %s", text);
	return (struct note){ (int64_t)size * -3, text, { .x = (double)size, .a = 1, .c = 3 } };
}

static PROCS_DEFINE1(void, nothing, uint64_t, x)
{
	if (x % 17 == 0)
		procs_fail(ENOENT, "nothing at all");
}

static int raw(struct procs_task *task)
{
	const void *in = procs_argument(task, 0, NULL);
	unsigned char *out;
	uint64_t x;
	size_t size;

	memcpy(&x, in, sizeof(x));
	size = x % 9 == 0 ? x % BLOB : x % 100;
	if (x % 19 == 0)
		return EDOM;
	out = procs_reserve(task, size);
	if (out == NULL)
		return errno;
	memset(out, (int)x, size);
	return procs_commit(task, size);
}

static PROCS_TASK(raw, raw);

/* --- what each is given, and what came of it --- */

static uint64_t numbers[MOST];
static int ints[MOST];
static struct point points[MOST];
static char *texts[MOST], text_of[MOST][64];

static void make_elements(uint64_t *seed)
{
	for (int i = 0; i < MOST; i++) {
		numbers[i] = pxt_random(seed) >> 20;
		ints[i] = (int)(numbers[i] % 10000);
		points[i] = (struct point){
			.x = (double)(numbers[i] % 1000) / 8, .y = i, .a = i, .b = -i, .c = ints[i]
		};
		texts[i] = text_of[i];
		memset(text_of[i], 'a' + i % 26, sizeof(text_of[i]));
		text_of[i][numbers[i] % 63] = '\0';
	}
}

#define VALUE(T, name, digest)                                                                     \
 static uint64_t digest_##name(const struct procs_result *result, uint64_t sum)                    \
 {                                                                                                 \
  T v;                                                                                             \
                                                                                                   \
  pxt_equal(procs_value(result, &v), 0);                                                           \
  return (digest);                                                                                 \
 }
VALUE(uint64_t, mix, digest_more(sum, &v, sizeof(v)))
VALUE(int, pure, digest_more(sum, &v, sizeof(v)))
VALUE(double, length, digest_more(sum, &v, sizeof(v)))
VALUE(struct point, turn, digest_point(sum, &v))
VALUE(char *, story, digest_text(sum, v))
VALUE(struct procs_bytes, blob, digest_more(sum + v.size, v.data, v.size))
VALUE(struct note, remark, digest_point(digest_text(sum + (uint64_t)v.number, v.text), &v.at))

static uint64_t digest_nothing(const struct procs_result *result, uint64_t sum)
{
	pxt_check(result->failed == NULL);
	return sum + 1;
}

static uint64_t digest_raw(const struct procs_result *result, uint64_t sum)
{
	size_t size;
	const void *bytes = procs_view(result, &size);

	return digest_more(sum + size, bytes, size);
}

#define CASE(f, elements)                                                                          \
 {                                                                                                 \
  procs_function_of(f), elements, sizeof((elements)[0]), digest_##f                                \
 }

static const struct kind {
	const struct procs_function *function;
	const void *elements;
	size_t size;
	uint64_t (*digest)(const struct procs_result *, uint64_t);
} * kinds;

static size_t n_kinds;

static void make_kinds(void)
{
	static struct kind all[9];
	const struct kind made[] = {
		CASE(mix, numbers),  CASE(pure, ints),     CASE(length, points),
		CASE(turn, points),  CASE(story, numbers), CASE(blob, numbers),
		CASE(remark, texts), CASE(raw, numbers),   CASE(nothing, numbers),
	};

	memcpy(all, made, sizeof(made));
	kinds = all;
	n_kinds = sizeof(made) / sizeof(made[0]);
}

/* --- ways --- */

enum way {
	INLINE,
	MAPPED,
	CALLED_EACH,
	POOLED,
	POOLED_CALLS,
	WAYS
};

static struct procs_pool *pools[2];

static struct procs_options random_options(enum way way, uint64_t *seed)
{
	const uint64_t dice = pxt_random(seed);

	return (struct procs_options){
		.size = sizeof(struct procs_options),
		.pool = way >= POOLED ? pools[dice % 2] : NULL,
		.start = way == INLINE ? PROCS_START_INLINE : PROCS_START_DEFAULT,
		.workers = way == MAPPED || way == CALLED_EACH ? 1 + dice / 2 % 4 : 0,
		.order = dice / 8 % 2 ? PROCS_ORDER_COMPLETED : PROCS_ORDER_INPUT,
		.encoding = dice / 16 % 2 ? PROCS_ENCODING_TPL : PROCS_ENCODING_AUTO,
		.compression = (uint32_t)(dice / 32 % 3),
		.checksum = (uint32_t)(dice / 128 % 3),
		.copy_results = dice / 512 % 2,
		.window_items = dice / 1024 % 2 ? 1 + dice / 2048 % 300 : 0,
		.window_bytes = dice >> 40 & 1 ? 4096 + (dice >> 41 & 0xfffff) : 0,
		.traceback_fd = -1,
	};
}

static struct procs_stream *open_way(enum way way, const struct kind *kind, size_t n,
				     const struct procs_options *options)
{
	const struct procs_sequence sequence = { kind->elements, kind->size, 0 };
	static struct procs_spec specs[MOST];

	if (way != CALLED_EACH && way != POOLED_CALLS)
		return procs_pmap_sequences(kind->function, n, options, &sequence, 1);
	for (size_t i = 0; i < n; i++) {
		const void *element = (const char *)kind->elements + i * kind->size;

		if (kind->digest == digest_raw)
			specs[i] = procs_raw(kind->function, element, kind->size);
		else
			specs[i] = procs_spec_make(kind->function, element, kind->size);
	}
	return procs_call(specs, n, options);
}

/* What became of each item: its index, its value or its failure. */
static void run_way(enum way way, const struct kind *kind, size_t n, uint64_t *seed,
		    uint64_t digests[MOST])
{
	const struct procs_options options = random_options(way, seed);
	struct procs_stream *stream = open_way(way, kind, n, &options);
	struct procs_result result;
	size_t got = 0;

	pxt_check(stream != NULL);
	memset(digests, 0, MOST * sizeof(*digests));
	for (; procs_next(stream, &result) == 1; got++) {
		uint64_t sum = UINT64_C(0xcbf29ce484222325) + result.index;

		pxt_check(result.index < n && digests[result.index] == 0);
		if (result.failed != NULL) {
			sum += (uint64_t)result.failed->cause * 1000003 +
			       (uint64_t)result.failed->code;
			sum = digest_more(sum, result.failed->message, result.failed->message_size);
		} else {
			sum = kind->digest(&result, sum);
		}
		digests[result.index] = sum | 1;
	}
	pxt_equal(got, n);
	procs_close(stream);
}

static int n_rounds = 12;
static uint64_t first_seed = 1;

static void compare(uint64_t seed)
{
	static uint64_t expected[MOST], found[MOST];
	static const size_t sizes[] = { 0, 1, 2, 3, 7, CALLED, 257, MOST };
	const struct kind *kind = &kinds[pxt_random(&seed) % n_kinds];
	const size_t n = sizes[pxt_random(&seed) % (sizeof(sizes) / sizeof(sizes[0]))];

	make_elements(&seed);
	run_way(INLINE, kind, n, &seed, expected);
	for (int way = MAPPED; way < WAYS; way++) {
		const size_t some = way == CALLED_EACH && n > CALLED ? CALLED : n;

		run_way((enum way)way, kind, some, &seed, found);
		for (size_t i = 0; i < some; i++)
			if (found[i] != expected[i])
				pxt_failed(__FILE__, __LINE__,
					   "way %d: item %zu of %zu of kind %zu differs", way, i,
					   some, (size_t)(kind - kinds));
	}
}

static void all_ways_have_the_same_results(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		pools[i] = procs_pool_open(PROCS_OPTIONS(.workers = i == 0 ? 1 : 3));
		pxt_check(pools[i] != NULL);
	}
	for (uint64_t seed = first_seed; seed < first_seed + (uint64_t)n_rounds * n_kinds; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		compare(seed);
	}
	for (int i = 0; i < 2; i++)
		pxt_equal(procs_pool_close(pools[i]), 0);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(all_ways_have_the_same_results),
	};

	if (argc > 1)
		n_rounds = atoi(argv[1]);
	if (argc > 2)
		first_seed = strtoull(argv[2], NULL, 10);
	make_kinds();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
