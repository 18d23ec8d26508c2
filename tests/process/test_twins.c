/*
 * PROCS_PURE tasks have the values that their PROCS_DEFINE twins have, of all
 * types and from arrays of all shapes; and their loop runs blocks where it may,
 * and nowhere else.
 */
#include <complex.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "elsewhere.h"
#include "pxt.h"

enum {
	N = 20000,
	BLOCK = PROCS_BLOCK_ITEMS
};

/* The same body twice, mapped over the same numbers, in a process and in none. */
#define TWINS(T, name, ...)                                                                        \
 static PROCS_PURE2(T, pure_##name, T, x, T, y)                                                    \
 {                                                                                                 \
  return (T)(__VA_ARGS__);                                                                         \
 }                                                                                                 \
 static PROCS_DEFINE2(T, plain_##name, T, x, T, y)                                                 \
 {                                                                                                 \
  return (T)(__VA_ARGS__);                                                                         \
 }                                                                                                 \
 static void compare_##name(const struct procs_options *options)                                   \
 {                                                                                                 \
  static T xs_[N], ys_[N];                                                                         \
  struct procs_stream *pure_, *plain_;                                                             \
  struct procs_result a_, b_;                                                                      \
  T va_, vb_;                                                                                      \
  for (int i_ = 0; i_ < N; i_++) {                                                                 \
   xs_[i_] = (T)(i_ % 101);                                                                        \
   ys_[i_] = (T)(i_ % 7 + 1);                                                                      \
  }                                                                                                \
  pure_ = procs_pmap(pure_##name, N, options, xs_, ys_);                                           \
  plain_ = procs_pmap(plain_##name, N, options, xs_, ys_);                                         \
  for (int i_ = 0; i_ < N; i_++) {                                                                 \
   pxt_equal(procs_next(pure_, &a_), 1);                                                           \
   pxt_equal(procs_next(plain_, &b_), 1);                                                          \
   pxt_equal(procs_value(&a_, &va_), 0);                                                           \
   pxt_equal(procs_value(&b_, &vb_), 0);                                                           \
   pxt_check(va_ == vb_);                                                                          \
   pxt_check(va_ == pure_##name(xs_[i_], ys_[i_]));                                                \
  }                                                                                                \
  procs_close(pure_);                                                                              \
  procs_close(plain_);                                                                             \
 }

enum color {
	RED,
	BLUE = 200
};

TWINS(bool, bool, !x || y)
TWINS(char, char, x ^ y)
TWINS(signed char, schar, x - y)
TWINS(unsigned char, uchar, 3u * x + y)
TWINS(short, short, 5 * x - 3 * y)
TWINS(unsigned short, ushort, 5u * x + 3u * y)
TWINS(int, int, 5 * x + 3 * y)
TWINS(unsigned, unsigned, x *y - 7u)
TWINS(long, long, x % y)
TWINS(unsigned long, ulong, x << y)
TWINS(long long, llong, x > y ? x : -y)
TWINS(unsigned long long, ullong, x - y)
TWINS(float, float, x / y)
TWINS(double, double, x / y + 1)
TWINS(long double, ldouble, x / y)
TWINS(float complex, cfloat, x * 2 + y * I)
TWINS(double complex, cdouble, x * 2 + y * I)
TWINS(long double complex, cldouble, x * 2 + y * I)
TWINS(enum color, color, x > y ? RED : BLUE)

static void all_types_have_the_values_of_their_twins(void **state)
{
	static void (*const compare[])(const struct procs_options *) = {
		compare_bool,   compare_char,    compare_schar,    compare_uchar,  compare_short,
		compare_ushort, compare_int,     compare_unsigned, compare_long,   compare_ulong,
		compare_llong,  compare_ullong,  compare_float,    compare_double, compare_ldouble,
		compare_cfloat, compare_cdouble, compare_cldouble, compare_color,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(compare) / sizeof(compare[0]); i++) {
		compare[i](PROCS_OPTIONS(.workers = 2));
		compare[i](PROCS_OPTIONS(.start = PROCS_START_INLINE));
	}
}

struct pair {
	double left;
	short right;
};

PROCS_STRUCT(struct pair, double, left, short, right);

struct label {
	int number;
	const char *text;
};

PROCS_STRUCT(struct label, int, number, const char *, text);

static PROCS_PURE1(struct pair, turn, struct pair, p)
{
	return (struct pair){ p.right, (short)p.left };
}

static PROCS_PURE1(void, none_at_all, int, x)
{
	(void)x;
}

static PROCS_PURE0(int, seventeen)
{
	return 17;
}

static PROCS_PURE8(int, eight, int, a, int, b, int, c, int, d, int, e, int, f, int, g, int, h)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
}

static PROCS_PURE1(int, length_of, const char *, text)
{
	return (int)strlen(text);
}

static PROCS_PURE1(struct label, labelled, int, x)
{
	char *text = procs_scratch(20);

	snprintf(text, 20, "number %d", x);
	return (struct label){ x, text };
}

static int ints[N];

static void next_is(struct procs_stream *stream, int expected)
{
	struct procs_result result;
	int value;

	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_equal(value, expected);
}

static void structs_and_nothing_are_results_too(void **state)
{
	static struct pair pairs[N];
	struct procs_stream *stream, *eights, *seventeens, *nothings;
	struct procs_result result;
	struct pair pair;

	(void)state;
	for (int i = 0; i < N; i++)
		pairs[i] = (struct pair){ i % 1000, (short)(i % 999) };
	stream = procs_pmap(turn, N, NULL, pairs);
	nothings = procs_pmap(none_at_all, N, NULL, ints);
	seventeens = procs_pmap(seventeen, N, NULL);
	eights = procs_pmap(eight, N, NULL, ints, ints, ints, ints, ints, ints, ints, ints);
	for (int i = 0; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &pair), 0);
		pxt_check(pair.left == i % 999 && pair.right == i % 1000);
		pxt_equal(procs_next(nothings, &result), 1);
		pxt_check(result.failed == NULL && result.bytes == 0);
		next_is(seventeens, 17);
		next_is(eights, 36 * i);
	}
	procs_close(stream);
	procs_close(nothings);
	procs_close(seventeens);
	procs_close(eights);
}

static void strings_go_one_by_one(void **state)
{
	static const char *texts[N];
	static const char all[] = "0123456789";
	struct procs_stream *lengths, *labels;
	struct procs_result result;
	struct label label;
	char text[20];

	(void)state;
	for (int i = 0; i < N; i++)
		texts[i] = all + i % 11;
	lengths = procs_pmap(length_of, N, NULL, texts);
	labels = procs_pmap(labelled, N, NULL, ints);
	for (int i = 0; i < N; i++) {
		next_is(lengths, 10 - i % 11);
		pxt_equal(procs_next(labels, &result), 1);
		pxt_equal(procs_value(&result, &label), 0);
		snprintf(text, sizeof(text), "number %d", i);
		pxt_text(label.text, text);
	}
	procs_close(lengths);
	procs_close(labels);
}

static void gaps_between_elements_are_fine(void **state)
{
	static struct pair pairs[N];
	const struct procs_sequence sequences[] = {
		{ .base = &pairs[0].right,
		  .element_size = sizeof(short),
		  .stride = sizeof(pairs[0]) },
	};
	struct procs_stream *stream;
	struct procs_result result;
	float third;

	(void)state;
	for (int i = 0; i < N; i++)
		pairs[i].right = (short)(3 * i);
	stream = procs_pmap_sequences(procs_function_of(far_third), N, NULL, sequences, 1);
	for (int i = 0; i < N; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &third), 0);
		pxt_check(third == far_third((short)(3 * i)));
	}
	procs_close(stream);
}

