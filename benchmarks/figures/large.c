#include "large.h"

#include <stddef.h>
#include <string.h>

#ifdef __SSE2__
# include <emmintrin.h>
#endif

enum {
	LINE = 64,
	LINES = 64 /* result i begins at line i % LINES of the noise */
};

static unsigned char noise[LARGE_BYTES + LINES * LINE];
static uint64_t sums[LINES];

static uint64_t sum_of(const unsigned char *bytes)
{
	const uint64_t *words = (const void *)bytes;
	uint64_t sum = 0;

	for (size_t i = 0; i < LARGE_BYTES / sizeof(*words); i++)
		sum += words[i];
	return sum;
}

void large_prepare(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(noise); i++) {
		x = x * 1664525 + 1013904223;
		noise[i] = (unsigned char)(x >> 24);
	}
	for (size_t i = 0; i < LINES; i++)
		sums[i] = sum_of(noise + LINE * i);
}

void large_fill(unsigned char *bytes, uint64_t i)
{
	memcpy(bytes, noise + LINE * (i % LINES), LARGE_BYTES);
}

void large_fill_past_caches(unsigned char *bytes, uint64_t i)
{
#ifdef __SSE2__
	const unsigned char *from = noise + LINE * (i % LINES);

	for (size_t at = 0; at < LARGE_BYTES; at += sizeof(__m128i))
		_mm_stream_si128((__m128i *)(void *)(bytes + at),
				 _mm_loadu_si128((const __m128i *)(const void *)(from + at)));
	_mm_sfence();
#else
	large_fill(bytes, i);
#endif
}

bool large_right(const unsigned char *bytes, uint64_t i)
{
	return sum_of(bytes) == sums[i % LINES];
}
