/*
 * match.c - the page of each line: by hand for the default pattern, by PCRE2
 * for any other. To both a line is bytes, whatever they are, up to a newline.
 */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "wide_finder.h"

/* NULL for the default pattern. */
static pcre2_code *code;
static pcre2_match_data *matched;
static uint32_t group; /* that is the page: 1, or 0 for all that matched */

static bool compile(const char *pattern)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_UCHAR why[256];
	size_t at = 0;
	int error = PCRE2_ERROR_NOMEMORY;

	/* A carriage return is a character like others, and so is half a character of UTF-8. */
	if (context != NULL) {
		pcre2_set_newline(context, PCRE2_NEWLINE_LF);
		code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF,
				     &error, &at, context);
	}
	pcre2_compile_context_free(context);
	if (code == NULL) {
		pcre2_get_error_message(error, why, sizeof(why));
		fprintf(stderr, "wide_finder: pattern, character %zu: %s\n", at + 1,
			(const char *)why);
	}
	return code != NULL;
}

bool match_open(const char *pattern)
{
	if (pattern == NULL || code != NULL)
		return true;
	if (!compile(pattern))
		return false;
	/* Where there is no compiler for this machine, it works without, slowly. */
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &group);
	group = group > 0 ? 1 : 0;
	matched = pcre2_match_data_create(group + 1, NULL);
	if (matched == NULL)
		fprintf(stderr, "wide_finder: %s\n", strerror(ENOMEM));
	return matched != NULL;
}

void match_close(void)
{
	pcre2_match_data_free(matched);
	pcre2_code_free(code);
	matched = NULL;
	code = NULL;
}

/* Which bytes a page ends before. */
static const bool ends_page[256] = { ['?'] = true, [' '] = true, ['"'] = true };

/* ^[^"]*"GET ([^? "]+) by hand. [^"]* has no choice but to take all before the
 * line's first quote, so there is one place to look at, and + has none but to
 * take all up to the next of the three. */
static int match_default(const char *line, const char *end, struct table *table)
{
	static const char get[] = { '"', 'G', 'E', 'T', ' ' };
	const char *page = memchr(line, '"', (size_t)(end - line)), *at;

	if (page == NULL || (size_t)(end - page) < sizeof(get) ||
	    memcmp(page, get, sizeof(get)) != 0)
		return 0;
	page += sizeof(get);
	for (at = page; at < end && !ends_page[(unsigned char)*at]; at++)
		;
	if (at > page && !table_add(table, page, (size_t)(at - page), 1))
		return procs_fail(ENOMEM, "out of memory"), ENOMEM;
	return 0;
}

static int match_pattern(const char *line, const char *end, struct table *table)
{
	const size_t *bounds = pcre2_get_ovector_pointer(matched);
	const int found =
		pcre2_match(code, (PCRE2_SPTR)line, (size_t)(end - line), 0, 0, matched, NULL);
	PCRE2_UCHAR why[256];

	if (found == PCRE2_ERROR_NOMATCH)
		return 0;
	if (found < 0) {
		pcre2_get_error_message(found, why, sizeof(why));
		procs_fail(EINVAL, "pattern: %s", (const char *)why);
		return EINVAL;
	}
	bounds += 2 * (size_t)group;
	/* A group that took no part is unset; \K may put a start behind the end. */
	if (found <= (int)group || bounds[0] > bounds[1] || bounds[1] == PCRE2_UNSET)
		return 0;
	if (!table_add(table, line + bounds[0], bounds[1] - bounds[0], 1))
		return procs_fail(ENOMEM, "out of memory"), ENOMEM;
	return 0;
}

int match_lines(const char *text, size_t size, struct table *table)
{
	const char *end = text + size;
	int error = 0;

	while (text < end && error == 0) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		stop = stop != NULL ? stop : end;
		error = code == NULL ? match_default(text, stop, table)
				     : match_pattern(text, stop, table);
		text = stop + 1;
	}
	return error;
}