/* As a program has it that was compiled before there were blocks; in the registry, too. */
static struct procs_function older;

PROCS_ENTRY_("procs_tasks")
static const struct procs_function *const older_at = &older;

__attribute__((constructor)) static void make_older(void)
{
	older = *procs_function_of(pure_int);
	older.size = offsetof(struct procs_function, block);
	older.name = "older";
}

static void an_older_descriptor_runs_one_by_one(void **state)
{
	const void *arrays[] = { ints, ints };
	struct procs_stream *stream;

	(void)state;
	stream = procs_pmap_arrays(&older, N, NULL, arrays, 2);
	pxt_check(stream != NULL);
	for (int i = 0; i < N; i++)
		next_is(stream, 8 * i);
	procs_close(stream);
}

/* --- The loop by hand. --- */

static _Atomic uint64_t progress;
static struct procs_loop *running; /* asked by a task as the library would, or NULL */

/* Which item the loop says is running: in a block, its first. */
static PROCS_PURE1(int, said, int, x)
{
	if (running != NULL && running->in_block && x == 300)
		running->failed = 1;
	return (int)(atomic_load_explicit(&progress, memory_order_relaxed) >> 1);
}

enum {
	MANY = 2 * BLOCK + 100
};

static struct procs_loop loop_over(int *out)
{
	return (struct procs_loop){
		.size = sizeof(struct procs_loop),
		.end = MANY,
		.argument = { (const unsigned char *)ints },
		.stride = { sizeof(int) },
		.out = (unsigned char *)out,
		.out_stride = sizeof(int),
		.progress = &progress,
		.blocks = 1,
	};
}

