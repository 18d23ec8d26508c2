/*
 * codec/: plans, tpl images and their validator, LZ4, failures, text. The
 * validator is the wall before a library that trusts its input: images it
 * would be hurt by are made here by hand.
 */
#include <complex.h>
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include <tpl.h>

#include <procs/procs.h>

#include "codec/failed.h"
#include "codec/image.h"
#include "codec/pack.h"
#include "codec/plans.h"
#include "codec/text.h"
#include "pxt.h"

struct part {
	short a;
	double b[3];
};

PROCS_STRUCT(struct part, short, a, double, b);

struct thing {
	_Bool flag;
	char name[10];
	struct part parts[2];
	const char *text;
	struct procs_bytes bytes;
	long double wide;
	float complex odd;
};

PROCS_STRUCT(struct thing, _Bool, flag, char, name, struct part, parts, const char *, text,
	     struct procs_bytes, bytes, long double, wide, float complex, odd);

static PROCS_DEFINE2(struct thing, build, struct part, part, const char *, text)
{
	struct thing thing = { .text = text };

	thing.parts[0] = part;
	return thing;
}

static PROCS_DEFINE0(int, empty)
{
	return 1;
}

static struct thing example(void)
{
	struct thing thing;

	memset(&thing, 0, sizeof(thing));
	thing.flag = 1;
	strcpy(thing.name, "name");
	for (int i = 0; i < 2; i++) {
		thing.parts[i].a = (short)-i;
		for (int k = 0; k < 3; k++)
			thing.parts[i].b[k] = i + k / 3.0;
	}
	thing.text = "some text";
	thing.bytes = (struct procs_bytes){ "\0\1\2", 3 };
	thing.wide = 1.25L;
	thing.odd = 1.5f;
	return thing;
}

static void plans_list_every_leaf(void **state)
{
	struct px_plan plan;
	const char *culprit;

	(void)state;
	pxt_equal(px_plan_result(&plan, procs_function_of(build), &culprit), 0);
	pxt_text(plan.format, "S(cc#jf#jf#sU#u#)B");
	pxt_equal(plan.n_leaves, 10);
	pxt_equal(plan.n_arrays, 5);
	pxt_equal(plan.n_blobs, 1);
	pxt_check(!plan.flat && plan.checked);
	pxt_equal(px_plan_arguments(&plan, procs_function_of(build), &culprit), 0);
	pxt_text(plan.format, "S(jf#s)");
	pxt_equal(px_plan_arguments(&plan, procs_function_of(empty), &culprit), 0);
	pxt_text(plan.format, "");
	pxt_check(plan.flat);
}

static void unknown_and_changed_structs_have_a_name(void **state)
{
	struct procs_function function = *procs_function_of(build);
	struct px_plan plan;
	const char *culprit;

	(void)state;
	function.result.name = "struct nobody";
	pxt_equal(px_plan_result(&plan, &function, &culprit), -ENOENT);
	pxt_text(culprit, "struct nobody");
	function.result.name = "struct part";
	pxt_equal(px_plan_result(&plan, &function, &culprit), -EPROTOTYPE);
	pxt_text(culprit, "struct part");
	function.structs = function.structs_end = NULL;
	pxt_equal(px_plan_result(&plan, &function, &culprit), -ENOENT);
}

static void images_bring_back_what_was_put_in(void **state)
{
	const struct thing thing = example();
	struct px_codec codec = { 0 };
	struct px_plan plan;
	const char *culprit;
	struct thing back;
	uint64_t size;

	(void)state;
	px_plan_result(&plan, procs_function_of(build), &culprit);
	for (int i = 0; i < 3; i++) {
		pxt_equal(px_image_encode(&codec, &plan, &thing, &size), 0);
		pxt_equal(px_image_decode(&codec, &plan, codec.image.data, size), 0);
		memcpy(&back, codec.object.data, sizeof(back));
		pxt_text(back.name, thing.name);
		pxt_text(back.text, thing.text);
		pxt_equal(back.bytes.size, 3);
		pxt_check(memcmp(back.bytes.data, "\0\1\2", 3) == 0);
		pxt_check(memcmp(back.parts, thing.parts, sizeof(thing.parts)) == 0);
		pxt_check(back.wide == thing.wide && back.odd == thing.odd);
	}
	px_codec_free(&codec);
}

static void what_is_no_value_is_not_encoded(void **state)
{
	struct thing thing = example();
	struct px_codec codec = { 0 };
	struct px_plan plan;
	const char *culprit;
	uint64_t size;

	(void)state;
	px_plan_result(&plan, procs_function_of(build), &culprit);
	*(unsigned char *)&thing.flag = 2;
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), -EINVAL);
	thing = example();
	thing.bytes = (struct procs_bytes){ NULL, 1 };
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), -EINVAL);
	/* Not touched: the size alone is too much. */
	thing.bytes = (struct procs_bytes){ "", (size_t)3 << 30 };
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), -EFBIG);
	thing.bytes.size = SIZE_MAX;
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), -EFBIG);
	px_codec_free(&codec);
}

