/* base/: arithmetic that cannot overflow, time, buffers, checksums. */
#include <errno.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/px.h"
#include "pxt.h"

static void sums_and_products_say_when_they_overflow(void **state)
{
	uint64_t out = 0;

	(void)state;
	pxt_check(px_add(1, 2, &out) && out == 3);
	pxt_check(!px_add(UINT64_MAX, 1, &out));
	pxt_check(px_multiply(1 << 20, 1 << 20, &out) && out == UINT64_C(1) << 40);
	pxt_check(!px_multiply(UINT64_C(1) << 33, UINT64_C(1) << 31, &out));
	pxt_equal(px_divide_up(0, 7), 0);
	pxt_equal(px_divide_up(7, 7), 1);
	pxt_equal(px_divide_up(8, 7), 2);
	pxt_check(px_divide_up(UINT64_MAX, 2) == (UINT64_C(1) << 63));
	pxt_equal(px_align(65, 64), 128);
	pxt_equal(px_align_down(127, 64), 64);
	pxt_equal(px_clamp(5, 7, 9), 7);
	pxt_equal(px_clamp(11, 7, 9), 9);
}

static void deadlines_do_not_wrap(void **state)
{
	const uint64_t now = px_now();
	struct timespec time;

	(void)state;
	pxt_check(px_deadline(now, UINT64_MAX) == PX_NEVER);
	pxt_check(px_deadline(now, 5) == now + 5);
	pxt_check(px_now() >= now);
	time = px_timespec(3 * PX_SECOND + 7);
	pxt_equal(time.tv_sec, 3);
	pxt_equal(time.tv_nsec, 7);
	time = px_timespec(PX_NEVER);
	pxt_check(time.tv_sec > 0 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
}

static void buffers_grow_and_keep_what_they_are_told_to(void **state)
{
	struct px_buffer buffer = { 0 };

	(void)state;
	pxt_equal(px_buffer_room(&buffer, 10), 0);
	pxt_check(buffer.capacity >= 10);
	memcpy(buffer.data, "0123456789", 10);
	pxt_equal(px_buffer_grow(&buffer, 10, 100000), 0);
	pxt_check(buffer.capacity >= 100000);
	pxt_check(memcmp(buffer.data, "0123456789", 10) == 0);
	pxt_equal(px_buffer_grow(&buffer, 0, 1000000), 0);
	pxt_check(buffer.capacity >= 1000000);
	px_buffer_free(&buffer);
	pxt_check(buffer.data == NULL && buffer.capacity == 0);
}

static void checksums_tell_bits_apart(void **state)
{
	unsigned char bytes[200];
	uint64_t sum;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	sum = px_checksum(bytes, sizeof(bytes));
	pxt_check(sum == px_checksum(bytes, sizeof(bytes)));
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		pxt_check(px_checksum(bytes, sizeof(bytes)) != sum);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	pxt_check(px_checksum(NULL, 0) == px_checksum(bytes, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(sums_and_products_say_when_they_overflow),
		pxt_test(deadlines_do_not_wrap),
		pxt_test(buffers_grow_and_keep_what_they_are_told_to),
		pxt_test(checksums_tell_bits_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
