/*
 * Results of every length: exact at all edges, never cut, in place where that
 * is promised.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "modes.h"
#include "pxt.h"

/* The byte at `offset` of a result of this size and filling. */
static unsigned char byte_at(uint64_t size, uint64_t offset, int filling)
{
	uint64_t state = size ^ (offset / 8);

	switch (filling) {
	case 0:
		return 0;
	case 1:
		return (unsigned char)(offset % 2 ? 0xaa : 0x55);
	default:
		return (unsigned char)(pxt_random(&state) >> offset % 8);
	}
}

struct wish {
	uint64_t size;
	int filling;
};

static int produce(struct procs_task *task)
{
	struct wish wish;
	unsigned char *room;
	size_t size;

	memcpy(&wish, procs_argument(task, 0, &size), sizeof(wish));
	room = procs_reserve(task, wish.size);
	if (room == NULL)
		return errno;
	for (uint64_t i = 0; i < wish.size; i++)
		room[i] = byte_at(wish.size, i, wish.filling);
	return procs_commit(task, wish.size);
}

static PROCS_TASK(produce, produce);

static PROCS_DEFINE2(struct procs_bytes, produce_bytes, uint64_t, size, int, filling)
{
	unsigned char *bytes = procs_scratch(size);

	for (uint64_t i = 0; i < size; i++)
		bytes[i] = byte_at(size, i, filling);
	return (struct procs_bytes){ bytes, size };
}

static PROCS_DEFINE1(const char *, produce_text, uint64_t, size)
{
	char *text = procs_scratch(size + 1);

	for (uint64_t i = 0; i < size; i++)
		text[i] = (char)('a' + byte_at(size, i, 2) % 26);
	text[size] = '\0';
	return text;
}

static const uint64_t sizes[] = { 0,     1,     2,     63,    64,    65,      4095,    4096,   4097,
				  16383, 16384, 65535, 65536, 65537, 1048575, 1048576, 1048577 };

enum {
	N_SIZES = sizeof(sizes) / sizeof(sizes[0]),
	N_FILLINGS = 3
};

static void check_bytes(const struct procs_result *result, uint64_t size, int filling)
{
	size_t got;
	const unsigned char *bytes = procs_view(result, &got);

	if (result->failed != NULL)
		pxt_failed(__FILE__, __LINE__, "size %llu: %s", (unsigned long long)size,
			   procs_text(result));
	pxt_equal(got, size);
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != byte_at(size, i, filling))
			pxt_failed(__FILE__, __LINE__, "size %llu differs at %llu",
				   (unsigned long long)size, (unsigned long long)i);
}

