/*
 * Every type travels exactly, as argument and as result, in every mode, by call
 * and by map.
 */
#include <complex.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>

#include <procs/worker.h>

#include "elsewhere.h"
#include "modes.h"

enum color {
	RED,
	GREEN = 7,
	BLUE = 1 << 30
};

enum signed_color {
	BELOW = -5,
	ABOVE = 5
};

#define ECHO(T, name)                                                                              \
 static PROCS_DEFINE1(T, name, T, x)                                                               \
 {                                                                                                 \
  return x;                                                                                        \
 }
ECHO(bool, echo_bool)
ECHO(char, echo_char)
ECHO(signed char, echo_schar)
ECHO(unsigned char, echo_uchar)
ECHO(short, echo_short)
ECHO(unsigned short, echo_ushort)
ECHO(int, echo_int)
ECHO(unsigned, echo_unsigned)
ECHO(long, echo_long)
ECHO(unsigned long, echo_ulong)
ECHO(long long, echo_llong)
ECHO(unsigned long long, echo_ullong)
ECHO(int8_t, echo_int8)
ECHO(uint16_t, echo_uint16)
ECHO(int64_t, echo_int64)
ECHO(uint64_t, echo_uint64)
ECHO(size_t, echo_size)
ECHO(float, echo_float)
ECHO(double, echo_double)
ECHO(long double, echo_ldouble)
ECHO(float complex, echo_cfloat)
ECHO(double complex, echo_cdouble)
ECHO(long double complex, echo_cldouble)
ECHO(enum color, echo_color)
ECHO(enum signed_color, echo_signed)

/* Maps and calls echo over `values` in each mode; [size] bytes of each count,
 * the rest being padding. */
#define ROUND(name, values, bytes)                                                                 \
 for (int m_ = 0; m_ < N_MODES; m_++) {                                                            \
  const struct procs_options o_ = mode_options(&modes[m_]);                                        \
  const size_t n_ = sizeof(values) / sizeof(values[0]);                                            \
  struct procs_spec specs_[sizeof(values) / sizeof(values[0])];                                    \
  for (size_t i_ = 0; i_ < n_; i_++)                                                               \
   specs_[i_] = procs_proc(name, values[i_]);                                                      \
  compare(procs_call(specs_, n_, &o_), values, sizeof(values[0]), n_, bytes);                      \
  compare(procs_pmap(name, n_, &o_, values), values, sizeof(values[0]), n_, bytes);                \
 }

