/*
 * result.c - reading an outcome: typed, as bytes, as a line for people.
 */
#include <errno.h>
#include <procs/procs.h>
#include <string.h>

#include "api/api.h"
#include "base/px.h"
#include "codec/text.h"
#include "pool/stream.h"

/* Integers that differ only in their sign: the letters of each width. */
static bool px_same_width(char a, char b)
{
	static const char *const widths[] = { "cah", "jv", "iu", "IU" };

	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		if (strchr(widths[i], a) != NULL && strchr(widths[i], b) != NULL)
			return true;
	return false;
}

static bool px_is_signed(char code)
{
	/* A plain char is as the compiler has it. */
	return code == 'c' ? (char)-1 < 0 : strchr("ajiI", code) != NULL;
}

/* Whether the top bit of a little- or big-endian integer is set. */
static bool px_top_bit(const unsigned char *bytes, size_t size)
{
	const uint16_t one = 1;
	const bool little = *(const unsigned char *)&one == 1;

	return bytes[little ? size - 1 : 0] & 0x80;
}

bool px_type_reads_as(const struct procs_type *type, size_t size, int code)
{
	const char have = (char)type->code, want = (char)code;

	return size == type->size && size > 0 && (have == want || px_same_width(have, want));
}

int px_type_read(const struct procs_type *type, const void *object, void *value, size_t size,
		 int code)
{
	const char have = (char)type->code, want = (char)code;

	if (!px_type_reads_as(type, size, code))
		return -EINVAL;
	if (have != want && px_is_signed(have) != px_is_signed(want) && px_top_bit(object, size))
		return -ERANGE;
	/* Copies of a known size need no call. */
	if (size == sizeof(uint32_t))
		memcpy(value, object, sizeof(uint32_t));
	else if (size == sizeof(uint64_t))
		memcpy(value, object, sizeof(uint64_t));
	else
		memcpy(value, object, size);
	return 0;
}

int procs_value_as(const struct procs_result *result, void *value, size_t size, int code)
{
	if (result == NULL || value == NULL)
		return -EINVAL;
	if (result->failed != NULL)
		return -ENODATA;
	if (result->function == NULL || result->function->raw != NULL || result->data == NULL)
		return -EINVAL;
	return px_type_read(&result->function->result, result->data, value, size, code);
}

const void *procs_view(const struct procs_result *result, size_t *size_out)
{
	const void *data = NULL;
	size_t size = 0;
	struct procs_bytes bytes;
	const char *string;

	if (result != NULL && result->failed == NULL && result->function != NULL) {
		data = result->data;
		size = result->bytes;
		if (result->function->result.code == PROCS_CODE_BYTES) {
			memcpy(&bytes, result->data, sizeof(bytes));
			data = bytes.data;
			size = bytes.size;
		} else if (result->function->result.code == 's') {
			memcpy(&string, result->data, sizeof(string));
			data = string;
			size = string != NULL ? strlen(string) : 0;
		}
	}
	if (size_out != NULL)
		*size_out = size;
	return data;
}

const char *procs_text(const struct procs_result *result)
{
	const struct px_plan *plan;
	struct px_text text;
	size_t room;
	char *line;

	if (result == NULL || result->stream == NULL)
		return "";
	line = px_stream_text(result->stream, &room);
	text = px_text_into(line, room);
	if (result->failed != NULL) {
		px_text_add_failed(&text, result->failed);
	} else if (result->function->raw != NULL) {
		px_text_add(&text, "%llu bytes", (unsigned long long)result->bytes);
	} else {
		plan = px_stream_plan(result->stream, result->function);
		if (plan != NULL)
			px_text_add_value(&text, plan, result->data);
	}
	return line;
}
