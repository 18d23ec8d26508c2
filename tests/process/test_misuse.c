/*
 * Tasks that misbehave: each costs at most its own item. Public calls with
 * nonsense: each is refused and leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <procs/procs.h>
#include <procs/worker.h>

#include "elsewhere.h"
#include "pxt.h"

enum misdeed {
	NONE,
	CLOSE_STANDARD_FILES,
	CLOSE_ALL_FILES,
	CLOSE_STDOUT_STREAM,
	UNMAP_ALL_SHARED,
	CHANGE_SIGNALS,
	CHANGE_DIRECTORY,
	NOT_DUMPABLE,
	LEAVE_A_THREAD,
	LEAVE_A_CHILD,
	LET_A_CHILD_RETURN,
	LOWER_LIMITS,
	WRITE_BEYOND_SLOT,
	WRITE_BELOW_SLOT,
	FILL_THE_SLOT_WITH_NOISE,
	N_MISDEEDS
};

static void *rest_a_while(void *unused)
{
	usleep(100000);
	return unused;
}

/* Where this task's slot begins, its control words first, and where it ends: the
 * large runs of shared mappings, of which there is more than one if results of an
 * earlier worker lie hidden between. */
static unsigned char *slot_bounds(unsigned char **end_out)
{
	const unsigned long large = 16 << 20;
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end, run = 0, before = 0, first = 0, last = 0;
	char line[512];

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		/* Behind the control words there may be a page of the worker's own, see
		 * doorbell_semaphore.c. */
		if ((strstr(line, " rw-s ") == NULL ||
		     (strstr(line, "/dev/zero") == NULL && strstr(line, "memfd:procs") == NULL)) &&
		    (strstr(line, " rw-p ") == NULL || start != before || end - start != 4096))
			continue;
		if (start != before)
			run = start;
		before = end;
		if (end - run < large)
			continue;
		first = first == 0 ? run : first;
		last = end;
	}
	if (maps != NULL)
		fclose(maps);
	*end_out = (unsigned char *)last;
	return (unsigned char *)first;
}

PXT_SHARED(_Atomic uint64_t, noises, 1);

static void touch_memory(int misdeed)
{
	unsigned char *end, *start = slot_bounds(&end);
	uint64_t seed = (uint64_t)getpid();

	switch (misdeed) {
	case UNMAP_ALL_SHARED:
		munmap(start, (size_t)(end - start));
		break;
	case WRITE_BEYOND_SLOT:
		*end = 1;
		break;
	case WRITE_BELOW_SLOT:
		*(start - 1) = 1;
		break;
	case FILL_THE_SLOT_WITH_NOISE:
		for (unsigned char *at = start; at < start + 65536; at++)
			*at = (unsigned char)pxt_random(&seed);
		atomic_fetch_add(noises, 1);
		usleep(20000); /* still there when its parent looks */
		break;
	default:
		break;
	}
}

static void touch_process(int misdeed)
{
	const struct rlimit low = { 1, 1 };
	pthread_t thread;
	sigset_t all;

	switch (misdeed) {
	case CLOSE_STANDARD_FILES:
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		break;
	case CLOSE_ALL_FILES:
		closefrom(0);
		break;
	case CLOSE_STDOUT_STREAM:
		printf("x");
		fclose(stdout);
		break;
	case CHANGE_SIGNALS:
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		signal(SIGTERM, SIG_IGN);
		alarm(1);
		break;
	case CHANGE_DIRECTORY:
		pxt_equal(chdir("/"), 0);
		umask(077);
		break;
	case NOT_DUMPABLE:
		prctl(PR_SET_DUMPABLE, 0);
		prctl(PR_SET_NAME, "(odd) name)");
		break;
	case LEAVE_A_THREAD:
		pthread_create(&thread, NULL, rest_a_while, NULL);
		break;
	case LEAVE_A_CHILD:
		if (fork() == 0) {
			usleep(100000);
			_exit(0);
		}
		break;
	case LOWER_LIMITS:
		setrlimit(RLIMIT_NOFILE, &low);
		setrlimit(RLIMIT_FSIZE, &low);
		break;
	default:
		touch_memory(misdeed);
		break;
	}
}