static void compare(struct procs_stream *stream, const void *values, size_t size, size_t n,
		    size_t bytes)
{
	struct procs_result result;

	pxt_check(stream != NULL);
	for (size_t i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		if (result.failed != NULL)
			pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
		pxt_equal(result.bytes, size);
		pxt_check(memcmp(result.data, (const char *)values + i * size, bytes) == 0);
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static void integers_are_exact(void **state)
{
	bool bools[] = { true, false, true };
	char chars[] = { 'a', '\0', CHAR_MIN, CHAR_MAX };
	signed char schars[] = { -1, SCHAR_MIN, SCHAR_MAX };
	unsigned char uchars[] = { 0, 128, UCHAR_MAX };
	short shorts[] = { -1, SHRT_MIN, SHRT_MAX };
	unsigned short ushorts[] = { 0, USHRT_MAX };
	int ints[] = { -1, INT_MIN, INT_MAX, 0 };
	unsigned unsigneds[] = { 0, UINT_MAX };
	long longs[] = { -1, LONG_MIN, LONG_MAX };
	unsigned long ulongs[] = { 0, ULONG_MAX };
	long long llongs[] = { -1, LLONG_MIN, LLONG_MAX };
	unsigned long long ullongs[] = { 0, ULLONG_MAX };
	int8_t int8s[] = { -128, 127 };
	uint16_t uint16s[] = { 0, 65535 };
	int64_t int64s[] = { INT64_MIN, INT64_MAX };
	uint64_t uint64s[] = { 1, UINT64_MAX };
	size_t sizes[] = { 0, SIZE_MAX };

	enum color colors[] = { RED, GREEN, BLUE };

	enum signed_color signeds[] = { BELOW, ABOVE };

	(void)state;
	ROUND(echo_bool, bools, sizeof(bools[0]))
	ROUND(echo_char, chars, sizeof(chars[0]))
	ROUND(echo_schar, schars, sizeof(schars[0]))
	ROUND(echo_uchar, uchars, sizeof(uchars[0]))
	ROUND(echo_short, shorts, sizeof(shorts[0]))
	ROUND(echo_ushort, ushorts, sizeof(ushorts[0]))
	ROUND(echo_int, ints, sizeof(ints[0]))
	ROUND(echo_unsigned, unsigneds, sizeof(unsigneds[0]))
	ROUND(echo_long, longs, sizeof(longs[0]))
	ROUND(echo_ulong, ulongs, sizeof(ulongs[0]))
	ROUND(echo_llong, llongs, sizeof(llongs[0]))
	ROUND(echo_ullong, ullongs, sizeof(ullongs[0]))
	ROUND(echo_int8, int8s, sizeof(int8s[0]))
	ROUND(echo_uint16, uint16s, sizeof(uint16s[0]))
	ROUND(echo_int64, int64s, sizeof(int64s[0]))
	ROUND(echo_uint64, uint64s, sizeof(uint64s[0]))
	ROUND(echo_size, sizes, sizeof(sizes[0]))
	ROUND(echo_color, colors, sizeof(colors[0]))
	ROUND(echo_signed, signeds, sizeof(signeds[0]))
}

static double double_of(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static float float_of(uint32_t bits)
{
	float number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* A long double NaN with a payload, quiet or signalling. */
static long double ldouble_nan(bool quiet)
{
	long double number = 0;
	const uint64_t mantissa =
		(quiet ? UINT64_C(0xc000000000000000) : UINT64_C(0x8000000000000000)) |
		0x123456789abc;
	const uint16_t exponent = 0x7fff;

	memcpy(&number, &mantissa, sizeof(mantissa));
	memcpy((char *)&number + sizeof(mantissa), &exponent, sizeof(exponent));
	return number;
}

static void floats_are_exact_with_their_nan_payloads(void **state)
{
	float floats[] = { 0.0f, -0.0f, 1.5f, FLT_MIN / 4, FLT_MAX, INFINITY, -INFINITY, 0, 0 };
	double doubles[] = { 0.0, -0.0, 0.1, DBL_MIN / 4, DBL_MAX, INFINITY, -INFINITY, 0, 0 };
	long double ldoubles[] = { 0.0L, -0.0L, 0.1L, LDBL_MAX, LDBL_MIN / 4, 0, 0 };
	float complex cfloats[] = { 1.0f + 2.0f * I, -0.0f };
	double complex cdoubles[] = { 1.0 + 2.0 * I, -3.5 };
	long double complex cldoubles[] = { 1.0L + 2.0L * I };

	(void)state;
	floats[7] = float_of(0x7fc12345);
	floats[8] = float_of(0x7f812345); /* signalling */
	doubles[7] = double_of(UINT64_C(0x7ff8123456789abc));
	doubles[8] = double_of(UINT64_C(0x7ff0123456789abc));
	ldoubles[5] = ldouble_nan(true);
	ldoubles[6] = ldouble_nan(false);
	ROUND(echo_float, floats, sizeof(floats[0]))
	ROUND(echo_double, doubles, sizeof(doubles[0]))
	ROUND(echo_ldouble, ldoubles, 10)
	ROUND(echo_cfloat, cfloats, sizeof(cfloats[0]))
	ROUND(echo_cdouble, cdoubles, sizeof(cdoubles[0]))
	ROUND(echo_cldouble, cldoubles, 10)
}

struct inner {
	short a;
	double b;
};

PROCS_STRUCT(struct inner, short, a, double, b);

struct outer {
	char name[12];
	struct inner one;
	struct inner two[2];
	float numbers[5];
	bool flag;
	uint64_t big;
};

PROCS_STRUCT(struct outer, char, name, struct inner, one, struct inner, two, float, numbers, bool,
	     flag, uint64_t, big);

struct words {
	int count;
	const char *first;
	char *second;
	struct procs_bytes bytes;
};

PROCS_STRUCT(struct words, int, count, const char *, first, char *, second, struct procs_bytes,
	     bytes);

ECHO(struct inner, echo_inner)
ECHO(struct outer, echo_outer)
ECHO(struct words, echo_words)
ECHO(const char *, echo_string)
ECHO(struct procs_bytes, echo_bytes)

static void structs_are_exact_and_nested(void **state)
{
	struct inner inners[] = { { -1, 2.5 }, { SHRT_MAX, -0.0 } };
	struct outer outers[2];

	(void)state;
	memset(outers, 0, sizeof(outers));
	for (int i = 0; i < 2; i++) {
		snprintf(outers[i].name, sizeof(outers[i].name), "name %d", i);
		outers[i].one = inners[i];
		outers[i].two[0] = inners[0];
		outers[i].two[1] = inners[1];
		for (int k = 0; k < 5; k++)
			outers[i].numbers[k] = (float)k / 3;
		outers[i].flag = i == 1;
		outers[i].big = UINT64_MAX - (uint64_t)i;
	}
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_stream *stream = procs_pmap(echo_outer, 2, &options, outers);
		struct procs_result result;
		struct outer outer;

		for (int i = 0; i < 2; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &outer), 0);
			pxt_text(outer.name, outers[i].name);
			pxt_equal(outer.one.a, outers[i].one.a);
			pxt_check(memcmp(&outer.one.b, &outers[i].one.b, sizeof(double)) == 0);
			pxt_equal(outer.two[1].a, outers[i].two[1].a);
			pxt_check(memcmp(outer.numbers, outers[i].numbers, sizeof(outer.numbers)) ==
				  0);
			pxt_equal(outer.flag, outers[i].flag);
			pxt_equal(outer.big, outers[i].big);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
		stream = procs_call((struct procs_spec[]){ procs_proc(echo_inner, inners[0]) }, 1,
				    &options);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(((const struct inner *)result.data)->b == 2.5);
		procs_close(stream);
	}
}

static void strings_are_exact_null_and_empty_differ(void **state)
{
	char *large = malloc((1 << 20) + 1);
	const char *strings[] = { "", NULL, "plain", "caf\xc3\xa9 \xff\x80 invalid", large };

	(void)state;
	memset(large, 'q', 1 << 20);
	large[1 << 20] = '\0';
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_spec specs[5];

		for (int i = 0; i < 5; i++)
			specs[i] = procs_proc(echo_string, strings[i]);
		for (int form = 0; form < 2; form++) {
			struct procs_stream *stream =
				form == 0 ? procs_call(specs, 5, &options)
					  : procs_pmap(echo_string, 5, &options, strings);
			struct procs_result result;
			const char *string;

			for (int i = 0; i < 5; i++) {
				pxt_equal(procs_next(stream, &result), 1);
				pxt_equal(procs_value(&result, &string), 0);
				if (strings[i] == NULL)
					pxt_check(string == NULL);
				else
					pxt_text(string, strings[i]);
			}
			pxt_equal(procs_next(stream, &result), 0);
			procs_close(stream);
		}
	}
	free(large);
}

static void bytes_and_structs_with_pointers_are_exact(void **state)
{
	struct words words = {
		.count = 3, .first = "first", .second = NULL, .bytes = { "a\0b\0c", 5 }
	};

	(void)state;
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_spec specs[] = { procs_proc(echo_words, words),
					      procs_proc(echo_bytes, words.bytes),
					      procs_proc(echo_bytes, ((struct procs_bytes){ 0 })) };
		struct procs_stream *stream = procs_call(specs, 3, &options);
		struct procs_bytes bytes;
		struct procs_result result;
		struct words back;
		size_t size;

		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &back), 0);
		pxt_equal(back.count, 3);
		pxt_text(back.first, "first");
		pxt_check(back.second == NULL);
		pxt_equal(back.bytes.size, 5);
		pxt_check(memcmp(back.bytes.data, "a\0b\0c", 5) == 0);
		pxt_equal((uintptr_t)back.bytes.data % 16, 0);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &bytes), 0);
		pxt_equal(bytes.size, 5);
		pxt_check(memcmp(bytes.data, "a\0b\0c", 5) == 0);
		pxt_check(memcmp(procs_view(&result, &size), "a\0b\0c", 5) == 0);
		pxt_equal(size, 5);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		procs_view(&result, &size);
		pxt_equal(size, 0);
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
}

