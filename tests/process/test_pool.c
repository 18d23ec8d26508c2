/*
 * Workers that stay: one pool under many streams, what its workers see, what becomes
 * of those that die, and what a pool refuses.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "pxt.h"

#include <procs/procs.h>
#include <procs/worker.h>

static PROCS_DEFINE1(int, twice, int, x)
{
	return 2 * x;
}

static PROCS_DEFINE2(int, add, int, x, int, y)
{
	return x + y;
}

static PROCS_DEFINE1(int64_t, whose, int, x)
{
	return getpid() + 0 * x;
}

static PROCS_DEFINE1(size_t, length, const char *, text)
{
	return text != NULL ? strlen(text) : SIZE_MAX;
}

static PROCS_DEFINE1(int, crash_at_7, int, x)
{
	if (x == 7)
		raise(SIGKILL);
	return x;
}

PXT_SHARED(_Atomic uint64_t, word, 1);

static PROCS_DEFINE1(int, hang, int, x)
{
	atomic_fetch_add(word, 1);
	for (;;)
		pause();
	return x;
}

static PROCS_DEFINE1(int, nested, int, n)
{
	struct procs_stream *stream;
	struct procs_result result;
	int xs[10], sum = 0, value;

	for (int i = 0; i < 10; i++)
		xs[i] = n + i;
	stream = procs_pmap(twice, 10, PROCS_OPTIONS(.workers = 2), xs);
	while (procs_next(stream, &result) == 1 && procs_value(&result, &value) == 0)
		sum += value;
	procs_close(stream);
	return sum;
}

static struct procs_pool *open_pool(uint32_t workers)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.workers = workers));

	pxt_check(pool != NULL);
	return pool;
}

static void close_pool(struct procs_pool *pool)
{
	pxt_equal(procs_pool_close(pool), 0);
}

/* All results of a stream of ints, which must be those expected. */
static void expect(struct procs_stream *stream, int n, int (*value_of)(int))
{
	struct procs_result result;
	int value;

	pxt_check(stream != NULL);
	for (int i = 0; i < n; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.index, i);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, value_of(i));
	}
	pxt_equal(procs_next(stream, &result), 0);
	pxt_equal(procs_close(stream), 0);
}

static int is_twice(int i)
{
	return 2 * i;
}

static int is_sum(int i)
{
	return i + 3 * i;
}

/* The processes that ran a map of so many items, each listed once. */
static int workers_of(struct procs_pool *pool, int64_t *pids, int most)
{
	struct procs_stream *stream;
	struct procs_result result;
	int xs[400] = { 0 }, n = 0, known;
	int64_t pid;

	stream = procs_pmap(whose, 400, PROCS_OPTIONS(.pool = pool), xs);
	pxt_check(stream != NULL);
	while (procs_next(stream, &result) == 1) {
		pxt_equal(procs_value(&result, &pid), 0);
		for (known = 0; known < n && pids[known] != pid; known++)
			;
		if (known == n) {
			pxt_check(n < most);
			pids[n++] = pid;
		}
	}
	procs_close(stream);
	return n;
}

static void one_pool_serves_many_functions(void **state)
{
	const int children = pxt_children();
	struct procs_pool *pool = open_pool(2);
	int xs[1000], ys[1000];
	int64_t pids[2];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		xs[i] = i;
		ys[i] = 3 * i;
	}
	for (int round = 0; round < 20; round++) {
		const struct procs_options *options = PROCS_OPTIONS(.pool = pool);

		expect(procs_pmap(twice, 1000, options, xs), 1000, is_twice);
		expect(procs_pmap(add, 1000, options, xs, ys), 1000, is_sum);
		expect(procs_pmap(twice, 0, options, xs), 0, is_twice);
		expect(procs_pmap(twice, 1, options, xs), 1, is_twice);
	}
	pxt_check(workers_of(pool, pids, 2) >= 1);
	/* Where clones are not to be had, as under ThreadSanitizer, they are the server's. */
	if (!pxt_serves() || !pxt_is_instrumented())
		pxt_equal(pxt_children(), children + 2);
	close_pool(pool);
}

