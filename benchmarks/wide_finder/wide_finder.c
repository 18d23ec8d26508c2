/*
 * wide_finder - the ten most fetched pages of an Apache access log: Tim Bray's
 * Wide Finder of 2007, with which the module that procs goes back to was shown.
 */
#include <errno.h>
#include <getopt.h>
#include <procs/worker.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "wide_finder.h"

enum {
	USAGE = 2
};

static const char usage[] =
	"usage: wide_finder [OPTION ...] [LOG ...]\n"
	"\n"
	"Prints the pages that were fetched most often according to Apache access logs,\n"
	"as `uniq -c` does: how often, and which. A file is split at line ends into chunks,\n"
	"each one item of a parallel map; what is compressed by gzip, and what comes from\n"
	"a pipe (no LOG, or -), is read by one process and counted by others.\n"
	"\n"
	"  -n, --top=N        so many pages (default: 10)\n"
	"  -p, --pattern=P    a page is what group 1 of this regular expression (PCRE2), or\n"
	"                     all of it if it has none, first matches in a line. Default:\n"
	"                     \"GET ([^? \"]+) at the line's first quote, which is\n"
	"                     ^[^\"]*\"GET ([^? \"]+)\n"
	"  -w, --workers=N    worker processes (default: the usable CPUs); 0: none, all is\n"
	"                     done in this process\n"
	"  -S, --start=METHOD how they are made: fork, forkserver, spawn, or inline, which is\n"
	"                     --workers=0 (default: the environment's PROCS_START, or fork)\n"
	"  -c, --chunk=BYTES  of one item, 1 to 268435456 (default: 1048576; of logs that\n"
	"                     one process has to read 4194304)\n"
	"  -q, --quiet        no progress bar; there is none either unless stderr is a\n"
	"                     terminal\n"
	"  -h, --help         this text\n"
	"\n"
	"Lines end with a newline; any other byte is a character. What is added to a file\n"
	"after it was opened is not read. Exit status: 0; 1 some of it could not be read,\n"
	"counted or printed; 2 wrong usage.\n";

static int complain(const char *what, const char *value)
{
	fprintf(stderr, "wide_finder: %s: %s\nTry --help.\n", what, value);
	return USAGE;
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *number >= least &&
	       *number <= most;
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

static int parse_option(int option, struct settings *settings)
{
	uint64_t number;

	switch (option) {
	case 'n':
		if (!parse_number(optarg, 1, UINT64_MAX, &settings->top))
			return complain("not a number of pages, 1 or more", optarg);
		return 0;
	case 'p':
		settings->pattern = optarg;
		return 0;
	case 'w':
		if (!parse_number(optarg, 0, 4096, &number))
			return complain("not a number of workers, 0 to 4096", optarg);
		settings->workers = (uint32_t)number;
		settings->serial = number == 0;
		return 0;
	case 'S':
		if (!parse_start(optarg, &settings->start))
			return complain("not fork, forkserver, spawn or inline", optarg);
		return 0;
	case 'c':
		if (!parse_number(optarg, 1, LINE_MOST, &settings->chunk))
			return complain("not a size of chunks, 1 to 268435456", optarg);
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

/* 0 and optind at the first log, or what to exit with. */
static int parse(int argc, char *argv[], struct settings *settings)
{
	static const struct option options[] = {
		{ "top", required_argument, NULL, 'n' },
		{ "pattern", required_argument, NULL, 'p' },
		{ "workers", required_argument, NULL, 'w' },
		{ "start", required_argument, NULL, 'S' },
		{ "chunk", required_argument, NULL, 'c' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *start = getenv("PROCS_START");
	int option, status = 0;

	if (start == NULL || !parse_start(start, &settings->start))
		settings->start = PROCS_START_FORK;
	while (status == 0 &&
	       (option = getopt_long(argc, argv, "n:p:w:S:c:qh", options, NULL)) != -1)
		status = parse_option(option, settings);
	if (settings->serial)
		settings->start = PROCS_START_INLINE;
	return status;
}

/* Bytes of all logs on disk; 0 if one of them is no file. */
static uint64_t measure(char *const names[])
{
	uint64_t bytes = 0;

	for (; *names != NULL; names++) {
		struct stat status;

		if (stat(*names, &status) != 0 || !S_ISREG(status.st_mode))
			return 0;
		bytes += (uint64_t)status.st_size;
	}
	return bytes;
}

static int print(struct table *table, uint64_t top)
{
	table_print(table, top, stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "wide_finder: standard output: %s\n", strerror(errno));
	return 1;
}

int main(int argc, char *argv[])
{
	static char standard[] = "-";
	char *const standard_only[] = { standard, NULL };
	char *const *names = standard_only;
	struct settings settings = { .top = 10 };
	struct table table = { 0 };
	struct report *report;
	int status;

	procs_worker_hook(argc, argv);
	status = parse(argc, argv, &settings);
	if (status != 0)
		return status;
	if (optind < argc)
		names = argv + optind;
	if (!match_open(settings.pattern))
		return USAGE;
	table_seed();
	report = report_open(&settings, measure(names));
	if (report == NULL)
		return complain("out of memory", "");
	for (; *names != NULL; names++)
		flow_run(&settings, *names, &table, report);
	status = report_close(report);
	status |= print(&table, settings.top);
	table_free(&table);
	match_close();
	return status;
}