static PROCS_DEFINE2(int, misbehave, int, misdeed, int, x)
{
	/* What happens when a task's child cannot exec. */
	if (misdeed == LET_A_CHILD_RETURN && fork() == 0) {
		usleep(3000);
		return -1;
	}
	touch_process(misdeed);
	return 7 * x;
}

static bool costs_its_item(int misdeed)
{
	return misdeed == UNMAP_ALL_SHARED || misdeed >= WRITE_BEYOND_SLOT;
}

static void a_bad_task_costs_at_most_its_item(void **state)
{
	(void)state;
	if (pxt_is_instrumented())
		skip(); /* sanitizers have shared maps of their own */
	for (int misdeed = NONE; misdeed < N_MISDEEDS; misdeed++) {
		enum {
			N = 20
		};

		int misdeeds[N] = { 0 }, xs[N];
		struct procs_spec specs[N];

		for (int i = 0; i < N; i++) {
			misdeeds[i] = i == 9 ? misdeed : NONE;
			xs[i] = i;
			specs[i] = procs_proc(misbehave, misdeeds[i], i);
		}
		for (int form = 0; form < 2; form++) {
			const struct procs_options *options = PROCS_OPTIONS(.workers = 2);
			struct procs_stream *stream =
				form == 0 ? procs_call(specs, N, options)
					  : procs_pmap(misbehave, N, options, misdeeds, xs);
			struct procs_result result;
			int value, lost = 0;

			for (int i = 0; i < N; i++) {
				pxt_equal(procs_next(stream, &result), 1);
				pxt_equal(result.index, i);
				if (result.failed == NULL) {
					pxt_equal(procs_value(&result, &value), 0);
					/* A map's values lie in the slot of the worker that is
					 * filled with noise; only its own may suffer. */
					if (misdeed != FILL_THE_SLOT_WITH_NOISE)
						pxt_equal(value, 7 * i);
				} else {
					lost++;
					if (form == 0 && i != 9)
						pxt_failed(__FILE__, __LINE__,
							   "misdeed %d: item %d: %s", misdeed, i,
							   procs_text(&result));
					pxt_check(costs_its_item(misdeed));
				}
			}
			if (costs_its_item(misdeed) && lost == 0)
				pxt_failed(__FILE__, __LINE__, "misdeed %d, form %d cost nothing",
					   misdeed, form);
			if (misdeed != FILL_THE_SLOT_WITH_NOISE)
				pxt_check(lost <= 1);
			pxt_equal(procs_next(stream, &result), 0);
			pxt_equal(procs_close(stream), 0);
		}
	}
	/* Children and threads that tasks left behind are not ours to wait for. */
	usleep(200000);
}

/* Also what a worker says of itself at first, if nobody has read it by then. */
static void noise_before_the_first_look_costs_one_item(void **state)
{
	struct procs_spec specs[] = { procs_proc(misbehave, FILL_THE_SLOT_WITH_NOISE, 0),
				      procs_proc(misbehave, NONE, 1),
				      procs_proc(misbehave, NONE, 2) };
	struct procs_stream *stream;
	struct procs_result result;
	int value;

	(void)state;
	if (pxt_is_instrumented())
		skip();
	for (uint64_t round = 1; round <= 5; round++) {
		stream = procs_call(specs, 3, PROCS_OPTIONS(.workers = 1));
		pxt_await(noises, round);
		for (int i = 0; i < 3; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			if (i == 0)
				continue;
			if (result.failed != NULL)
				pxt_failed(__FILE__, __LINE__, "%s", procs_text(&result));
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, 7 * i);
		}
		procs_close(stream);
	}
}

/* Stray writes into the control words, one an item: of the same worker anything
 * may be lost, but all come to an end. */
static PROCS_DEFINE2(int, scribble, int, where, int, x)
{
	unsigned char *end, *start = slot_bounds(&end);
	uint64_t seed = (uint64_t)where * 7919;

	if (where > 0)
		((uint64_t *)(void *)start)[where % 512] = where % 3 == 0 ? 0 : pxt_random(&seed);
	return x;
}

