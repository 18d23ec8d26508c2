#include "codec/text.h"

#include <complex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/px.h"

struct px_text px_text_into(char *data, size_t room)
{
	if (room > 0)
		data[0] = '\0';
	return (struct px_text){ .data = data, .room = room };
}

void px_text_add(struct px_text *text, const char *format, ...)
{
	const size_t at = text->length < text->room ? text->length : text->room;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->room > 0 ? text->data + at : NULL, text->room - at, format,
			   arguments);
	va_end(arguments);
	if (length > 0)
		text->length += (size_t)length;
}

/* Bytes of the UTF-8 sequence that starts here, 0 if it is none: overlong
 * forms, surrogates and what lies beyond U+10FFFF are none (RFC 3629). */
static size_t px_utf8(const unsigned char *at, size_t left)
{
	const unsigned char first = at[0];
	const size_t length = first < 0x80   ? 1
			      : first < 0xc2 ? 0
			      : first < 0xe0 ? 2
			      : first < 0xf0 ? 3
			      : first < 0xf5 ? 4
					     : 0;

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] >= 0xa0) ||
	    (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] >= 0x90))
		return 0;
	return length;
}

/* Control characters, the C1 ones in their two-byte form included, would move
 * the cursor of a terminal. */
static bool px_printable(const unsigned char *at, size_t length)
{
	if (length == 1)
		return at[0] >= 0x20 && at[0] != 0x7f;
	return length > 0 && !(at[0] == 0xc2 && at[1] < 0xa0);
}

void px_text_add_bytes(struct px_text *text, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size;) {
		const size_t length = px_utf8(at + i, size - i);

		if (px_printable(at + i, length)) {
			px_text_add(text, "%.*s", (int)length, (const char *)at + i);
			i += length;
		} else {
			px_text_add(text, "\\x%02x", at[i]);
			i++;
		}
	}
}

/* The shortest decimal that reads back as the same number. */
static void px_text_add_double(struct px_text *text, double number)
{
	char digits[40];

	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, number);
		if (strtod(digits, NULL) == number)
			break;
	}
	px_text_add(text, "%s", digits);
}

static void px_text_add_float(struct px_text *text, float number)
{
	char digits[40];

	for (int precision = 6; precision <= 9; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, (double)number);
		if (strtof(digits, NULL) == number)
			break;
	}
	px_text_add(text, "%s", digits);
}

#define PX_LOAD(type, at) (memcpy(&loaded_##type, (at), sizeof(loaded_##type)), loaded_##type)

static void px_text_add_integer(struct px_text *text, char code, const unsigned char *at)
{
	int8_t loaded_int8_t;
	int16_t loaded_int16_t;
	uint16_t loaded_uint16_t;
	int32_t loaded_int32_t;
	uint32_t loaded_uint32_t;
	int64_t loaded_int64_t;
	uint64_t loaded_uint64_t;

	switch (code) {
	case 'b':
		px_text_add(text, "%s", *at ? "true" : "false");
		break;
	case 'a':
		px_text_add(text, "%d", PX_LOAD(int8_t, at));
		break;
	case 'h':
		px_text_add(text, "%u", *at);
		break;
	case 'j':
		px_text_add(text, "%d", PX_LOAD(int16_t, at));
		break;
	case 'v':
		px_text_add(text, "%u", PX_LOAD(uint16_t, at));
		break;
	case 'i':
		px_text_add(text, "%d", PX_LOAD(int32_t, at));
		break;
	case 'u':
		px_text_add(text, "%u", PX_LOAD(uint32_t, at));
		break;
	case 'I':
		px_text_add(text, "%lld", (long long)PX_LOAD(int64_t, at));
		break;
	default:
		px_text_add(text, "%llu", (unsigned long long)PX_LOAD(uint64_t, at));
		break;
	}
}

static void px_text_add_complex(struct px_text *text, double real, double imaginary)
{
	px_text_add_double(text, real);
	px_text_add(text, "%s", imaginary < 0 ? "" : "+");
	px_text_add_double(text, imaginary);
	px_text_add(text, "i");
}

static void px_text_add_number(struct px_text *text, char code, const unsigned char *at)
{
	float loaded_float;
	double loaded_double;
	long double extended;
	float complex single;
	double complex twice;
	long double complex more;

	switch (code) {
	case 'e':
		px_text_add_float(text, PX_LOAD(float, at));
		break;
	case 'f':
		px_text_add_double(text, PX_LOAD(double, at));
		break;
	case 'g':
		memcpy(&extended, at, sizeof(extended));
		px_text_add(text, "%.20Lg", extended);
		break;
	case 'x':
		memcpy(&single, at, sizeof(single));
		px_text_add_complex(text, crealf(single), cimagf(single));
		break;
	case 'y':
		memcpy(&twice, at, sizeof(twice));
		px_text_add_complex(text, creal(twice), cimag(twice));
		break;
	case 'z':
		memcpy(&more, at, sizeof(more));
		px_text_add_complex(text, (double)creall(more), (double)cimagl(more));
		break;
	default:
		px_text_add_integer(text, code, at);
		break;
	}
}

static void px_text_add_quoted(struct px_text *text, const char *string, size_t size, char quote)
{
	px_text_add(text, "%c", quote);
	px_text_add_bytes(text, string, size);
	px_text_add(text, "%c", quote);
}

static void px_text_add_leaf(struct px_text *text, const struct px_leaf *leaf,
			     const unsigned char *at)
{
	struct procs_bytes bytes;
	const char *string;

	switch (leaf->code) {
	case 's':
		memcpy(&string, at, sizeof(string));
		if (string == NULL)
			px_text_add(text, "NULL");
		else
			px_text_add_quoted(text, string, strlen(string), '"');
		break;
	case PROCS_CODE_BYTES:
		memcpy(&bytes, at, sizeof(bytes));
		px_text_add(text, "%zu bytes", bytes.size);
		break;
	case 'c':
		/* A char array is most often a string. */
		if (leaf->count > 1)
			px_text_add_quoted(text, (const char *)at,
					   strnlen((const char *)at, leaf->count), '"');
		else
			px_text_add_quoted(text, (const char *)at, 1, '\'');
		break;
	default:
		px_text_add(text, "%s", leaf->count > 1 ? "[" : "");
		for (uint64_t i = 0; i < leaf->count && text->length < text->room; i++) {
			px_text_add(text, "%s", i > 0 ? ", " : "");
			px_text_add_number(text, leaf->code, at + i * leaf->size);
		}
		px_text_add(text, "%s", leaf->count > 1 ? "]" : "");
		break;
	}
}

void px_text_add_value(struct px_text *text, const struct px_plan *plan, const void *object)
{
	const bool one = plan->n_leaves == 1 && plan->leaf[0].size == plan->size;

	if (plan->n_leaves == 0) {
		px_text_add(text, "void");
		return;
	}
	px_text_add(text, "%s", one ? "" : "{");
	for (uint32_t i = 0; i < plan->n_leaves && text->length < text->room; i++) {
		px_text_add(text, "%s", i > 0 ? ", " : "");
		px_text_add_leaf(text, &plan->leaf[i],
				 (const unsigned char *)object + plan->leaf[i].offset);
	}
	px_text_add(text, "%s", one ? "" : "}");
}
