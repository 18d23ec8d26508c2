/*
 * wide_finder.h - the parts of wide_finder: the table of pages and how often
 * each was fetched (table.c), what a line's page is (match.c), the tasks, run
 * in workers (count.c), the flow of a log through them (flow.c), a log that has
 * to be read by the parent (pull.c), what is told about it (report.c).
 */
#ifndef WIDE_FINDER_H
#define WIDE_FINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <procs/procs.h>

enum {
	LINE_MOST = 256 << 20 /* bytes of one line, and of one chunk; more is refused */
};

struct settings {
	const char *pattern; /* NULL: the default one */
	uint64_t top;        /* pages to print */
	uint64_t chunk;      /* bytes of one; 0: as the kind of log suggests */
	uint32_t workers;    /* 0: as procs has it */
	bool serial;         /* no processes at all */
	uint32_t start;      /* enum procs_start, not the default; inline if serial */
	bool quiet;          /* no progress bar, terminal or not */
};

/* --- table.c: pages and their counts. --- */

struct page {
	uint64_t count;
	uint64_t hash;
	size_t at;     /* its name among the names */
	size_t length; /* bytes of the name, which may be any */
};

struct page_slot; /* of the index */

/* All zero is an empty table. */
struct table {
	struct page *pages; /* [n], as they came */
	size_t n, room;
	char *names;
	size_t names_size, names_room;
	struct page_slot *slots; /* [n_slots], a power of two */
	size_t n_slots;
};

/* How pages are hashed, drawn once a process, or before its fork: whoever asks for
 * pages that all fall into one place must guess it. */
void table_seed(void);

/* False without memory; the table is then as it was. */
bool table_add(struct table *table, const char *name, size_t length, uint64_t count);

/* Forgets all pages and keeps the memory. */
void table_clear(struct table *table);
void table_free(struct table *table);

/* The table as bytes, to travel from worker to parent. */
size_t table_packed_size(const struct table *table);
void table_pack(const struct table *table, void *bytes);

/* Adds what table_pack wrote; 0 or an errno, EBADMSG if it wrote something else. */
int table_merge(struct table *table, const void *bytes, size_t size);

/* Sorts the pages, most fetched first, and prints so many of them. What they
 * are found by is lost: only table_free may follow. */
void table_print(struct table *table, uint64_t most, FILE *out);

/* --- match.c: the page of a line. --- */

/* Compiles the pattern, once and before there are workers, or in one that has not
 * inherited it; false after saying why not on stderr. NULL: the default pattern. */
bool match_open(const char *pattern);
void match_close(void);

/* Counts the pages of these lines; the last may lack its end. 0 or an errno,
 * told by procs_fail. */
int match_lines(const char *text, size_t size, struct table *table);

/* --- count.c: the tasks. --- */

/* A log whose chunks are read by workers. */
struct log {
	int fd;        /* -1: there is none, the tasks are given its text */
	uint64_t size; /* when it was opened: what is added later is not read */
	dev_t device;
	ino_t inode;
};

/* Notes the log and the pattern where all workers see them, however they are made: for
 * count_ready. NULL without memory. */
void *count_open(const struct log *log, const char *pattern);
void count_close(void);

/* The hook of each worker: @user is what count_open returned. 0 or an errno. */
int count_ready(void *user);

/* What a task returns begins with this; the table follows. */
struct counted {
	uint64_t end; /* from here on nothing was left of the log; else UINT64_MAX */
};

/* Counts the lines that start in [from, to). */
PROCS_DECLARE2(struct procs_bytes, count_chunk, uint64_t, from, uint64_t, to);

/* A raw task: counts the lines of its argument. */
PROCS_TASK_DECLARE(count_piece);

/* --- report.c --- */

struct report;

/* @expected: bytes of all logs as they lie on disk; 0 if that is not known. */
struct report *report_open(const struct settings *settings, uint64_t expected);

/* So many bytes of the log in work were counted. */
void report_progress(struct report *report, uint64_t bytes);

/* The next log is in work. */
void report_begin(struct report *report, const char *name);

/* Something is wrong with the log in work, and the exit status will say so. */
void report_error(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A chunk was not counted: bytes [from, to) of the log. Ten are told, then a
 * count. */
void report_failed(struct report *report, uint64_t from, uint64_t to, const char *why);

/* Ends the log in work: report_begin may follow. */
void report_end(struct report *report);

/* Frees the report; the exit status. */
int report_close(struct report *report);

/* --- flow.c, pull.c --- */

/* Counts one log, "-" for standard input. */
void flow_run(const struct settings *settings, const char *name, struct table *table,
	      struct report *report);

/* The options of every stream; @notes: of count_open. */
struct procs_options flow_options(const struct settings *settings, void *notes);

/* Adds an outcome of [from, to) to the table. */
void flow_take(const struct procs_result *result, uint64_t from, uint64_t to, struct table *table,
	       struct report *report);

/* Counts a log that is compressed, or no file; takes the descriptor. */
void pull_run(const struct settings *settings, int fd, struct table *table, struct report *report);

#endif /* WIDE_FINDER_H */
