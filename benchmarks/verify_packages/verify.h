/*
 * verify.h - the parts of verify_packages: what dpkg knows (packages.c,
 * dpkg.c), the check of one file, run in workers (check.c), the flow of files
 * through them (flow.c), what is told about it (report.c).
 */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <procs/procs.h>

struct settings {
	const char *root;     /* "" for / */
	const char *admindir; /* of dpkg, below the root */
	bool conffiles;       /* check those too */
	bool quiet;           /* no progress bar, terminal or not */
	uint32_t workers;     /* 0: as procs has it */
	uint32_t start;       /* enum procs_start */
	uint64_t timeout_ns;  /* of one file; 0: none */
};

/* An MD5 sum, and what a worker found out about a file. */
struct sum {
	uint8_t bytes[16];
};

struct finding {
	uint64_t size; /* bytes read */
	struct sum sum;
};

/* The task: reads a file that lies below root (NULL: /) and digests it; fails
 * with the errno of what went wrong, EISDIR or ENOTSUP for what is no file. */
PROCS_DECLARE2(struct finding, check_file, const char *, root, const char *, path);

/* True and the sum if [32] characters are the hexadecimal digits of one. */
bool sum_parse(const char *text, struct sum *sum_out);

/* --- packages.c: the installed packages. --- */

struct conffile {
	char *path; /* without the leading slash */
	struct sum sum;
};

struct replacement {
	char *package;   /* that this one replaces files of */
	char *condition; /* "<< 1.2-3", or NULL */
};

struct package {
	char *name;  /* "libc6:amd64" or "dpkg" */
	char *plain; /* "libc6" */
	char *version;
	struct conffile *conffiles;
	size_t n_conffiles;
	struct replacement *replaces;
	size_t n_replaces;
};

struct packages {
	struct package *list; /* by name */
	size_t n;
	size_t room;
};

/* Reads dpkg's status file; false after saying why on stderr. */
bool packages_read(const struct settings *settings, struct packages *packages);
void packages_free(struct packages *packages);

/* The package that a user may mean by "libc6" or "libc6:amd64", or NULL. */
const struct package *packages_find(const struct packages *packages, const char *name);

/* Opens the package's list of checksums, or its list of files; NULL if it has
 * none. */
FILE *package_open(const struct settings *settings, const struct package *package,
		   const char *kind);

/* --- dpkg.c: diversions, exclusions, ownership. --- */

struct dpkg; /* what is read once */

struct dpkg *dpkg_read(const struct settings *settings);
void dpkg_free(struct dpkg *dpkg);

/* Where a package's file really is; `path` itself if it is not diverted. */
const char *dpkg_divert(const struct dpkg *dpkg, const char *path, const struct package *package);

/* Whether dpkg was told not to install this path. */
bool dpkg_excludes(const struct dpkg *dpkg, const char *path);

/* A file that is not as its package had it. */
struct suspect {
	const struct package *package;
	const char *path; /* with the leading slash */
	struct sum sum;   /* that it has */
	bool reassigned;  /* it is another package's by right */
	bool named;       /* dpkg names this package as its owner, and no other */
};

/* Sets `reassigned` of those that another package replaces, or that dpkg does
 * not name as their package's. */
void dpkg_reassign(const struct settings *settings, const struct packages *packages,
		   struct suspect *suspects, size_t n);

/* --- report.c --- */

enum verdict {
	VERDICT_GOOD,
	VERDICT_CHANGED,
	VERDICT_MISSING,
	VERDICT_UNREADABLE,
	N_VERDICTS
};

struct report; /* the counts */

/* Whether it needs to know how many files to expect. */
bool report_shows_bar(const struct settings *settings);

struct report *report_open(const struct settings *settings, uint64_t files);
void report_package(struct report *report);
void report_file(struct report *report, enum verdict verdict, const struct package *package,
		 const char *path, uint64_t size, const struct procs_failed *failed);
void report_flaw(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_warn(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the summary, frees the report; the exit status' bit for bad files. */
int report_close(struct report *report);

/* --- verdicts.c --- */

struct verdicts; /* bad files that are not told yet */

/* NULL after saying why on stderr. */
struct verdicts *verdicts_open(const struct settings *settings, const struct packages *packages,
			       const struct dpkg *dpkg, struct report *report);

/* Judges a file by what check_file found of it; false: out of memory. */
bool verdicts_add(struct verdicts *verdicts, const struct package *package, const char *path,
		  const struct sum *expected, const struct procs_result *result);

/* Tells the rest, and frees it. */
void verdicts_close(struct verdicts *verdicts);

/* --- flow.c --- */

/* Checks the files of these packages; false if the library refused. */
bool flow_run(const struct settings *settings, const struct packages *packages,
	      const struct package *const *chosen, size_t n, struct report *report);

/* How many files that will be, for the progress bar. */
uint64_t flow_count(const struct settings *settings, const struct package *const *chosen, size_t n);

#endif /* VERIFY_H */
