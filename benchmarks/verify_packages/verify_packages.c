/*
 * verify_packages - checks every file of the installed Debian packages against
 * the checksums that dpkg keeps.
 */
#include <errno.h>
#include <getopt.h>
#include <procs/worker.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

enum {
	USAGE = 255,
	NOT_INSTALLED = 1
};

static const char usage[] =
	"usage: verify_packages [OPTION ...] [PACKAGE ...]\n"
	"\n"
	"Checks every file of the installed Debian packages, or of those named, against\n"
	"the MD5 sums that dpkg keeps: each file is one item of a parallel map.\n"
	"\n"
	"  -a, --all              check configuration files too\n"
	"  -r, --root=DIR         the system below DIR (default: /)\n"
	"  -d, --admindir=DIR     dpkg's directory there (default: /var/lib/dpkg)\n"
	"  -w, --workers=N        worker processes (default: the usable CPUs)\n"
	"  -S, --start=METHOD     how they are made: fork, forkserver, spawn, or inline: none,\n"
	"                         all is done in this process (default: the environment's\n"
	"                         PROCS_START, or fork)\n"
	"  -t, --timeout=SECONDS  give up on a file after this long (default: never); not\n"
	"                         when inline\n"
	"  -q, --quiet            no progress bar; there is none either unless stderr\n"
	"                         is a terminal\n"
	"  -h, --help             this text\n"
	"\n"
	"Prints a line for each file that is changed, missing or unreadable, then a\n"
	"summary. Exit status: 0 all good; +1 a named package is not installed; +2 a\n"
	"file is changed, missing or unreadable; 255 wrong usage.\n";

static int complain(const char *what, const char *value)
{
	fprintf(stderr, "verify_packages: %s: %s\nTry --help.\n", what, value);
	return USAGE;
}

static bool parse_workers(const char *text, uint32_t *workers)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	*workers = (uint32_t)number;
	return *text >= '0' && *text <= '9' && *end == '\0' && number >= 1 && number <= 4096;
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

static bool parse_timeout(const char *text, uint64_t *timeout)
{
	char *end;
	const double seconds = strtod(text, &end);

	*timeout = (uint64_t)(seconds * 1e9);
	return end != text && *end == '\0' && seconds >= 1e-3 && seconds <= 4e9;
}

static int parse_option(int option, struct settings *settings)
{
	switch (option) {
	case 'a':
		settings->conffiles = true;
		return 0;
	case 'r':
		settings->root = strcmp(optarg, "/") == 0 ? "" : optarg;
		return 0;
	case 'd':
		settings->admindir = optarg;
		return 0;
	case 'w':
		if (!parse_workers(optarg, &settings->workers))
			return complain("not a number of workers, 1 to 4096", optarg);
		return 0;
	case 'S':
		if (!parse_start(optarg, &settings->start))
			return complain("not fork, forkserver, spawn or inline", optarg);
		return 0;
	case 't':
		if (!parse_timeout(optarg, &settings->timeout_ns))
			return complain("not a number of seconds", optarg);
		return 0;
	case 'q':
		settings->quiet = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs("Try --help.\n", stderr);
		return USAGE;
	}
}

/* 0 and optind at the first package, or what to exit with. */
static int parse(int argc, char *argv[], struct settings *settings)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "root", required_argument, NULL, 'r' },
		{ "admindir", required_argument, NULL, 'd' },
		{ "workers", required_argument, NULL, 'w' },
		{ "start", required_argument, NULL, 'S' },
		{ "timeout", required_argument, NULL, 't' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option, status = 0;

	while (status == 0 &&
	       (option = getopt_long(argc, argv, "ar:d:w:S:t:qh", options, NULL)) != -1)
		status = parse_option(option, settings);
	return status;
}

/* The packages that are named, or all. */
static const struct package **choose(const struct packages *packages, int argc, char *argv[],
				     size_t *n_out, int *status)
{
	const size_t most = (argc > 0 ? (size_t)argc : packages->n) + 1;
	const struct package **chosen = calloc(most, sizeof(struct package *));

	*n_out = 0;
	for (size_t i = 0; chosen != NULL && argc == 0 && i < packages->n; i++)
		chosen[(*n_out)++] = &packages->list[i];
	for (int i = 0; chosen != NULL && i < argc; i++) {
		const struct package *package = packages_find(packages, argv[i]);

		if (package != NULL) {
			chosen[(*n_out)++] = package;
		} else {
			fprintf(stderr, "verify_packages: package %s is not installed\n", argv[i]);
			*status |= NOT_INSTALLED;
		}
	}
	return chosen;
}

int main(int argc, char *argv[])
{
	struct settings settings = { .root = "", .admindir = "/var/lib/dpkg" };
	struct packages packages = { 0 };
	const struct package **chosen;
	struct report *report;
	size_t n;
	int status;

	procs_worker_hook(argc, argv);
	status = parse(argc, argv, &settings);
	if (status != 0)
		return status;
	if (!packages_read(&settings, &packages))
		return USAGE;
	chosen = choose(&packages, argc - optind, argv + optind, &n, &status);
	report = report_open(&settings,
			     report_shows_bar(&settings) ? flow_count(&settings, chosen, n) : 0);
	if (chosen == NULL || report == NULL)
		return complain("out of memory", "");
	if (!flow_run(&settings, &packages, chosen, n, report))
		status |= 2;
	status |= report_close(report);
	free(chosen);
	packages_free(&packages);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "verify_packages: standard output: %s\n", strerror(errno));
		return USAGE;
	}
	return status;
}