static void ten_thousand_streams(void **state)
{
	const int rounds = pxt_is_instrumented() ? 1000 : 10000;
	struct procs_pool *pool = open_pool(2);
	int xs[4] = { 0, 1, 2, 3 };
	long resident = 0;

	(void)state;
	for (int round = 0; round < rounds; round++) {
		expect(procs_pmap(twice, 4, PROCS_OPTIONS(.pool = pool), xs), 4, is_twice);
		if (round == rounds / 10)
			resident = pxt_resident();
	}
	if (!pxt_is_instrumented())
		pxt_check(pxt_resident() < resident + 1024);
	close_pool(pool);
}

/* Elements are copied when they are handed over, not seen as they were. */
static void elements_are_those_of_now(void **state)
{
	struct procs_pool *pool = open_pool(2);
	int *xs = malloc(5000 * sizeof(*xs));

	(void)state;
	for (int round = 1; round <= 3; round++) {
		struct procs_stream *stream;
		struct procs_result result;
		int value;

		for (int i = 0; i < 5000; i++)
			xs[i] = i * round;
		stream = procs_pmap(twice, 5000, PROCS_OPTIONS(.pool = pool), xs);
		for (int i = 0; i < 5000; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, 2 * i * round);
		}
		procs_close(stream);
	}
	free(xs);
	close_pool(pool);
}

static void strings_travel(void **state)
{
	struct procs_pool *pool =
		procs_pool_open(PROCS_OPTIONS(.workers = 2, .reserve_bytes = 65536));
	char *texts[50];
	struct procs_spec specs[50];
	struct procs_stream *stream;
	struct procs_result result;
	size_t value;

	(void)state;
	pxt_check(pool != NULL);
	/* Some are larger than a fourth of the input area, which they then have alone. */
	for (int i = 0; i < 50; i++) {
		const size_t size = i % 7 == 3 ? 20000 : (size_t)i;

		texts[i] = malloc(size + 1);
		memset(texts[i], 'a' + i % 26, size);
		texts[i][size] = '\0';
		specs[i] = procs_proc(length, texts[i]);
	}
	for (int turn = 0; turn < 2; turn++) {
		const struct procs_options *options = PROCS_OPTIONS(.pool = pool);

		stream = turn == 0 ? procs_call(specs, 50, options)
				   : procs_pmap(length, 50, options, (const char *const *)texts);
		pxt_check(stream != NULL);
		for (int i = 0; i < 50; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, strlen(texts[i]));
		}
		pxt_equal(procs_next(stream, &result), 0);
		procs_close(stream);
	}
	for (int i = 0; i < 50; i++)
		free(texts[i]);
	close_pool(pool);
}

static void calls_share_workers(void **state)
{
	struct procs_pool *pool = open_pool(2);
	struct procs_spec specs[200];
	struct procs_stream *stream;
	struct procs_result result;
	int64_t pids[2] = { 0, 0 }, pid;

	(void)state;
	for (int i = 0; i < 200; i++)
		specs[i] = procs_proc(whose, i);
	stream = procs_call(specs, 200, PROCS_OPTIONS(.pool = pool));
	for (int i = 0; i < 200; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &pid), 0);
		pxt_check(pid != getpid());
		if (pids[0] == 0 || pids[0] == pid)
			pids[0] = pid;
		else if (pids[1] == 0 || pids[1] == pid)
			pids[1] = pid;
		else
			pxt_failed(__FILE__, __LINE__, "a third worker");
	}
	procs_close(stream);
	close_pool(pool);
}

static void the_culprit_alone_fails(void **state)
{
	struct procs_pool *pool = open_pool(2);
	struct procs_stream *stream;
	struct procs_result result;
	int xs[300], value;

	(void)state;
	for (int i = 0; i < 300; i++)
		xs[i] = i % 100;
	for (int round = 0; round < 5; round++) {
		stream = procs_pmap(crash_at_7, 300, PROCS_OPTIONS(.pool = pool), xs);
		for (int i = 0; i < 300; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_equal(result.failed != NULL, i % 100 == 7);
			if (result.failed != NULL) {
				pxt_equal(result.failed->cause, PROCS_CAUSE_SIGNAL);
				pxt_equal(result.failed->code, SIGKILL);
				continue;
			}
			pxt_equal(procs_value(&result, &value), 0);
			pxt_equal(value, i % 100);
		}
		procs_close(stream);
	}
	close_pool(pool);
}

