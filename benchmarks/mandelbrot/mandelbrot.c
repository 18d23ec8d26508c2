/*
 * mandelbrot - the Mandelbrot set as a PNG picture: results of many sizes,
 * written in place by workers and put together in order.
 */
#include <errno.h>
#include <getopt.h>
#include <procs/worker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mandelbrot.h"

enum {
	USAGE = 2,
	ITERATIONS_MOST = 1000000000
};

/* The largest row, and the largest item of short ones, can be counted in bytes. */
_Static_assert((SIDE_MOST + 1024ull) * PIXEL_BYTES <= SIZE_MAX, "SIDE_MOST");

static const char usage[] =
	"usage: mandelbrot [OPTION ...] [FILE]\n"
	"\n"
	"Paints the Mandelbrot set into FILE, a PNG picture: each row of it is one item of\n"
	"a parallel map, or several rows are where they are short. No FILE, or -, is\n"
	"standard output, which must not be a terminal. The bytes are the same for any\n"
	"number of workers, and however they are made.\n"
	"\n"
	"  -s, --size=WxH      pixels, 1 to 100000 each (default: 1200x800)\n"
	"  -c, --center=X,Y    the middle of the picture, -100 to 100 (default: -0.75,0)\n"
	"  -d, --width=D       of the picture, in the plane; up to 100, and not so little\n"
	"                      that neighbouring pixels were one number (default: 3.5)\n"
	"  -i, --iterations=N  a point that has not escaped after so many is painted black,\n"
	"                      1 to 1000000000 (default: 1000)\n"
	"  -w, --workers=N     worker processes (default: the usable CPUs); 0: none, all is\n"
	"                      done in this process\n"
	"  -S, --start=METHOD  how they are made: fork, forkserver, spawn, or inline, which is\n"
	"                      --workers=0 (default: the environment's PROCS_START, or fork)\n"
	"  -q, --quiet         no progress bar; there is none either unless stderr is a\n"
	"                      terminal\n"
	"  -h, --help          this text\n"
	"\n"
	"A FILE that cannot be finished is removed. Exit status: 0; 1 there is no picture;\n"
	"2 wrong usage.\n";

static int complain(const char *what, const char *value)
{
	fprintf(stderr, "mandelbrot: %s: %s\nTry --help.\n", what, value);
	return USAGE;
}

/* Reads a number in front of `end`, and goes on behind it. */
static bool parse_number(const char **text, char end, uint32_t least, uint32_t most,
			 uint32_t *number)
{
	char *behind;
	uint64_t value;

	errno = 0;
	value = strtoull(*text, &behind, 10);
	if (**text < '0' || **text > '9' || *behind != end || errno != 0 || value < least ||
	    value > most)
		return false;
	*number = (uint32_t)value;
	*text = behind + 1;
	return true;
}

/* The same of a real number; not a number is in no range. */
static bool parse_real(const char **text, char end, double least, double most, double *number)
{
	char *behind;

	*number = strtod(*text, &behind);
	if (strchr("+-.0123456789", **text) == NULL || behind == *text || *behind != end ||
	    !(*number >= least && *number <= most))
		return false;
	*text = behind + 1;
	return true;
}

static bool parse_start(const char *text, uint32_t *start)
{
	static const char *const names[] = { [PROCS_START_FORK] = "fork",
					     [PROCS_START_INLINE] = "inline",
					     [PROCS_START_FORKSERVER] = "forkserver",
					     [PROCS_START_SPAWN] = "spawn" };

	for (uint32_t i = PROCS_START_FORK; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*start = i;
			return true;
		}
	}
	return false;
}

static int parse_option(int option, const char *text, struct settings *settings)
{
	const char *at = text;

	switch (option) {
	case 's':
		if (!parse_number(&at, 'x', 1, SIDE_MOST, &settings->columns) ||
		    !parse_number(&at, '\0', 1, SIDE_MOST, &settings->rows))
			return complain("not a size WxH, 1x1 to 100000x100000", text);
		return 0;
	case 'c':
		if (!parse_real(&at, ',', -100, 100, &settings->x) ||
		    !parse_real(&at, '\0', -100, 100, &settings->y))
			return complain("not a point X,Y, -100,-100 to 100,100", text);
		return 0;
	case 'd':
		if (!parse_real(&at, '\0', 1e-300, 100, &settings->width))
			return complain("not a width, more than 0 to 100", text);
		return 0;
	case 'i':
		if (!parse_number(&at, '\0', 1, ITERATIONS_MOST, &settings->iterations))
			return complain("not a number of iterations, 1 to 1000000000", text);
		return 0;
	case 'w':
		if (!parse_number(&at, '\0', 0, 4096, &settings->workers))
			return complain("not a number of workers, 0 to 4096", text);
		settings->serial = settings->workers == 0;
		return 0;
	case 'S':
		if (!parse_start(text, &settings->start))
			return complain("not fork, forkserver, spawn or inline", text);
		return 0;
	case 'q':
		settings->quiet = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		exit(fflush(stdout) == 0 ? 0 : 1);
	default:
		fputs("Try --help.\n", stderr);
		return USAGE;
	}
}

/* Whether a double can tell each pixel from its neighbours. */
static bool is_fine_enough(const struct settings *settings)
{
	const double step = settings->width / settings->columns;
	const double x = (settings->x < 0 ? -settings->x : settings->x) + settings->width / 2;
	const double y = (settings->y < 0 ? -settings->y : settings->y) + step * settings->rows / 2;
	volatile double x_next = x + step / 2, y_next = y + step / 2; /* no wider than doubles */

	return x_next != x && y_next != y;
}

/* 0, or what to exit with. */
static int parse(int argc, char *argv[], struct settings *settings)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 's' },
		{ "center", required_argument, NULL, 'c' },
		{ "width", required_argument, NULL, 'd' },
		{ "iterations", required_argument, NULL, 'i' },
		{ "workers", required_argument, NULL, 'w' },
		{ "start", required_argument, NULL, 'S' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *start = getenv("PROCS_START");
	int option, status = 0;

	if (start == NULL || !parse_start(start, &settings->start))
		settings->start = PROCS_START_FORK;
	while (status == 0 &&
	       (option = getopt_long(argc, argv, "s:c:d:i:w:S:qh", options, NULL)) != -1)
		status = parse_option(option, optarg, settings);
	if (status != 0)
		return status;
	if (settings->serial)
		settings->start = PROCS_START_INLINE;
	if (argc - optind > 1)
		return complain("more than one file", argv[optind + 1]);
	if (argc - optind == 1)
		settings->name = argv[optind];
	if (!is_fine_enough(settings))
		return complain("the picture is too fine for doubles", "--width or --size");
	if (strcmp(settings->name, "-") == 0 && isatty(STDOUT_FILENO))
		return complain("name a file", "standard output is a terminal");
	return 0;
}

int main(int argc, char *argv[])
{
	struct settings settings = {
		.name = "-",
		.columns = 1200,
		.rows = 800,
		.x = -0.75,
		.width = 3.5,
		.iterations = 1000,
	};
	struct report *report;
	struct picture *picture;
	int status;

	procs_worker_hook(argc, argv);
	status = parse(argc, argv, &settings);
	if (status != 0)
		return status;
	report = report_open(&settings);
	if (report == NULL) {
		fprintf(stderr, "mandelbrot: %s\n", strerror(ENOMEM));
		return 1;
	}
	picture = picture_open(&settings, report);
	if (picture != NULL)
		picture_close(picture, flow_run(&settings, picture, report));
	return report_close(report);
}