/* The same in the middle of a block. */
static PROCS_PURE2(int, scribble_in_a_block, int, where, int, x)
{
	return where > 0 ? scribble(where, x) : x;
}

static void expect_an_end(struct procs_stream *stream, int n, int round)
{
	const uint64_t late = procs_deadline(UINT64_C(25000000000));
	struct procs_result result;

	for (int i = 0; i < n; i++) {
		if (procs_next_until(stream, &result, late) != 1)
			pxt_failed(__FILE__, __LINE__, "word %d: no item %d", round, i);
		pxt_equal(result.index, i);
	}
	procs_close(stream);
}

static void stray_writes_hang_nobody(void **state)
{
	enum {
		N = 200,
		N_IN_BLOCKS = 4000
	};

	static int wheres[N_IN_BLOCKS], xs[N_IN_BLOCKS];

	(void)state;
	if (pxt_is_instrumented())
		skip();
	for (int i = 0; i < N_IN_BLOCKS; i++)
		xs[i] = i;
	for (int round = 1; round < 512; round++) {
		const struct procs_options *options = PROCS_OPTIONS(.workers = 2);

		memset(wheres, 0, sizeof(wheres));
		wheres[20] = round;
		expect_an_end(procs_pmap(scribble, N, options, wheres, xs), N, round);
		wheres[20] = 0;
		wheres[700] = wheres[1500] = round;
		expect_an_end(procs_pmap(scribble_in_a_block, N_IN_BLOCKS, options, wheres, xs),
			      N_IN_BLOCKS, round);
	}
}

static PROCS_DEFINE1(int, same, int, x)
{
	return x;
}

static void refused(struct procs_stream *stream, int error)
{
	const int got = errno;

	pxt_check(stream == NULL);
	pxt_equal(got, error);
	pxt_check(procs_last_failure() != NULL && procs_last_failure()->message_size > 0);
	errno = 0;
}

static int no_source(void *user, struct procs_spec *spec)
{
	(void)user;
	(void)spec;
	return 17;
}

static void options_out_of_range_are_refused(void **state)
{
	struct procs_spec specs[] = { procs_proc(same, 1) };

	struct {
		struct procs_options options;
		uint64_t tail[4];
	} newer = { .options = { .size = sizeof(newer) } };
	struct procs_options options;

	(void)state;
#define REFUSE(field, value) refused(procs_call(specs, 1, PROCS_OPTIONS(.field = value)), EINVAL)
	REFUSE(workers, 4097);
	REFUSE(start, 5);
	REFUSE(order, 2);
	REFUSE(encoding, 2);
	REFUSE(compression, 3);
	REFUSE(checksum, 3);
	REFUSE(copy_results, 2);
	REFUSE(traceback_fd, -2);
	REFUSE(window_items, (UINT64_C(1) << 40) + 1);
	REFUSE(window_bytes, 4095);
	REFUSE(window_bytes, UINT64_MAX);
	REFUSE(timeout_ns, 999999);
	REFUSE(timeout_ns, UINT64_MAX);
	REFUSE(reserve_bytes, 65535);
	REFUSE(reserve_bytes, UINT64_MAX);
	memset(&options, 0, sizeof(options));
	refused(procs_call(specs, 1, &options), EINVAL);
	options.size = 7;
	refused(procs_call(specs, 1, &options), EINVAL);
	options.size = SIZE_MAX;
	refused(procs_call(specs, 1, &options), E2BIG);
	newer.tail[2] = 1;
	refused(procs_call(specs, 1, &newer.options), E2BIG);
	newer.tail[2] = 0;
	pxt_equal(procs_close(procs_call(specs, 1, &newer.options)), 0);
}

struct unknown {
	int a;
};

static PROCS_DEFINE1(int, take_unknown, struct unknown, u)
{
	return u.a;
}

static PROCS_DEFINE0(struct unknown, give_unknown)
{
	return (struct unknown){ 1 };
}

/* elsewhere.c teaches another of that name. */
struct homonym {
	int a, b;
};

PROCS_STRUCT(struct homonym, int, a, int, b);

static PROCS_DEFINE1(int, take_homonym, struct homonym, x)
{
	return x.a + x.b;
}