/* Killed while nobody looks: replaced when there is work. */
static void one_that_died_in_its_sleep_is_replaced(void **state)
{
	struct procs_pool *pool = open_pool(2);
	int64_t before[2] = { 0, 0 }, after[4];
	int xs[100], n;

	(void)state;
	for (int i = 0; i < 100; i++)
		xs[i] = i;
	n = workers_of(pool, before, 2);
	for (int i = 0; i < n; i++)
		pxt_equal(kill((pid_t)before[i], SIGKILL), 0);
	expect(procs_pmap(twice, 100, PROCS_OPTIONS(.pool = pool), xs), 100, is_twice);
	pxt_check(workers_of(pool, after, 4) >= 1);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 4; k++)
			pxt_check(k > 1 || after[k] != before[i]);
	close_pool(pool);
}

static void closed_early_the_pool_goes_on(void **state)
{
	struct procs_pool *pool = open_pool(2);
	struct procs_stream *stream;
	struct procs_result result;
	int xs[1000];

	(void)state;
	for (int i = 0; i < 1000; i++)
		xs[i] = i;
	for (uint64_t round = 1; round <= 3; round++) {
		stream = procs_pmap(twice, 1000, PROCS_OPTIONS(.pool = pool), xs);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_close(stream), 0);
		stream = procs_pmap(hang, 1000, PROCS_OPTIONS(.pool = pool), xs);
		pxt_await(word, round);
		pxt_equal(procs_close(stream), 0);
		expect(procs_pmap(twice, 1000, PROCS_OPTIONS(.pool = pool), xs), 1000, is_twice);
	}
	close_pool(pool);
}

static void a_timeout_is_the_streams(void **state)
{
	struct procs_pool *pool;
	struct procs_stream *stream;
	struct procs_result result;
	int xs[4] = { 0, 1, 2, 3 };

	(void)state;
	pool = open_pool(2);
	for (int round = 0; round < 2; round++) {
		expect(procs_pmap(twice, 4, PROCS_OPTIONS(.pool = pool), xs), 4, is_twice);
		stream = procs_pmap(hang, 4, PROCS_OPTIONS(.pool = pool, .timeout_ns = 20000000),
				    xs);
		for (int i = 0; i < 4; i++) {
			pxt_equal(procs_next(stream, &result), 1);
			pxt_check(result.failed != NULL);
			pxt_equal(result.failed->cause, PROCS_CAUSE_TIMEOUT);
			pxt_check(result.failed->elapsed_ns >= 20000000);
		}
		procs_close(stream);
	}
	close_pool(pool);
}

static void one_item_is_cancelled(void **state)
{
	struct procs_pool *pool;
	struct procs_stream *stream;
	struct procs_result result;
	int xs[2] = { 0, 1 };

	(void)state;
	pool = open_pool(2);
	stream = procs_pmap(hang, 2, PROCS_OPTIONS(.pool = pool), xs);
	pxt_await(word, 2);
	for (uint64_t i = 0; i < 2; i++) {
		pxt_equal(procs_cancel(stream, i), 0);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(result.failed->cause, PROCS_CAUSE_CANCELLED);
	}
	procs_close(stream);
	expect(procs_pmap(twice, 2, PROCS_OPTIONS(.pool = pool), xs), 2, is_twice);
	close_pool(pool);
}

static void an_object_loaded_later_is_there(void **state)
{
	struct procs_pool *pool;
	int64_t before, after;
	void *object;

	(void)state;
	pxt_not_by("forkserver spawn", "workers have the objects that the program was linked with");
	pool = open_pool(1);
	pxt_equal(workers_of(pool, &before, 1), 1);
	object = dlopen("libutil.so.1", RTLD_NOW);
	pxt_check(object != NULL);
	pxt_equal(workers_of(pool, &after, 1), 1);
	pxt_check(before != after);
	pxt_equal(dlclose(object), 0);
	close_pool(pool);
}