/* Every image one bit, one byte or one length away from a good one is refused
 * or decodes without harm; run under ASan. */
static void damaged_images_do_no_harm(void **state)
{
	const struct thing thing = example();
	struct px_codec codec = { 0 };
	struct px_plan plan;
	unsigned char *good, *bad;
	uint64_t size, seed = 1;
	const char *culprit;

	(void)state;
	px_plan_result(&plan, procs_function_of(build), &culprit);
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), 0);
	good = malloc(size);
	memcpy(good, codec.image.data, size);
	/* A copy of exactly that size each time, so that reading beyond is seen. */
	for (uint64_t length = 0; length <= size; length++) {
		bad = malloc(length + 1);
		memcpy(bad, good, length);
		pxt_equal(px_image_decode(&codec, &plan, bad, length),
			  length < size ? -EBADMSG : 0);
		free(bad);
	}
	for (int round = 0; round < 20000; round++) {
		bad = malloc(size);
		memcpy(bad, good, size);
		for (uint64_t k = 0; k <= pxt_random(&seed) % 3; k++) {
			const uint64_t at = pxt_random(&seed) % size;
			const uint32_t edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };

			if (pxt_random(&seed) % 2 && at + 4 <= size)
				memcpy(bad + at, &edges[pxt_random(&seed) % 5], 4);
			else
				bad[at] ^= (unsigned char)(1 << pxt_random(&seed) % 8);
		}
		(void)px_image_decode(&codec, &plan, bad, size);
		free(bad);
	}
	free(good);
	px_codec_free(&codec);
}

static void crafted_images_are_refused(void **state)
{
	struct px_image_sizes sizes;
	struct px_codec codec = { 0 };
	const struct thing thing = example();
	struct px_plan plan;
	const char *culprit;
	unsigned char *image;
	uint64_t size;
	uint32_t length;

	(void)state;
	px_plan_result(&plan, procs_function_of(build), &culprit);
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), 0);
	image = codec.image.data;
	pxt_equal(px_image_check(&plan, image, size, &sizes), 0);
	/* Another byte order, and the string format of old, whose flag tpl forgets. */
	for (int flags = 0; flags < 256; flags++) {
		const unsigned char good = image[3];

		image[3] = (unsigned char)flags;
		pxt_equal(px_image_check(&plan, image, size, &sizes), flags == good ? 0 : -EBADMSG);
		image[3] = good;
	}
	/* Its own length, and bytes behind it. */
	memcpy(&length, image + 4, 4);
	pxt_equal(length, size);
	pxt_equal(px_image_check(&plan, image, size - 1, &sizes), -EBADMSG);
	image = malloc(size + 1);
	memcpy(image, codec.image.data, size);
	image[size] = 0;
	pxt_equal(px_image_check(&plan, image, size + 1, &sizes), -EBADMSG);
	/* Another format. */
	image[8] = 'A';
	pxt_equal(px_image_check(&plan, image, size, &sizes), -EBADMSG);
	free(image);
	px_codec_free(&codec);
}

static int host_fatals;

static void host_fatal(const char *format, ...)
{
	(void)format;
	host_fatals++;
}

extern tpl_hook_t tpl_hook;

static void *no_memory(size_t size)
{
	(void)size;
	return NULL;
}

static void tpl_neither_ends_nor_changes_the_host(void **state)
{
	const tpl_hook_t before = tpl_hook;
	const struct thing thing = example();
	struct px_codec codec = { 0 };
	struct px_plan plan;
	const char *culprit;
	uint64_t size;

	(void)state;
	tpl_hook.fatal = host_fatal;
	px_plan_result(&plan, procs_function_of(build), &culprit);
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), 0);
	tpl_hook.malloc = no_memory;
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), -ENOMEM);
	pxt_equal(px_image_decode(&codec, &plan, codec.image.data, size), -ENOMEM);
	tpl_hook.malloc = before.malloc;
	pxt_equal(host_fatals, 0);
	pxt_check(tpl_hook.fatal == host_fatal && tpl_hook.oops == before.oops);
	pxt_equal(px_image_encode(&codec, &plan, &thing, &size), 0);
	px_image_after_fork();
	pxt_check(tpl_hook.fatal == host_fatal);
	tpl_hook = before;
	px_codec_free(&codec);
}