static void raw_results_of_every_length_are_exact(void **state)
{
	struct wish wishes[N_SIZES * N_FILLINGS];
	const struct procs_sequence sequence = { wishes, sizeof(wishes[0]), 0 };

	(void)state;
	for (int i = 0; i < N_SIZES * N_FILLINGS; i++)
		wishes[i] = (struct wish){ sizes[i / N_FILLINGS], i % N_FILLINGS };
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_stream *stream = procs_pmap_sequences(
			procs_function_of(produce), N_SIZES * N_FILLINGS, &options, &sequence, 1);
		struct procs_result result;

		for (int i = 0; i < N_SIZES * N_FILLINGS; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			check_bytes(&result, wishes[i].size, wishes[i].filling);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
}

static void byte_results_of_every_length_are_exact(void **state)
{
	struct procs_spec specs[N_SIZES * N_FILLINGS];

	(void)state;
	for (int i = 0; i < N_SIZES * N_FILLINGS; i++)
		specs[i] = procs_proc(produce_bytes, sizes[i / N_FILLINGS], i % N_FILLINGS);
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_stream *stream = procs_call(specs, N_SIZES * N_FILLINGS, &options);
		struct procs_result result;

		for (int i = 0; i < N_SIZES * N_FILLINGS; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			check_bytes(&result, sizes[i / N_FILLINGS], i % N_FILLINGS);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
}

static void text_results_of_every_length_are_exact(void **state)
{
	(void)state;
	for (int m = 0; m < N_MODES; m++) {
		const struct procs_options options = mode_options(&modes[m]);
		struct procs_stream *stream = procs_pmap(produce_text, N_SIZES, &options, sizes);
		struct procs_result result;
		const char *text;

		for (int i = 0; i < N_SIZES; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &text), 0);
			pxt_equal(strlen(text), sizes[i]);
			for (uint64_t k = 0; k < sizes[i]; k += 97)
				pxt_equal(text[k], 'a' + byte_at(sizes[i], k, 2) % 26);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
}

static PROCS_DEFINE1(uint64_t, length, struct procs_bytes, bytes)
{
	const unsigned char *data = bytes.data;
	uint64_t sum = bytes.size;

	for (uint64_t i = 0; i < bytes.size; i++)
		sum += data[i] == byte_at(bytes.size, i, 2);
	return sum;
}

static void arguments_of_every_length_arrive(void **state)
{
	unsigned char *bytes = malloc(sizes[N_SIZES - 1]);

	(void)state;
	for (int i = 0; i < N_SIZES; i++) {
		struct procs_spec specs[1];
		struct procs_stream *stream;
		struct procs_result result;
		uint64_t value;

		for (uint64_t k = 0; k < sizes[i]; k++)
			bytes[k] = byte_at(sizes[i], k, 2);
		specs[0] = procs_proc(length, ((struct procs_bytes){ bytes, sizes[i] }));
		stream = procs_call(specs, 1, NULL);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 2 * sizes[i]);
		procs_close(stream);
	}
	free(bytes);
}

/* As many as fit in the window many times over, through a small one: it turns
 * over and over, and nothing is lost or mixed up. */
static void results_pass_through_a_small_window(void **state)
{
	enum {
		N = 3000
	};
	struct wish *wishes = malloc(N * sizeof(*wishes));
	const struct procs_sequence sequence = { wishes, sizeof(*wishes), 0 };
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < N; i++)
		wishes[i] = (struct wish){ pxt_random(&seed) % (i % 50 == 0 ? 60000 : 600), 2 };
	for (uint32_t order = 0; order < 2; order++) {
		struct procs_stream *stream = procs_pmap_sequences(
			procs_function_of(produce), N,
			PROCS_OPTIONS(.workers = 3, .window_bytes = 1 << 16, .order = order,
				      .reserve_bytes = 1 << 20),
			&sequence, 1);
		struct procs_result result;

		for (int i = 0; i < N; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			check_bytes(&result, wishes[result.index].size, 2);
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
	free(wishes);
}

static int commit_twice(struct procs_task *task)
{
	unsigned char *room = procs_reserve(task, 100);

	if (procs_commit(task, 101) != -EINVAL)
		return 1;
	memset(room, 'a', 100);
	if (procs_commit(task, 3) != 0 || procs_commit(task, 5) != -EALREADY ||
	    procs_reserve(task, 1) != NULL || errno != EALREADY)
		return 2;
	return 0;
}

static int commit_nothing(struct procs_task *task)
{
	return procs_argument_count(task) == 1 && procs_argument(task, 1, NULL) == NULL ? 0 : 1;
}

static int reserve_only(struct procs_task *task)
{
	return procs_reserve(task, 10) != NULL ? 0 : 1;
}

static int return_code(struct procs_task *task)
{
	(void)task;
	return 70123;
}

static PROCS_TASK(commit_twice, commit_twice);
static PROCS_TASK(commit_nothing, commit_nothing);
static PROCS_TASK(reserve_only, reserve_only);
static PROCS_TASK(return_code, return_code);

static void raw_tasks_follow_their_rules(void **state)
{
	struct procs_spec specs[] = { procs_raw(procs_function_of(commit_twice), NULL, 0),
				      procs_raw(procs_function_of(commit_nothing), NULL, 0),
				      procs_raw(procs_function_of(reserve_only), "x", 1),
				      procs_raw(procs_function_of(return_code), "x", 1) };
	struct procs_stream *stream = procs_call(specs, 4, NULL);
	struct procs_result result;
	size_t size;

	(void)state;
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	pxt_check(memcmp(procs_view(&result, &size), "aaa", 3) == 0);
	pxt_equal(size, 3);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	pxt_equal(result.bytes, 0);
	pxt_text(procs_text(&result), "0 bytes");
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed != NULL);
	pxt_equal(result.failed->cause, PROCS_CAUSE_ERROR);
	pxt_equal(result.failed->code, ENODATA);
	pxt_equal(procs_next(stream, &result), 1);
	pxt_equal(result.failed->code, 70123);
	procs_close(stream);
	pxt_equal(procs_commit(NULL, 0), -EINVAL);
	pxt_check(procs_reserve(NULL, 0) == NULL && errno == EINVAL);
	pxt_equal(procs_argument_count(NULL), 0);
}

static PROCS_DEFINE1(struct procs_bytes, bytes_of, int, size)
{
	char *bytes = procs_scratch((size_t)size + 1);

	memset(bytes, size, (size_t)size);
	return (struct procs_bytes){ bytes, (size_t)size };
}

/* A quarter of the area always has room, whatever still waits to be taken. */
static void little_room_is_enough_for_what_is_said(void **state)
{
	enum {
		N = 2000
	};

	static int lengths[N];

	(void)state;
	for (int i = 0; i < N; i++)
		lengths[i] = i * 8; /* up to 16 KB of 64 */
	for (uint32_t variant = 0; variant < 12; variant++) {
		const struct procs_options *options =
			PROCS_OPTIONS(.workers = 1 + variant % 3, .order = variant / 3 % 2,
				      .compression = 1 + variant / 6, .reserve_bytes = 65536);
		struct procs_stream *stream = procs_pmap(bytes_of, N, options, lengths);
		struct procs_result result;

		for (int i = 0; i < N; i++) {
			pxt_equal(procs_next_until(stream, &result,
						   procs_deadline(UINT64_C(20000000000))),
				  1);
			if (result.failed != NULL)
				pxt_failed(__FILE__, __LINE__, "variant %u, %llu: %s", variant,
					   (unsigned long long)result.index, procs_text(&result));
		}
		procs_close(stream);
	}
}

PXT_SHARED(_Atomic uint64_t, go, 1);

static void *change(void *room)
{
	while (atomic_load(go) == 0)
		usleep(100);
	memset(room, 2, 4096);
	atomic_store(go, 2);
	return NULL;
}

static int change_later(struct procs_task *task)
{
	const char *lasts = procs_argument(task, 0, NULL);
	unsigned char *room = procs_reserve(task, 4096);
	pthread_t thread;

	memset(room, 1, 4096);
	if (!*lasts)
		return procs_commit(task, 4096);
	/* A thread that lives on after the task may still write into its slot. */
	pthread_create(&thread, NULL, change, room);
	return procs_commit(task, 4096);
}

static PROCS_TASK(change_later, change_later);

static void a_view_may_change_a_copy_may_not(void **state)
{
	static const char lasts[2] = { 1, 0 };
	const struct procs_sequence sequence = { lasts, 1, 0 };

	(void)state;
	for (uint32_t copy = 0; copy < 2; copy++) {
		struct procs_stream *stream;
		struct procs_result result;
		const unsigned char *bytes;

		atomic_store(go, 0);
		/* A worker who has more than one item to do stays. */
		stream = procs_pmap_sequences(procs_function_of(change_later), 2,
					      PROCS_OPTIONS(.copy_results = copy, .workers = 1),
					      &sequence, 1);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		bytes = procs_view(&result, NULL);
		pxt_equal(bytes[7], 1);
		atomic_store(go, 1);
		pxt_await(go, 2);
		pxt_equal(bytes[7], copy ? 1 : 2);
		procs_close(stream);
	}
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(raw_results_of_every_length_are_exact),
		pxt_test(byte_results_of_every_length_are_exact),
		pxt_test(text_results_of_every_length_are_exact),
		pxt_test(arguments_of_every_length_arrive),
		pxt_test(results_pass_through_a_small_window),
		pxt_test(raw_tasks_follow_their_rules),
		pxt_test(little_room_is_enough_for_what_is_said),
		pxt_test(a_view_may_change_a_copy_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
