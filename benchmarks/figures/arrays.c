/*
 * arrays - maps over large arrays on an open pool of two, against the same loop by two
 * OpenMP threads with a static schedule:
 *
 *	array_linear    10^8 doubles, y = 5x + 3, from one procs_array into another
 *	array_exp_sin   10^8 doubles, y = exp(sin x)
 *	array_first     the first of these on fresh memory against the second and the bare
 *	                cost of the page faults
 *	into_1e6, into_1e8   ints, 5x + 3y; 10^6 of them after a rest of both sides
 *	into_1e6_loop   the same ten times in a row: OpenMP's threads spin in between
 *	stream_10ns     10^6 of them taken item by item: 10 ns against what one takes
 */
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <procs/procs.h>

#include "figure.h"

enum {
	WORKERS = 2,
	N = 100000000,
	FEW = 1000000,
	IN_A_ROW = 10
};

static struct procs_pool *pool;
static double *xs, *ys;
static int *as, *bs, *sums;

static PROCS_PURE1(double, linear, double, x)
{
	return 5 * x + 3;
}

static PROCS_PURE1(double, exp_sin, double, x)
{
	return exp(sin(x));
}

static PROCS_PURE2(int, sum, int, x, int, y)
{
	return 5 * x + 3 * y;
}

#define BY_OPENMP(name, n, statement)                                                              \
 static double name(void *unused)                                                                  \
 {                                                                                                 \
  const uint64_t begun = figure_now();                                                             \
                                                                                                   \
  (void)unused;                                                                                    \
  _Pragma("omp parallel for schedule(static) num_threads(WORKERS)") for (long i = 0; i < n; i++)   \
	  statement;                                                                               \
  return (double)(figure_now() - begun);                                                           \
 }
BY_OPENMP(linear_by_openmp, N, ys[i] = 5 * xs[i] + 3)
BY_OPENMP(exp_sin_by_openmp, N, ys[i] = exp(sin(xs[i])))
BY_OPENMP(few_by_openmp, FEW, sums[i] = 5 * as[i] + 3 * bs[i])
BY_OPENMP(many_by_openmp, N, sums[i] = 5 * as[i] + 3 * bs[i])

#define BY_PROCS(name, call)                                                                       \
 static double name(void *unused)                                                                  \
 {                                                                                                 \
  uint64_t begun;                                                                                  \
                                                                                                   \
  (void)unused;                                                                                    \
  figure_rest();                                                                                   \
  begun = figure_now();                                                                            \
  if (call != 0)                                                                                   \
   return -1;                                                                                      \
  return (double)(figure_now() - begun);                                                           \
 }
BY_PROCS(linear_by_procs, procs_pmap_into(linear, N, ys, PROCS_OPTIONS(.pool = pool), xs))
BY_PROCS(exp_sin_by_procs, procs_pmap_into(exp_sin, N, ys, PROCS_OPTIONS(.pool = pool), xs))
BY_PROCS(few_by_procs, procs_pmap_into(sum, FEW, sums, PROCS_OPTIONS(.pool = pool), as, bs))
BY_PROCS(many_by_procs, procs_pmap_into(sum, N, sums, PROCS_OPTIONS(.pool = pool), as, bs))

static double few_after_rest(void *unused)
{
	figure_rest();
	return few_by_openmp(unused);
}

/* After one that wakes all. */
static double in_a_row(double (*once)(void *))
{
	double sum = 0;

	figure_rest();
	for (int i = -1; i < IN_A_ROW; i++) {
		const double span = once(NULL);

		if (span < 0)
			return -1;
		sum += i >= 0 ? span : 0;
	}
	return sum / IN_A_ROW;
}

static double few_at_once(void *unused)
{
	const uint64_t begun = figure_now();

	(void)unused;
	if (procs_pmap_into(sum, FEW, sums, PROCS_OPTIONS(.pool = pool), as, bs) != 0)
		return -1;
	return (double)(figure_now() - begun);
}