/* Items below `blocks` run in blocks, the others one by one. */
static void expect_blocks(struct procs_loop loop, int blocks)
{
	int value;

	procs_function_of(said)->loop(&loop);
	pxt_equal(loop.next, MANY);
	pxt_equal(loop.failed, 0);
	for (int i = 0; i < MANY; i++) {
		memcpy(&value, loop.out + (uint64_t)i * loop.out_stride, sizeof(value));
		pxt_equal(value, i < blocks ? i / BLOCK * BLOCK : i);
	}
}

static void blocks_run_where_they_may(void **state)
{
	static int wide[2 * MANY], out[MANY + 1];
	struct procs_loop loop = loop_over(out);

	(void)state;
	expect_blocks(loop, 2 * BLOCK);
	loop.blocks = 0;
	expect_blocks(loop, 0);
	/* The library is older. */
	loop = loop_over(out);
	loop.size = offsetof(struct procs_loop, blocks);
	expect_blocks(loop, 0);
	loop = loop_over(out);
	loop.stride[0] = 2 * sizeof(int);
	loop.argument[0] = (const unsigned char *)wide;
	expect_blocks(loop, 0);
	loop = loop_over(wide);
	loop.out_stride = 2 * sizeof(int);
	expect_blocks(loop, 0);
	loop = loop_over(out);
	loop.out++;
	expect_blocks(loop, 0);
}

static void a_block_that_asks_is_the_last_one(void **state)
{
	static int out[MANY];
	struct procs_loop loop = loop_over(out);

	(void)state;
	running = &loop;
	procs_function_of(said)->loop(&loop);
	running = NULL;
	pxt_equal(loop.next, MANY);
	pxt_equal(loop.failed, 0);
	pxt_equal(loop.blocks, 0);
	pxt_equal(loop.in_block, 0);
	for (int i = 0; i < MANY; i++)
		pxt_equal(out[i], i < BLOCK ? 0 : i);
}

static int before(void **state)
{
	for (int i = 0; i < N; i++)
		ints[i] = i;
	return pxt_before(state);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
#define TEST(f) cmocka_unit_test_setup_teardown(f, before, pxt_after)
	const struct CMUnitTest tests[] = {
		TEST(all_types_have_the_values_of_their_twins),
		TEST(structs_and_nothing_are_results_too),
		TEST(strings_go_one_by_one),
		TEST(gaps_between_elements_are_fine),
		TEST(an_older_descriptor_runs_one_by_one),
		TEST(blocks_run_where_they_may),
		TEST(a_block_that_asks_is_the_last_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