static PROCS_DEFINE0(int, none)
{
	return 17;
}

static PROCS_DEFINE8(double, eight, int, a, long, b, float, c, double, d, char, e, short, f, bool,
		     g, unsigned, h)
{
	return a + (double)b + (double)c + d + e + f + g + h;
}

static PROCS_DEFINE1(void, nothing, int, x)
{
	(void)x;
}

static PROCS_DEFINE1(int, twice, int, x)
{
	return 20 * x;
}

static int next_int(struct procs_stream *stream)
{
	struct procs_result result;
	int value = 0;

	pxt_equal(procs_next(stream, &result), 1);
	if (procs_value(&result, &value) != 0)
		pxt_failed(__FILE__, __LINE__, "no value: %s", procs_text(&result));
	return value;
}

static void tasks_take_no_to_eight_arguments(void **state)
{
	int ints[] = { 1, 2 };
	long longs[] = { 3, 4 };
	float floats[] = { 5, 6 };
	double doubles[] = { 7.5, 8 };
	char chars[] = { 9, 10 };
	short shorts[] = { 11, 12 };
	bool bools[] = { true, false };
	unsigned unsigneds[] = { 13, 14 };

	(void)state;
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_spec specs[] = {
			procs_proc(none),
			procs_proc(eight, .h = 13, .g = true, .f = 11, .e = 9, .d = 7.5, .c = 5,
				   .b = 3, .a = 1),
			procs_proc(nothing, 1),
		};
		struct procs_stream *stream = procs_call(specs, 3, &options);
		struct procs_result result;
		double value;

		pxt_equal(next_int(stream), 17);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_check(value == 50.5);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		pxt_equal(result.bytes, 0);
		pxt_text(procs_text(&result), "void");
		procs_close(stream);
		stream = procs_pmap(eight, 2, &options, ints, longs, floats, doubles, chars, shorts,
				    bools, unsigneds);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_check(value == 50.5);
		procs_close(stream);
		stream = procs_pmap(none, 3, &options);
		for (int i = 0; i < 3; i++)
			pxt_equal(next_int(stream), 17);
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
		stream = procs_pmap(nothing, 2, &options, ints);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		procs_close(stream);
	}
}