static double loop_by_procs(void *unused)
{
	(void)unused;
	return in_a_row(few_at_once);
}

static double loop_by_openmp(void *unused)
{
	(void)unused;
	return in_a_row(few_by_openmp);
}

/* Two processes that only touch as much fresh shared memory. */
static double touch(size_t size)
{
	const uint64_t begun = figure_now();
	unsigned char *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	for (size_t k = 0; k < WORKERS; k++)
		if (fork() == 0) {
			for (size_t at = k * (size / WORKERS); at < (k + 1) * (size / WORKERS);
			     at += 4096)
				memory[at] = 1;
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	munmap(memory, size);
	return (double)(figure_now() - begun);
}

static double first_by_procs(void *unused)
{
	double *old = ys, span;

	ys = procs_array(double, N);
	span = ys != NULL ? linear_by_procs(unused) : -1;
	procs_array_free(old);
	return span;
}

static double second_and_faults(void *unused)
{
	const double faults = touch(N * sizeof(double));

	return faults < 0 ? -1 : linear_by_procs(unused) + faults;
}

static double by_stream(void *unused)
{
	struct procs_stream *stream;
	struct procs_result result;
	uint64_t begun;
	long total = 0;
	int value;

	(void)unused;
	figure_rest();
	begun = figure_now();
	stream = procs_pmap(sum, FEW, PROCS_OPTIONS(.pool = pool), as, bs);
	for (int i = 0; i < FEW; i++) {
		if (procs_next(stream, &result) != 1 || procs_value(&result, &value) != 0)
			return -1;
		total += value;
	}
	procs_close(stream);
	return total != 0 ? (double)(figure_now() - begun) / FEW : -1;
}

static double ten_nanoseconds(void *unused)
{
	(void)unused;
	return 10;
}

int main(void)
{
	static const struct figure figures[] = {
		{ .name = "into_1e6",
		  .aim = 0.85,
		  .rounds = 63,
		  .ours = few_by_procs,
		  .reference = few_after_rest },
		{ .name = "into_1e6_loop",
		  .aim = 0.85,
		  .rounds = 31,
		  .ours = loop_by_procs,
		  .reference = loop_by_openmp },
		{ .name = "stream_10ns",
		  .aim = 1.0,
		  .rounds = 15,
		  .ours = by_stream,
		  .reference = ten_nanoseconds },
		{ .name = "array_linear",
		  .aim = 0.90,
		  .rounds = 15,
		  .ours = linear_by_procs,
		  .reference = linear_by_openmp },
		{ .name = "into_1e8",
		  .aim = 0.85,
		  .rounds = 15,
		  .ours = many_by_procs,
		  .reference = many_by_openmp },
		{ .name = "array_first",
		  .aim = 0.8,
		  .rounds = 7,
		  .ours = first_by_procs,
		  .reference = second_and_faults },
		{ .name = "array_exp_sin",
		  .aim = 0.97,
		  .rounds = 7,
		  .ours = exp_sin_by_procs,
		  .reference = exp_sin_by_openmp },
	};
	enum figure_status status = FIGURE_REACHED;

	pool = procs_pool_open(PROCS_OPTIONS(.workers = WORKERS));
	xs = procs_array(double, N);
	ys = procs_array(double, N);
	as = procs_array(int, N);
	bs = procs_array(int, N);
	sums = procs_array(int, N);
	if (pool == NULL || xs == NULL || ys == NULL || as == NULL || bs == NULL || sums == NULL)
		return FIGURE_ERROR;
	for (int i = 0; i < N; i++) {
		xs[i] = i * 1e-6;
		as[i] = i;
		bs[i] = -2 * (i % 1000);
	}
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		status = figure_both(status, figure_run(&figures[i]));
	procs_array_free(xs);
	procs_array_free(ys);
	procs_array_free(as);
	procs_array_free(bs);
	procs_array_free(sums);
	procs_pool_close(pool);
	return (int)status;
}
