/*
 * report.c - what is told on stderr: a progress bar on a terminal, and what
 * could not be read or counted.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "wide_finder.h"

enum {
	FAILED_TOLD = 10 /* chunks of one log */
};

struct report {
	uint64_t expected; /* bytes of all logs, or 0 */
	uint64_t before;   /* bytes of logs that are done */
	uint64_t done;     /* bytes of the log in work */
	uint64_t failed;   /* chunks of it */
	const char *name;
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

struct report *report_open(const struct settings *settings, uint64_t expected)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->expected = expected;
	report->bar = !settings->quiet && isatty(STDERR_FILENO);
	return report;
}

static void bar_clear(const struct report *report)
{
	if (report->bar && report->drawn > 0)
		fprintf(stderr, "\r\x1b[K");
}

/* Without a known size there is no bar, only how far we are. */
static void bar_draw(const struct report *report, int columns)
{
	const double bytes = (double)(report->before + report->done);
	double part = report->expected > 0 ? bytes / (double)report->expected : 0;
	int width = columns > 50 ? columns - 30 : 20;
	int full;

	part = part > 1 ? 1 : part;
	width = width > 100 ? 100 : width;
	full = (int)(part * width);
	if (report->expected == 0)
		fprintf(stderr, "\r%.0f MB\x1b[K", bytes / 1e6);
	else
		fprintf(stderr, "\r[%.*s%*s] %3.0f%% %.0f MB\x1b[K", full,
			"##################################################"
			"##################################################",
			width - full, "", part * 100, bytes / 1e6);
	fflush(stderr);
}

/* Ten times a second at most. */
void report_progress(struct report *report, uint64_t bytes)
{
	const double now = report->bar ? seconds_now() : 0;
	struct winsize window = { .ws_col = 80 };

	report->done = bytes;
	if (!report->bar || now - report->drawn < 0.1)
		return;
	report->drawn = now;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	bar_draw(report, window.ws_col);
}

void report_begin(struct report *report, const char *name)
{
	report->name = name;
	report->done = 0;
	report->failed = 0;
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
	fprintf(stderr, "wide_finder: %s\n", text);
}

void report_failed(struct report *report, uint64_t from, uint64_t to, const char *why)
{
	report->bad = true;
	if (report->failed++ < FAILED_TOLD)
		report_error(report, "bytes %llu to %llu are not counted: %s",
			     (unsigned long long)from, (unsigned long long)to, why);
}

void report_end(struct report *report)
{
	if (report->failed > FAILED_TOLD)
		report_error(report, "%llu chunks more are not counted",
			     (unsigned long long)(report->failed - FAILED_TOLD));
	report->before += report->done;
}

int report_close(struct report *report)
{
	const bool bad = report->bad;

	bar_clear(report);
	free(report);
	return bad ? 1 : 0;
}