static void tasks_may_live_in_another_file(void **state)
{
	struct procs_spec specs[] = {
		procs_proc(far_product, 7, .b = -3),
		procs_proc(far_name),
		procs_raw(procs_function_of(far_fill), "\x05", 1),
		procs_proc(twice, 2),
	};
	struct procs_stream *stream = procs_call(specs, 4, NULL);
	struct procs_result result;
	const char *name;
	long product;
	size_t size;

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &product), 0);
	pxt_equal(product, -21);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &name), 0);
	pxt_text(name, "elsewhere");
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(memcmp(procs_view(&result, &size), "xxxxx", 5) == 0);
	pxt_equal(size, 5);
	if (pxt_forks()) {
		pxt_equal(next_int(stream), 40);
	} else {
		/* Two of one name cannot be told apart where a task is found by that. */
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_UNKNOWN_FUNCTION);
		pxt_text(result.failed->message,
			 "two tasks named twice in the registry of this program");
	}
	procs_close(stream);
	pxt_equal(far_product(6, 7), 42);
}

static void values_are_read_with_their_type(void **state)
{
	struct procs_spec specs[] = { procs_proc(echo_int, -5), procs_proc(echo_color, BLUE) };
	struct procs_stream *stream = procs_call(specs, 2, NULL);
	struct procs_result result;
	unsigned narrow;
	double other;
	long wide;
	int value;

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_equal(procs_value(&result, &narrow), -ERANGE);
	pxt_equal(procs_value(&result, &wide), -EINVAL);
	pxt_equal(procs_value(&result, &other), -EINVAL);
	pxt_equal(procs_value_as(&result, NULL, 4, 'i'), -EINVAL);
	pxt_equal(procs_value_as(NULL, &value, 4, 'i'), -EINVAL);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(procs_value(&result, &value), 0);
	pxt_equal(value, BLUE);
	procs_close(stream);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(integers_are_exact),
		pxt_test(floats_are_exact_with_their_nan_payloads),
		pxt_test(structs_are_exact_and_nested),
		pxt_test(strings_are_exact_null_and_empty_differ),
		pxt_test(bytes_and_structs_with_pointers_are_exact),
		pxt_test(tasks_take_no_to_eight_arguments),
		pxt_test(tasks_may_live_in_another_file),
		pxt_test(values_are_read_with_their_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
