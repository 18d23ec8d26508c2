/*
 * report.c - what is told: bad files as they are found and a summary on stdout,
 * warnings and a progress bar on stderr.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "verify.h"

enum {
	CAUSES = 32 /* different ones that are counted */
};

struct cause {
	char name[40];
	uint64_t count;
};

struct report {
	uint64_t expected; /* files in all */
	uint64_t packages, files, bytes;
	uint64_t verdicts[N_VERDICTS];
	uint64_t flaws; /* in dpkg's own lists */
	struct cause causes[CAUSES];
	size_t n_causes;
	double begun, drawn; /* seconds */
	bool bar;
};

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool report_shows_bar(const struct settings *settings)
{
	return !settings->quiet && isatty(STDERR_FILENO);
}

struct report *report_open(const struct settings *settings, uint64_t files)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->expected = files;
	report->begun = seconds_now();
	report->bar = report_shows_bar(settings);
	return report;
}

static void bar_clear(const struct report *report)
{
	if (report->bar && report->drawn > 0)
		fprintf(stderr, "\r\x1b[K");
}

/* Ten times a second at most. */
static void bar_draw(struct report *report)
{
	const double now = report->bar ? seconds_now() : 0;
	struct winsize window = { .ws_col = 80 };
	char line[400];
	double part;
	int width, full;

	if (!report->bar || now - report->drawn < 0.1)
		return;
	report->drawn = now;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	part = report->expected > 0 ? (double)report->files / (double)report->expected : 1;
	part = part > 1 ? 1 : part;
	width = window.ws_col > 60 ? window.ws_col - 50 : 10;
	width = width > 100 ? 100 : width;
	full = (int)(part * width);
	snprintf(line, sizeof(line), "\r[%.*s%*s] %3.0f%% %llu files %.0f MB\x1b[K", full,
		 "####################################################################"
		 "################################",
		 width - full, "", part * 100, (unsigned long long)report->files,
		 (double)report->bytes / 1e6);
	fputs(line, stderr);
	fflush(stderr);
}

void report_package(struct report *report)
{
	report->packages++;
}

/* Names come from files that anybody may have written: a terminal is not to
 * obey them. */
__attribute__((format(printf, 2, 0))) static void warn(struct report *report, const char *format,
						       va_list arguments)
{
	char text[1024];

	bar_clear(report);
	vsnprintf(text, sizeof(text), format, arguments);
	for (char *at = text; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	fprintf(stderr, "verify_packages: %s\n", text);
}

void report_warn(struct report *report, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	warn(report, format, arguments);
	va_end(arguments);
}

void report_flaw(struct report *report, const char *format, ...)
{
	va_list arguments;

	report->flaws++;
	va_start(arguments, format);
	warn(report, format, arguments);
	va_end(arguments);
}

static void count_cause(struct report *report, const struct procs_failed *failed)
{
	const char *name = procs_cause_name(failed->cause);
	char text[40];
	size_t i;

	if (failed->cause == PROCS_CAUSE_ERROR && strerrorname_np(failed->code) != NULL)
		name = strerrorname_np(failed->code);
	if (failed->cause == PROCS_CAUSE_SIGNAL || failed->cause == PROCS_CAUSE_EXIT)
		snprintf(text, sizeof(text), "%s %d", name, failed->code);
	else
		snprintf(text, sizeof(text), "%s", name);
	for (i = 0; i < report->n_causes && strcmp(report->causes[i].name, text) != 0; i++)
		;
	if (i == CAUSES)
		return;
	if (i == report->n_causes)
		memcpy(report->causes[report->n_causes++].name, text, sizeof(text));
	report->causes[i].count++;
}

void report_file(struct report *report, enum verdict verdict, const struct package *package,
		 const char *path, uint64_t size, const struct procs_failed *failed)
{
	static const char *const names[] = { "good", "changed", "missing", "unreadable" };

	report->files++;
	report->bytes += size;
	report->verdicts[verdict]++;
	if (failed != NULL && verdict != VERDICT_GOOD)
		count_cause(report, failed);
	if (verdict != VERDICT_GOOD) {
		bar_clear(report);
		printf("%s: %s (package %s)", names[verdict], path, package->name);
		if (failed != NULL && verdict == VERDICT_UNREADABLE) {
			char text[512];

			if (failed->cause == PROCS_CAUSE_ERROR)
				snprintf(text, sizeof(text), "%s", failed->message);
			else
				procs_failed_text(failed, text, sizeof(text));
			printf(": %s", text);
		}
		putchar('\n');
		if (report->bar)
			fflush(stdout);
	}
	bar_draw(report);
}

int report_close(struct report *report)
{
	const double seconds = seconds_now() - report->begun;
	const double megabytes = (double)report->bytes / 1e6;
	uint64_t bad = report->files - report->verdicts[VERDICT_GOOD];

	bar_clear(report);
	printf("%llu packages, %llu files, %.1f MB in %.2f s, %.0f MB/s: ",
	       (unsigned long long)report->packages, (unsigned long long)report->files, megabytes,
	       seconds, seconds > 0 ? megabytes / seconds : 0);
	if (report->packages == 0)
		printf("nothing to check\n");
	else if (bad == 0)
		printf("all good\n");
	else
		printf("%llu changed, %llu missing, %llu unreadable\n",
		       (unsigned long long)report->verdicts[VERDICT_CHANGED],
		       (unsigned long long)report->verdicts[VERDICT_MISSING],
		       (unsigned long long)report->verdicts[VERDICT_UNREADABLE]);
	for (size_t i = 0; i < report->n_causes; i++)
		printf("  %llu failed by %s\n", (unsigned long long)report->causes[i].count,
		       report->causes[i].name);
	bad += report->flaws;
	free(report);
	return bad > 0 ? 2 : 0;
}
