/*
 * report.c - what is told on stderr: a progress bar on a terminal, and why there
 * is no picture.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "mandelbrot.h"

struct report {
	const char *name; /* of the picture */
	uint32_t expected;
	double drawn; /* seconds */
	bool bar;
	bool bad; /* something was told */
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct report *report_open(const struct settings *settings)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->name = strcmp(settings->name, "-") == 0 ? "standard output" : settings->name;
	report->expected = settings->rows;
	report->bar = !settings->quiet && isatty(STDERR_FILENO);
	return report;
}

static void bar_clear(const struct report *report)
{
	if (report->bar && report->drawn > 0)
		fprintf(stderr, "\r\x1b[K");
}

static void bar_draw(const struct report *report, uint32_t rows, int columns)
{
	const double part = (double)rows / report->expected;
	int width = columns > 50 ? columns - 30 : 20;
	int full;

	width = width > 100 ? 100 : width;
	full = (int)(part * width);
	fprintf(stderr, "\r[%.*s%*s] %3.0f%% %u rows\x1b[K", full,
		"##################################################"
		"##################################################",
		width - full, "", part * 100, rows);
	fflush(stderr);
}

/* Ten times a second at most. */
void report_progress(struct report *report, uint32_t rows)
{
	const double now = report->bar ? seconds_now() : 0;
	struct winsize window = { .ws_col = 80 };

	if (!report->bar || now - report->drawn < 0.1)
		return;
	report->drawn = now;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	bar_draw(report, rows, window.ws_col);
}

/* Names of files may hold what a terminal is not to obey. */
void report_error(struct report *report, const char *format, ...)
{
	va_list arguments;
	char text[5120];
	size_t size;

	bar_clear(report);
	report->bad = true;
	size = (size_t)snprintf(text, sizeof(text) / 2, "%s: ", report->name);
	size = size < sizeof(text) / 2 ? size : sizeof(text) / 2 - 1;
	va_start(arguments, format);
	vsnprintf(text + size, sizeof(text) - size, format, arguments);
	va_end(arguments);
	for (char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	fprintf(stderr, "mandelbrot: %s\n", text);
}

int report_close(struct report *report)
{
	const bool bad = report->bad;

	bar_clear(report);
	free(report);
	return bad ? 1 : 0;
}