static void nested_maps_work(void **state)
{
	struct procs_pool *pool = open_pool(2);
	struct procs_stream *stream;
	struct procs_result result;
	int ns[6] = { 0, 10, 20, 30, 40, 50 }, value;

	(void)state;
	stream = procs_pmap(nested, 6, PROCS_OPTIONS(.pool = pool), ns);
	for (int i = 0; i < 6; i++) {
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &value), 0);
		pxt_equal(value, 2 * (10 * ns[i] + 45));
	}
	procs_close(stream);
	close_pool(pool);
}

static void *use_a_pool(void *unused)
{
	struct procs_pool *pool = open_pool(2);
	int xs[500];

	for (int i = 0; i < 500; i++)
		xs[i] = i;
	for (int round = 0; round < 50; round++)
		expect(procs_pmap(twice, 500, PROCS_OPTIONS(.pool = pool), xs), 500, is_twice);
	close_pool(pool);
	return unused;
}

static void two_pools(void *unused)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, use_a_pool, unused);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void two_pools_at_once_from_two_threads(void **state)
{
	(void)state;
	pxt_isolated(two_pools, NULL);
}

static void on_alarm(int number)
{
	(void)number;
}

enum mess {
	MASK,
	HANDLER,
	TIMER,
	DIRECTORY,
	UMASK,
	N_TIDY, /* what is put back; from here on the worker is replaced */
	LIMIT = N_TIDY,
	DESCRIPTOR,
	CLOSED,
	THREAD,
	N_MESSES
};

static void *sleep_on(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static PROCS_DEFINE1(int64_t, make_a_mess, int, which)
{
	const struct itimerval soon = { .it_value = { .tv_usec = 50000 } };
	struct rlimit limit;
	pthread_t thread;
	sigset_t all;

	switch (which) {
	case MASK:
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		break;
	case HANDLER:
		signal(SIGUSR1, on_alarm);
		break;
	case TIMER:
		setitimer(ITIMER_REAL, &soon, NULL);
		break;
	case DIRECTORY:
		if (chdir("/") != 0)
			return -1;
		break;
	case UMASK:
		umask(0777);
		break;
	case LIMIT:
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur--;
		setrlimit(RLIMIT_NOFILE, &limit);
		break;
	case DESCRIPTOR:
		if (dup(1) < 0)
			return -1;
		break;
	case CLOSED:
		close(0);
		break;
	case THREAD:
		pthread_create(&thread, NULL, sleep_on, NULL);
		break;
	}
	return getpid();
}

/* 0 if everything is as in a process just made, else the mess that is left. */
static PROCS_DEFINE1(int, find_a_mess, int64_t, host_umask)
{
	struct sigaction action;
	char directory[2];
	sigset_t mask;
	mode_t now;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (sigismember(&mask, SIGUSR2))
		return 1 + MASK;
	sigaction(SIGUSR1, NULL, &action);
	if (action.sa_handler != SIG_DFL)
		return 1 + HANDLER;
	if (getcwd(directory, sizeof(directory)) != NULL)
		return 1 + DIRECTORY;
	now = umask(0);
	umask(now);
	if (now != host_umask)
		return 1 + UMASK;
	/* Longer than the timer had. */
	poll(NULL, 0, 100);
	return 0;
}

static void tasks_leave_no_mess(void **state)
{
	const mode_t now = umask(0);
	const int64_t host_umask = now;
	struct procs_pool *pool;
	struct procs_stream *stream;
	struct procs_result result;
	int64_t before, after;
	int left;

	(void)state;
	umask(now);
	pool = open_pool(1);
	for (int which = 0; which < N_MESSES; which++) {
		if (which == THREAD && pxt_is_instrumented())
			continue; /* that has threads of its own */
		stream = procs_pmap(make_a_mess, 1, PROCS_OPTIONS(.pool = pool), &which);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &before), 0);
		procs_close(stream);
		stream = procs_pmap(find_a_mess, 1, PROCS_OPTIONS(.pool = pool), &host_umask);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &left), 0);
		pxt_equal(left, 0);
		procs_close(stream);
		pxt_equal(workers_of(pool, &after, 1), 1);
		if ((after == before) != (which < N_TIDY))
			pxt_failed(__FILE__, __LINE__, "mess %d: processes %d and %d", which,
				   (int)before, (int)after);
	}
	close_pool(pool);
}

