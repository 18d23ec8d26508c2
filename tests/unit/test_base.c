/* base/: arithmetic that cannot overflow, time, buffers, checksums, random numbers. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/philox.h"
#include "base/px.h"
#include "base/roster.h"
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

/* Words as the authors of Philox print them: the counter's four, the key's two,
 * the result's four. */
static void random_numbers_are_those_of_the_authors(void **state)
{
	static const uint32_t known[][10] = {
		{ 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
		{ 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
		  0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
		{ 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
		  0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint64_t pair[5], out[2];

		for (size_t k = 0; k < 5; k++)
			pair[k] = (uint64_t)known[i][2 * k + 1] << 32 | known[i][2 * k];
		px_philox(pair, pair[2], out);
		pxt_check(out[0] == pair[3]);
		pxt_check(out[1] == pair[4]);
	}
}

static struct px_roster registry;

enum {
	THREADS = 4,
	ADDRESSES = 20
};

static unsigned char addresses[THREADS][ADDRESSES];

/* Adds and drops its own over and over, and meets those of others. */
static void *add_and_drop(void *own_)
{
	unsigned char *own = own_;
	void *address;

	for (int round = 0; round < 500; round++) {
		struct px_node *at = NULL;
		uint64_t number;

		for (int i = 0; i < ADDRESSES; i++)
			if (!px_roster_add(&registry, own + i, (uintptr_t)(own + i)))
				return NULL;
		while ((address = px_roster_next(&registry, &at, &number)) != NULL)
			if (address >= (void *)own && address < (void *)(own + ADDRESSES) &&
			    number != (uintptr_t)address)
				return NULL;
		for (int i = 0; i < ADDRESSES; i++)
			if (!px_roster_has(&registry, own + i) ||
			    !px_roster_drop(&registry, own + i) ||
			    px_roster_has(&registry, own + i))
				return NULL;
	}
	return own;
}

static void addresses_are_registered_by_many_threads(void **state)
{
	pthread_t threads[THREADS];
	struct px_node *at = NULL;
	int nodes = 0;
	uint64_t number;
	void *done;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		pxt_equal(pthread_create(&threads[i], NULL, add_and_drop, addresses[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pxt_equal(pthread_join(threads[i], &done), 0);
		pxt_check(done == addresses[i]);
	}
	pxt_check(px_roster_next(&registry, &at, &number) == NULL);
	for (struct px_node *node = atomic_load(&registry.first); node != NULL; node = node->next)
		nodes++;
	pxt_check(nodes <= THREADS * ADDRESSES);
	pxt_check(!px_roster_has(&registry, NULL) && !px_roster_has(&registry, (void *)1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		pxt_test(sums_and_products_say_when_they_overflow),
		pxt_test(deadlines_do_not_wrap),
		pxt_test(buffers_grow_and_keep_what_they_are_told_to),
		pxt_test(checksums_tell_bits_apart),
		pxt_test(addresses_are_registered_by_many_threads),
		pxt_test(random_numbers_are_those_of_the_authors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