static void packing_brings_back_every_length(void **state)
{
	const uint64_t lengths[] = {
		0, 1, 63, 64, 65, 1000, 4096, 100000, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, 9000000
	};
	char *from = malloc(9000000), *to = malloc(9000000), *back = malloc(9000000);
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const uint64_t length = lengths[i];

		for (int filling = 0; filling < 3; filling++) {
			uint64_t packed;

			for (uint64_t k = 0; k < length; k++)
				from[k] = filling == 0   ? 0
					  : filling == 1 ? (char)(k / 100)
							 : (char)pxt_random(&seed);
			packed = px_pack(from, length, to, length);
			if (packed == 0) {
				pxt_check(filling == 2 || length < 64);
				continue;
			}
			pxt_check(packed < length);
			pxt_check(px_unpack_plausible(packed, length));
			pxt_equal(px_unpack(to, packed, back, length), 0);
			pxt_check(memcmp(from, back, length) == 0);
		}
	}
	free(from);
	free(to);
	free(back);
}

static void damaged_packs_do_no_harm(void **state)
{
	enum {
		SIZE = 5000
	};

	char from[SIZE], packed[SIZE], *bad, *back;
	uint64_t stored, seed = 9;

	(void)state;
	for (int i = 0; i < SIZE; i++)
		from[i] = (char)(i / 50);
	stored = px_pack(from, SIZE, packed, SIZE);
	pxt_check(stored > 0);
	back = malloc(SIZE);
	for (uint64_t length = 0; length < stored; length++) {
		bad = malloc(length + 1);
		memcpy(bad, packed, length);
		pxt_equal(px_unpack(bad, length, back, SIZE), -EBADMSG);
		free(bad);
	}
	pxt_equal(px_unpack(packed, stored, back, SIZE - 1), -EBADMSG);
	pxt_equal(px_unpack(packed, 0, back, SIZE), -EBADMSG);
	for (int round = 0; round < 20000; round++) {
		bad = malloc(stored);
		memcpy(bad, packed, stored);
		for (uint64_t k = 0; k <= pxt_random(&seed) % 4; k++)
			bad[pxt_random(&seed) % stored] ^= (char)(1 << pxt_random(&seed) % 8);
		(void)px_unpack(bad, stored, back, SIZE);
		free(bad);
	}
	free(back);
	pxt_check(!px_unpack_plausible(10, 1 << 20));
	pxt_check(!px_unpack_plausible(0, UINT64_MAX));
	pxt_check(px_unpack_plausible(1, 64));
}

static void failures_bring_back_what_was_said(void **state)
{
	struct px_failure failure = { .cause = PROCS_CAUSE_ERROR,
				      .code = -7,
				      .message = { "mess\0age", 8 },
				      .data = { "\1\2", 2 },
				      .step = UINT64_MAX };
	struct px_codec codec = { 0 };
	struct px_failure back;
	uint64_t size;

	(void)state;
	pxt_equal(px_failure_encode(&codec, &failure, &size), 0);
	pxt_equal(px_failure_decode(&codec, codec.image.data, size, &back), 0);
	pxt_equal(back.cause, PROCS_CAUSE_ERROR);
	pxt_equal(back.code, -7);
	pxt_equal(back.message.size, 8);
	pxt_check(memcmp(back.message.data, "mess\0age", 8) == 0);
	pxt_equal(back.data.size, 2);
	pxt_check(back.step == UINT64_MAX);
	/* Causes that only the parent finds, and none at all. */
	for (uint32_t cause = 0; cause < 20; cause++) {
		const bool worker = cause == PROCS_CAUSE_ERROR || cause == PROCS_CAUSE_EXIT ||
				    cause == PROCS_CAUSE_TOO_BIG || cause == PROCS_CAUSE_ENCODE ||
				    cause == PROCS_CAUSE_DECODE ||
				    cause == PROCS_CAUSE_UNKNOWN_FUNCTION;

		failure.cause = cause;
		pxt_equal(px_failure_encode(&codec, &failure, &size), 0);
		pxt_equal(px_failure_decode(&codec, codec.image.data, size, &back),
			  worker ? 0 : -EBADMSG);
	}
	px_codec_free(&codec);
}

static char line[400];

static const char *failed_text(enum procs_cause cause, int code, const char *message)
{
	const struct procs_failed failed = {
		.cause = cause, .code = code, .message = message, .message_size = strlen(message)
	};
	struct px_text text = px_text_into(line, sizeof(line));

	px_text_add_failed(&text, &failed);
	pxt_equal(text.length, strlen(line));
	return line;
}