static void nonsense_is_refused(void **state)
{
	struct procs_spec specs[] = { procs_proc(same, 1) };
	int xs[] = { 1, 2 };
	const void *arrays[] = { xs, xs };
	struct procs_sequence sequence = { xs, sizeof(int), 0 };
	const struct procs_function *function = procs_function_of(same);
	struct procs_function shorter = *function;
	struct unknown unknown = { 1 };
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	refused(procs_call(NULL, 1, NULL), EINVAL);
	refused(procs_call(specs, SIZE_MAX, NULL), EINVAL);
	refused(procs_call_from(NULL, NULL, NULL), EINVAL);
	refused(procs_pmap_arrays(NULL, 2, NULL, arrays, 1), EINVAL);
	refused(procs_pmap_arrays(function, 2, NULL, arrays, 2), EINVAL);
	refused(procs_pmap_arrays(function, 2, NULL, NULL, 1), EINVAL);
	refused(procs_pmap_sequences(function, 2, NULL, NULL, 1), EINVAL);
	refused(procs_pmap_sequences(function, 2, NULL, &sequence, 0), EINVAL);
	refused(procs_pmap_sequences(function, SIZE_MAX, NULL, &sequence, 1), EINVAL);
	sequence.element_size = 8;
	refused(procs_pmap_sequences(function, 2, NULL, &sequence, 1), EINVAL);
	sequence.element_size = 4;
	sequence.stride = 3;
	refused(procs_pmap_sequences(function, 2, NULL, &sequence, 1), EINVAL);
	sequence.stride = SIZE_MAX / 2;
	refused(procs_pmap_sequences(function, 2, NULL, &sequence, 1), EINVAL);
	sequence = (struct procs_sequence){ NULL, 4, 0 };
	refused(procs_pmap_sequences(function, 2, NULL, &sequence, 1), EINVAL);
	shorter.size = 8;
	refused(procs_pmap_arrays(&shorter, 2, NULL, arrays, 1), EINVAL);
	refused(procs_pmap(take_unknown, 1, NULL, &unknown), ENOENT);
	pxt_text(procs_last_failure()->message,
		 "procs_pmap: no PROCS_STRUCT(struct unknown, ...) in this program");
	pxt_equal(procs_next(NULL, &result), -EINVAL);
	pxt_equal(procs_cancel(NULL, 0), -EINVAL);
	pxt_equal(procs_close(NULL), 0);
	pxt_text(procs_text(NULL), "");
	pxt_check(procs_view(NULL, NULL) == NULL);
	pxt_equal(procs_failed_text(NULL, NULL, 0), 0);
	pxt_text(procs_cause_name((enum procs_cause)99), "?");
	pxt_text(procs_version(), PROCS_VERSION);
	stream = procs_call(specs, 1, NULL);
	pxt_equal(procs_next(stream, NULL), -EINVAL);
	pxt_equal(procs_next(stream, &result), 1);
	procs_close(stream);
	stream = procs_call_from(no_source, NULL, NULL);
	pxt_equal(procs_next(stream, &result), -EINVAL);
	procs_close(stream);
}

static void a_wrong_specification_costs_one_item(void **state)
{
	struct unknown unknown = { 1 };
	struct homonym homonym = { 1, 2 };
	int x = 300;
	struct procs_spec specs[] = {
		procs_proc(take_unknown, unknown),
		procs_proc(give_unknown),
		procs_proc(take_homonym, homonym),
		procs_proc(far_difference, 1, 10),
		procs_spec_make(procs_function_of(same), "long", 129),
		procs_spec_make(procs_function_of(same), "12345678", 8),
		procs_raw(procs_function_of(same), &x, sizeof(x)),
		procs_raw(procs_function_of(far_fill), NULL, 8),
		{ 0 },
		procs_proc(same, 2),
	};
	static const char *const texts[] = {
		"take_unknown cannot be called: no PROCS_STRUCT(struct unknown, ...) in this program",
		"give_unknown cannot be called: no PROCS_STRUCT(struct unknown, ...) in this program",
		"take_homonym cannot be called: two different PROCS_STRUCT(struct homonym, ...) in this "
		"program",
		"far_difference cannot be called: PROCS_BODY has the argument a in another place than "
		"PROCS_DECLARE",
		"same cannot be called: this is not what the task takes",
		"same cannot be called: this is not what the task takes",
		"same cannot be called: this is not what the task takes",
		"far_fill cannot be called: this is not what the task takes",
		"a specification without a function",
	};
	const int n = sizeof(specs) / sizeof(specs[0]);
	struct procs_stream *stream = procs_call(specs, (size_t)n, NULL);
	struct procs_result result;

	(void)state;
	for (int i = 0; i < n - 1; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_ENCODE);
		pxt_text(result.failed->message, texts[i]);
	}
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	procs_close(stream);
	refused(procs_pmap(take_homonym, 1, NULL, &homonym), ENOTUNIQ);
}

