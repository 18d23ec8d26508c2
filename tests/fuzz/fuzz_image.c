/*
 * fuzz_image.c - bytes as a tpl image of a type with everything in it: the
 * validator before tpl, and what tpl makes of what passes. The second half of
 * the input's first byte chooses LZ4 instead.
 */
#include <complex.h>
#include <string.h>

#include <procs/procs.h>

#include "codec/failed.h"
#include "codec/image.h"
#include "codec/pack.h"
#include "codec/text.h"
#include "fuzz.h"

struct mixed {
	_Bool flag;
	char name[6];
	short numbers[3];
	const char *first;
	double one;
	const char *second;
	long double wide;
	struct procs_bytes bytes[2];
};
PROCS_STRUCT(struct mixed, _Bool, flag, char, name, short, numbers, const char *, first, double,
	     one, const char *, second, long double, wide, struct procs_bytes, bytes);

static PROCS_DEFINE0(struct mixed, make)
{
	return (struct mixed){ .flag = 1,
			       .name = "name",
			       .first = "first",
			       .second = NULL,
			       .wide = 1,
			       .bytes = { { "abc", 3 }, { NULL, 0 } } };
}

enum kind {
	AS_IMAGE,
	AS_FAILURE,
	AS_PACKED,
	N_KINDS
};

static void try_image(const uint8_t *data, size_t size)
{
	struct px_codec codec = { 0 };
	struct px_plan plan;
	const char *culprit;
	char line[300];
	struct px_text text = px_text_into(line, sizeof(line));

	px_plan_result(&plan, procs_function_of(make), &culprit);
	if (px_image_decode(&codec, &plan, data, size) == 0)
		px_text_add_value(&text, &plan, codec.object.data);
	px_codec_free(&codec);
}

static void try_failure(const uint8_t *data, size_t size)
{
	struct px_codec codec = { 0 };
	struct px_failure failure;
	struct procs_failed failed = { 0 };
	char line[300];

	if (px_failure_decode(&codec, data, size, &failure) == 0) {
		failed.cause = failure.cause;
		failed.code = failure.code;
		failed.message = failure.message.data;
		failed.message_size = failure.message.size;
		procs_failed_text(&failed, line, sizeof(line));
	}
	px_codec_free(&codec);
}

static void try_packed(const uint8_t *data, size_t size)
{
	static char back[1 << 16];
	uint64_t claim;

	if (size < sizeof(claim))
		return;
	memcpy(&claim, data, sizeof(claim));
	if (claim <= sizeof(back) && px_unpack_plausible(size - sizeof(claim), claim))
		(void)px_unpack(data + sizeof(claim), size - sizeof(claim), back, claim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % N_KINDS) {
	case AS_IMAGE:
		try_image(data + 1, size - 1);
		break;
	case AS_FAILURE:
		try_failure(data + 1, size - 1);
		break;
	default:
		try_packed(data + 1, size - 1);
		break;
	}
	return 0;
}

size_t fuzz_seed(int number, uint8_t *data, size_t room)
{
	const struct px_failure failure = { .cause = PROCS_CAUSE_ERROR,
					    .message = { "message", 7 },
					    .data = { "\1\2", 2 } };
	const struct mixed mixed = make();
	struct px_codec codec = { 0 };
	const uint64_t claim = 3000;
	struct px_plan plan;
	const char *culprit;
	char plain[3000];
	uint64_t size = 0;

	px_plan_result(&plan, procs_function_of(make), &culprit);
	data[0] = (uint8_t)number;
	if (number == AS_IMAGE)
		(void)px_image_encode(&codec, &plan, &mixed, &size);
	else if (number == AS_FAILURE)
		(void)px_failure_encode(&codec, &failure, &size);
	if (size > 0 && size < room)
		memcpy(data + 1, codec.image.data, size);
	px_codec_free(&codec);
	if (number == AS_PACKED) {
		for (size_t i = 0; i < sizeof(plain); i++)
			plain[i] = (char)(i / 40);
		memcpy(data + 1, &claim, sizeof(claim));
		size = sizeof(claim) + px_pack(plain, sizeof(plain), data + 9, sizeof(plain));
	}
	return size > 0 ? size + 1 : 0;
}