static void failures_are_one_line(void **state)
{
	(void)state;
	pxt_text(failed_text(PROCS_CAUSE_ERROR, EDOM, "not odd: 6"), "Failed(EDOM: not odd: 6)");
	pxt_text(failed_text(PROCS_CAUSE_ERROR, 0, ""), "Failed(ERROR 0)");
	pxt_text(failed_text(PROCS_CAUSE_ERROR, 99999, "x"), "Failed(ERROR 99999: x)");
	pxt_text(failed_text(PROCS_CAUSE_EXIT, 3, ""), "Failed(EXIT 3)");
	pxt_text(failed_text(PROCS_CAUSE_SIGNAL, 11, ""), "Failed(SIGNAL SIGSEGV)");
	pxt_text(failed_text(PROCS_CAUSE_SIGNAL, 40, ""), "Failed(SIGNAL 40)");
	pxt_text(failed_text(PROCS_CAUSE_RESOURCE, EAGAIN, ""), "Failed(RESOURCE EAGAIN)");
	pxt_text(failed_text(PROCS_CAUSE_DECODE, 99999, ""), "Failed(DECODE ?)");
	pxt_text(failed_text(PROCS_CAUSE_TIMEOUT, ETIMEDOUT, ""), "Failed(TIMEOUT)");
	pxt_text(failed_text(PROCS_CAUSE_ERROR, EDOM, "a\nb\x7f\xc2\x85\xe2\x82\xac\xed\xa0\x80"),
		 "Failed(EDOM: a\\x0ab\\x7f\\xc2\\x85\xe2\x82\xac\\xed\\xa0\\x80)");
	for (int cause = 0; cause <= PROCS_CAUSE_UNKNOWN; cause++)
		pxt_check(strcmp(px_text_cause((enum procs_cause)cause), "?") != 0);
}

static const char *value_text(const struct procs_function *function, const void *object)
{
	struct px_text text = px_text_into(line, sizeof(line));
	struct px_plan plan;
	const char *culprit;

	pxt_equal(px_plan_result(&plan, function, &culprit), 0);
	px_text_add_value(&text, &plan, object);
	return line;
}

#define ECHO(T, name)                                                                              \
 static PROCS_DEFINE1(T, name, T, x)                                                               \
 {                                                                                                 \
  return x;                                                                                        \
 }
ECHO(double, show_double)
ECHO(float, show_float)
ECHO(char, show_char)
ECHO(signed char, show_schar)
ECHO(unsigned char, show_uchar)
ECHO(unsigned short, show_ushort)
ECHO(int64_t, show_long)
ECHO(uint64_t, show_ulong)
ECHO(_Bool, show_bool)
ECHO(const char *, show_text)
ECHO(double complex, show_complex)
ECHO(struct part, show_part)

static void values_are_one_line(void **state)
{
	struct part part = { -3, { 1, 0.1, -INFINITY } };
	struct thing thing = example();
	double complex number = 1.5 - 2 * I;

	(void)state;
#define SHOW(name, T, value) value_text(procs_function_of(name), (T[]){ value })
	pxt_text(SHOW(show_double, double, 0.1), "0.1");
	pxt_text(SHOW(show_double, double, 1.0 / 3), "0.3333333333333333");
	pxt_text(SHOW(show_float, float, 0.1f), "0.1");
	pxt_text(SHOW(show_char, char, 'q'), "'q'");
	pxt_text(SHOW(show_char, char, '\n'), "'\\x0a'");
	pxt_text(SHOW(show_schar, signed char, -5), "-5");
	pxt_text(SHOW(show_uchar, unsigned char, 250), "250");
	pxt_text(SHOW(show_ushort, unsigned short, 65535), "65535");
	pxt_text(SHOW(show_long, int64_t, INT64_MIN), "-9223372036854775808");
	pxt_text(SHOW(show_ulong, uint64_t, UINT64_MAX), "18446744073709551615");
	pxt_text(SHOW(show_bool, _Bool, 1), "true");
	pxt_text(SHOW(show_text, const char *, "a\"b\t"), "\"a\"b\\x09\"");
	pxt_text(SHOW(show_text, const char *, NULL), "NULL");
	pxt_text(value_text(procs_function_of(show_complex), &number), "1.5-2i");
	pxt_text(value_text(procs_function_of(show_part), &part), "{-3, [1, 0.1, -inf]}");
	thing.text = NULL;
	pxt_text(value_text(procs_function_of(build), &thing),
		 "{true, \"name\", 0, [0, 0.3333333333333333, 0.6666666666666666], -1, "
		 "[1, 1.3333333333333333, 1.6666666666666665], NULL, 3 bytes, 1.25, 1.5+0i}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(plans_list_every_leaf),
		pxt_test(unknown_and_changed_structs_have_a_name),
		pxt_test(images_bring_back_what_was_put_in),
		pxt_test(what_is_no_value_is_not_encoded),
		pxt_test(damaged_images_do_no_harm),
		pxt_test(crafted_images_are_refused),
		pxt_test(tpl_neither_ends_nor_changes_the_host),
		pxt_test(packing_brings_back_every_length),
		pxt_test(damaged_packs_do_no_harm),
		pxt_test(failures_bring_back_what_was_said),
		pxt_test(failures_are_one_line),
		pxt_test(values_are_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