/* The symbols that gcc and glibc call when a stack or a buffer is overrun. */
static PROCS_DEFINE1(int, overrun_stack, int, length)
{
	char buffer[8];
	volatile char *at = buffer;

	for (int i = 0; i < length; i++)
		at[i] = 'x';
	return buffer[0];
}

static PROCS_DEFINE1(int, fortified, int, length)
{
	char buffer[8];
	volatile size_t size = (size_t)length;

	__builtin___memset_chk(buffer, 'x', size, sizeof(buffer));
	return buffer[0];
}

static void hardened_code_aborts_its_item_alone(void **state)
{
	struct procs_spec specs[] = { procs_proc(overrun_stack, 64), procs_proc(fortified, 64),
				      procs_proc(same, 1) };
	struct procs_stream *stream;
	struct procs_result result;

	(void)state;
	if (pxt_is_instrumented())
		skip();
	stream = procs_call(specs, 3, NULL);
	for (int i = 0; i < 2; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed != NULL);
		pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
		pxt_equal(result.failed->code, SIGABRT);
	}
	pxt_equal(procs_next(stream, &result), 1);
	pxt_check(result.failed == NULL);
	procs_close(stream);
}

/* Bytes of shared memory of the library that this worker could write, apart from the
 * doorbell's page and one run, which is its own slot. */
static PROCS_DEFINE1(uint64_t, writable_beyond, int, unused)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end, before = 0;
	uint64_t bytes = 0, run = 0, largest = 0;
	char line[512];

	(void)unused;
	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, " rw-s ") == NULL ||
		    (strstr(line, "/dev/zero") == NULL && strstr(line, "memfd:procs") == NULL) ||
		    sscanf(line, "%lx-%lx", &start, &end) != 2 || end - start == 4096)
			continue;
		run = (start == before ? run : 0) + (end - start);
		before = end;
		bytes += end - start;
		largest = run > largest ? run : largest;
	}
	if (maps != NULL)
		fclose(maps);
	return bytes - largest;
}

/* Whatever else the host has open: other streams, pools and arrays. */
static void a_worker_writes_nothing_of_others(void **state)
{
	struct procs_stream *streams[4];
	struct procs_result result;
	struct procs_pool *pool;
	int xs[10] = { 0 }, *array;
	uint64_t bytes;

	(void)state;
	if (pxt_is_instrumented())
		skip(); /* sanitizers have shared maps of their own */
	pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));
	array = procs_array(int, 1000);
	for (int i = 0; i < 4; i++)
		streams[i] = procs_pmap(
			writable_beyond, 10,
			i == 1 ? PROCS_OPTIONS(.pool = pool) : PROCS_OPTIONS(.workers = 2), xs);
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 10; k++) {
			pxt_equal(procs_next(streams[i], &result), 1);
			pxt_equal(procs_value(&result, &bytes), 0);
			pxt_equal(bytes, 0);
		}
		procs_close(streams[i]);
	}
	procs_pool_close(pool);
	procs_array_free(array);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(a_worker_writes_nothing_of_others),
		pxt_test(a_bad_task_costs_at_most_its_item),
		pxt_test(noise_before_the_first_look_costs_one_item),
		pxt_test(stray_writes_hang_nobody),
		pxt_test(options_out_of_range_are_refused),
		pxt_test(nonsense_is_refused),
		pxt_test(a_wrong_specification_costs_one_item),
		pxt_test(hardened_code_aborts_its_item_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
