/*
 * mandelbrot.h - the parts of mandelbrot: the task that paints rows, run in
 * workers (paint.c), the flow of rows into the picture (flow.c), the picture as
 * a PNG file (picture.c), what is told about it (report.c).
 */
#ifndef MANDELBROT_H
#define MANDELBROT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <procs/procs.h>

enum {
	SIDE_MOST = 100000, /* pixels of a row, and of a column */
	PIXEL_BYTES = 3     /* red, green, blue */
};

struct settings {
	const char *name;       /* of the file; "-": standard output */
	uint32_t columns, rows; /* pixels, 1 to SIDE_MOST */
	double x, y;            /* the middle of the picture, in the plane */
	double width;           /* of the picture, in the plane; pixels are square */
	uint32_t iterations;    /* a point that has not escaped after so many is inside */
	uint32_t workers;       /* 0: as procs has it */
	bool serial;            /* no processes at all */
	uint32_t start;         /* enum procs_start, not the default; inline if serial */
	bool quiet;             /* no progress bar, terminal or not */
};

/* --- paint.c --- */

/* What is painted, where all workers see it, however they are made: for paint_ready.
 * NULL without memory. */
void *paint_open(const struct settings *settings);
void paint_close(void);

/* The hook of each worker: @user is what paint_open returned. */
int paint_ready(void *user);

/* Rows of one item: one, or more where rows are short. The last item may have
 * fewer. */
uint32_t paint_rows(const struct settings *settings);

/* A raw task without arguments: paints item k, which begins at row
 * k * paint_rows(); pixels from left to right, rows from the top. */
PROCS_TASK_DECLARE(paint);

/* --- report.c --- */

struct report;

/* NULL without memory. */
struct report *report_open(const struct settings *settings);

/* So many rows are in the picture. */
void report_progress(struct report *report, uint32_t rows);

/* The picture cannot be made, and the exit status will say so. */
void report_error(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Frees the report; the exit status. */
int report_close(struct report *report);

/* --- picture.c --- */

struct picture;

/* Opens the file and writes its head; NULL after telling why not. Until
 * picture_close a signal that ends the program removes what it has of the file,
 * so there is one picture at a time. */
struct picture *picture_open(const struct settings *settings, struct report *report);

/* Writes the next n rows; false after telling why not: no more may follow. */
bool picture_write(struct picture *picture, const uint8_t *pixels, uint32_t n);

/* Ends the file if all rows were written, else removes it. What goes wrong is
 * told. Frees the picture. */
void picture_close(struct picture *picture, bool whole);

/* --- flow.c --- */

/* Paints the picture; false after telling why rows of it are missing. */
bool flow_run(const struct settings *settings, struct picture *picture, struct report *report);

#endif /* MANDELBROT_H */
