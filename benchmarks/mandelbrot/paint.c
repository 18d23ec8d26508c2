/*
 * paint.c - the task: the pixels of a few rows, written where the parent reads
 * them. The same bytes whoever paints them: sums, products and quotients of
 * doubles, each rounded as written (no contraction, see meson.build; no libm,
 * whose last digits depend on the processor).
 */
#include <errno.h>
#include <procs/worker.h>

#include "mandelbrot.h"

enum {
	ITEM_PIXELS = 1024, /* at least, if there are so many: less is not worth a hand-over */
	LOG_BITS = 12,      /* of a logarithm, behind the point */
	COLOUR_STEPS = 256, /* from one colour to the next */
	OCTAVE_STEPS = 384  /* where a point takes twice as long to escape */
};

/* |z|^2 of a point that has escaped. 2 would do to know it; so far out the
 * logarithms below make smooth colours. */
static const double escaped = 65536;
static const double log2_escaped = 16;

/* What a worker has to know of the picture. */
struct view {
	uint32_t columns, rows, iterations;
	double x, y, width;
};

static struct view *view;

void *paint_open(const struct settings *settings)
{
	view = procs_array(struct view, 1);
	if (view != NULL)
		*view = (struct view){ settings->columns, settings->rows, settings->iterations,
				       settings->x,       settings->y,    settings->width };
	return view;
}

void paint_close(void)
{
	procs_array_free(view);
	view = NULL;
}

int paint_ready(void *user)
{
	view = user;
	return 0;
}

PROCS_INIT(paint_ready);

static uint32_t rows_of_item(uint32_t columns)
{
	return (ITEM_PIXELS - 1) / columns + 1;
}

uint32_t paint_rows(const struct settings *settings)
{
	return rows_of_item(settings->columns);
}

/* The logarithm to base 2 of a number from 1 to 2^1000, bit by bit. */
static double log2_of(double number)
{
	double log = 0, bit = 1;

	for (; number >= 2; number *= 0.5)
		log += 1;
	for (int i = 0; i < LOG_BITS; i++) {
		bit *= 0.5;
		number *= number;
		if (number >= 2) {
			number *= 0.5;
			log += bit;
		}
	}
	return log;
}

/* After how many iterations a point escapes, with the part of the last one that
 * it took; negative: it does not. */
static double escape(double x, double y, uint32_t iterations)
{
	double re = 0, im = 0, re2 = 0, im2 = 0, time;
	uint32_t n;

	for (n = 0; n < iterations && re2 + im2 <= escaped; n++) {
		im = 2 * re * im + y;
		re = re2 - im2 + x;
		re2 = re * re;
		im2 = im * im;
	}
	if (re2 + im2 <= escaped)
		return -1;
	time = n + 1 - log2_of(log2_of(re2 + im2) / log2_escaped);
	return time > 0 ? time : 0;
}

/* None of them is black, which is the set's own. */
static void paint_pixel(double time, uint8_t *pixel)
{
	static const uint8_t colours[][PIXEL_BYTES] = {
		{ 247, 181, 56 }, { 190, 62, 35 },   { 74, 16, 66 },    { 12, 20, 69 },
		{ 24, 82, 177 },  { 134, 204, 240 }, { 250, 246, 224 },
	};
	const uint32_t n = sizeof(colours) / sizeof(colours[0]);
	const uint32_t place = time < 0 ? 0 : (uint32_t)(log2_of(1 + time) * OCTAVE_STEPS);
	const uint8_t *one = colours[place / COLOUR_STEPS % n];
	const uint8_t *next = colours[(place / COLOUR_STEPS + 1) % n];
	const uint32_t part = place % COLOUR_STEPS;

	for (int i = 0; i < PIXEL_BYTES; i++)
		pixel[i] = time < 0 ? 0
				    : (uint8_t)((one[i] * (COLOUR_STEPS - part) + next[i] * part) /
						COLOUR_STEPS);
}

/* Where pixel k of n lies on its axis: as far from the middle as pixel n - 1 - k,
 * to the last digit, so that what is symmetric looks so. @half: of a pixel. */
static double place_of(double middle, uint32_t k, uint32_t n, double half)
{
	return middle + (2.0 * k - (n - 1.0)) * half;
}

static void paint_row(uint32_t row, uint8_t *pixels)
{
	const uint32_t columns = view->columns, iterations = view->iterations;
	const double half = view->width / columns / 2, left = view->x;
	const double y = -place_of(-view->y, row, view->rows, half);

	for (uint32_t k = 0; k < columns; k++, pixels += PIXEL_BYTES) {
		const double x = place_of(left, k, columns, half);

		paint_pixel(escape(x, y, iterations), pixels);
	}
}

static int paint_item(struct procs_task *task)
{
	const uint32_t each = rows_of_item(view->columns);
	const uint32_t first = (uint32_t)procs_index() * each;
	const uint32_t left = view->rows - first, n = left < each ? left : each;
	const size_t row_bytes = (size_t)view->columns * PIXEL_BYTES;
	uint8_t *pixels = procs_reserve(task, n * row_bytes);

	if (pixels == NULL)
		return errno;
	for (uint32_t i = 0; i < n; i++)
		paint_row(first + i, pixels + i * row_bytes);
	return procs_commit(task, n * row_bytes);
}

PROCS_TASK(paint, paint_item);