/* Of the next stream it runs nothing, though it is given two ranges at once. */
static void a_spoiled_worker_runs_nothing_more(void **state)
{
	struct procs_pool *pool = open_pool(1);
	struct procs_stream *stream;
	struct procs_result result;
	int64_t before, after;
	int which = LIMIT, xs[64] = { 0 };

	(void)state;
	for (int round = 0; round < 20; round++) {
		stream = procs_pmap(make_a_mess, 1, PROCS_OPTIONS(.pool = pool), &which);
		pxt_equal(procs_next(stream, &result), 1);
		pxt_equal(procs_value(&result, &before), 0);
		procs_close(stream);
		stream = procs_pmap(whose, 64, PROCS_OPTIONS(.pool = pool, .window_items = 8), xs);
		while (procs_next(stream, &result) == 1) {
			pxt_equal(procs_value(&result, &after), 0);
			pxt_check(after != before);
		}
		procs_close(stream);
	}
	close_pool(pool);
}

static uint64_t cpu_time(int64_t pid)
{
	struct timespec time;
	clockid_t clock;

	pxt_equal(clock_getcpuclockid((pid_t)pid, &clock), 0);
	pxt_equal(clock_gettime(clock, &time), 0);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void sleep_costs_nothing(void **state)
{
	struct procs_pool *pool;
	uint64_t before = 0, after = 1;
	int64_t pid;

	(void)state;
	if (pxt_is_instrumented())
		return; /* its own threads wake up */
	pool = open_pool(1);
	pxt_equal(workers_of(pool, &pid, 1), 1);
	/* It has gone to sleep for good when two looks a quarter of a second apart see the same. */
	for (int i = 0; i < 20 && before != after; i++) {
		before = cpu_time(pid);
		poll(NULL, 0, 250);
		after = cpu_time(pid);
	}
	pxt_equal(after, before);
	close_pool(pool);
}

PXT_SHARED(_Atomic uint64_t, filled, 1);

static int fill(struct procs_task *task)
{
	const size_t size = *(const size_t *)procs_argument(task, 0, NULL);
	unsigned char *bytes = procs_reserve(task, size);

	if (bytes == NULL)
		return errno;
	memset(bytes, 1 + (int)procs_index() % 100, size);
	atomic_fetch_add(filled, 1);
	return procs_commit(task, size);
}

static PROCS_TASK(fill, fill);

/* Reads results of a size; with a window when nearly all are there, but for the last few,
 * which wait to be dealt out. Returns the memory that was in use at the most, KiB. */
static long read_large(struct procs_pool *pool, int n, size_t size, uint64_t window)
{
	static size_t sizes[64];
	const struct procs_sequence sequence = { .base = sizes, .element_size = sizeof(size_t) };
	struct procs_stream *stream;
	struct procs_result result;
	long most = 0;

	atomic_store(filled, 0);
	for (int i = 0; i < n; i++)
		sizes[i] = size;
	stream = procs_pmap_sequences(procs_function_of(fill), (size_t)n,
				      PROCS_OPTIONS(.pool = pool, .window_bytes = window),
				      &sequence, 1);
	pxt_check(stream != NULL);
	if (window > 0)
		pxt_await(filled, (uint64_t)n - 8);
	for (int i = 0; i < n; i++) {
		const unsigned char *bytes;
		size_t got;

		pxt_equal(procs_next(stream, &result), 1);
		pxt_check(result.failed == NULL);
		bytes = procs_view(&result, &got);
		pxt_equal(got, size);
		for (size_t k = 0; k < got; k += 4096)
			pxt_equal(bytes[k], 1 + i);
		most = pxt_resident() > most ? pxt_resident() : most;
	}
	pxt_equal(procs_next(stream, &result), 0);
	procs_close(stream);
	return most;
}

/* Whether the kernel takes pages of shared memory back. */
static bool memory_can_go_back(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const bool can = page != MAP_FAILED && madvise(page, 4096, MADV_REMOVE) == 0;

	if (page != MAP_FAILED)
		munmap(page, 4096);
	return can;
}

/* Of large results little stays behind: 8 MiB in each of four slots. */
static void memory_goes_back(void **state)
{
	struct procs_pool *pool;
	int xs[1000];
	long before;

	(void)state;
	if (pxt_is_instrumented() || !memory_can_go_back())
		return; /* the instruments have memory of their own */
	pool = open_pool(2);
	for (int i = 0; i < 1000; i++)
		xs[i] = i;
	expect(procs_pmap(twice, 1000, PROCS_OPTIONS(.pool = pool), xs), 1000, is_twice);
	before = pxt_resident();
	for (int round = 0; round < 2; round++) {
		pxt_check(read_large(pool, 8, 32 << 20, 0) > before + (32 << 10));
		pxt_check(pxt_resident() < before + (33 << 10));
		pxt_check(read_large(pool, 64, 1 << 20, UINT64_C(192) << 20) > before + (48 << 10));
		pxt_check(pxt_resident() < before + (33 << 10));
	}
	close_pool(pool);
}

static void inline_pools_work(void **state)
{
	struct procs_pool *pool = procs_pool_open(PROCS_OPTIONS(.start = PROCS_START_INLINE));
	int xs[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		xs[i] = i;
	for (int round = 0; round < 3; round++)
		expect(procs_pmap(twice, 100, PROCS_OPTIONS(.pool = pool), xs), 100, is_twice);
	close_pool(pool);
}

static void refused(struct procs_stream *stream, int error, const char *text)
{
	const int code = errno;

	pxt_check(stream == NULL);
	pxt_equal(code, error);
	if (strstr(procs_last_failure()->message, text) == NULL)
		pxt_failed(__FILE__, __LINE__, "\"%s\"", procs_last_failure()->message);
}

static void in_a_child(void *pool)
{
	int xs[1] = { 0 };

	refused(procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool), xs), EPERM, "another process");
	pxt_equal(procs_pool_close(pool), -EPERM);
}

static void misuse_is_refused(void **state)
{
	struct procs_pool *pool = open_pool(1), *second;
	struct procs_stream *stream;
	int xs[1] = { 0 };

	(void)state;
	stream = procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool), xs);
	refused(procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool), xs), EBUSY, "busy");
	pxt_equal(procs_pool_close(pool), -EBUSY);
	procs_close(stream);
	pxt_isolated(in_a_child, pool);
	refused(procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool, .workers = 2), xs), EINVAL,
		"options.workers is the pool's");
	refused(procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool, .start = PROCS_START_FORK), xs),
		EINVAL, "options.start is the pool's");
	refused(procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool, .reserve_bytes = 65536), xs),
		EINVAL, "options.reserve_bytes is the pool's");
	second = procs_pool_open(PROCS_OPTIONS(.pool = pool));
	pxt_check(second == NULL && errno == EINVAL);
	second = procs_pool_open(PROCS_OPTIONS(.timeout_ns = 1000000000));
	pxt_check(second == NULL && errno == EINVAL);
	pxt_text(procs_last_failure()->message,
		 "procs_pool_open: options.timeout_ns is given with each stream");
	close_pool(pool);
	refused(procs_pmap(twice, 1, PROCS_OPTIONS(.pool = pool), xs), EINVAL,
		"no pool that is open");
	pxt_equal(procs_pool_close(pool), -EINVAL);
	pxt_equal(procs_pool_close(NULL), 0);
}

int main(int argc, char *argv[])
{
	pxt_start(argc, argv);
	const struct CMUnitTest tests[] = {
		pxt_test(one_pool_serves_many_functions),
		pxt_test(ten_thousand_streams),
		pxt_test(elements_are_those_of_now),
		pxt_test(strings_travel),
		pxt_test(calls_share_workers),
		pxt_test(the_culprit_alone_fails),
		pxt_test(one_that_died_in_its_sleep_is_replaced),
		pxt_test(closed_early_the_pool_goes_on),
		pxt_test(a_timeout_is_the_streams),
		pxt_test(one_item_is_cancelled),
		pxt_test(an_object_loaded_later_is_there),
		pxt_test(nested_maps_work),
		pxt_test(two_pools_at_once_from_two_threads),
		pxt_test(tasks_leave_no_mess),
		pxt_test(a_spoiled_worker_runs_nothing_more),
		pxt_test(sleep_costs_nothing),
		pxt_test(memory_goes_back),
		pxt_test(inline_pools_work),
		pxt_test(misuse_is_refused),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
