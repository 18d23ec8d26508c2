/*
 * report.h - what a crashing worker leaves in its slot, and how the parent reads
 * it. The worker writes it from a signal handler; whoever reads it treats it as
 * written by anybody.
 */
#ifndef PROCS_SHM_REPORT_H
#define PROCS_SHM_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	PX_REPORT_FRAMES = 48 /* addresses, the innermost first */
};

/* In the slot. */
struct px_report {
	_Atomic uint32_t written; /* 1: the fields below, and n_frames as it grows */
	int32_t signal;
	int32_t code;      /* si_code */
	uint32_t overflow; /* 1: of a stack */
	uint64_t address;  /* si_addr */
	_Atomic uint32_t n_frames;
	uint32_t pad;
	uint64_t
		frame[PX_REPORT_FRAMES]; /* the first is the instruction, others return addresses */
};

/* The parent's copy. */
struct px_crash {
	int signal;
	int code;
	bool overflow;
	uint64_t address;
	uint32_t n_frames; /* at most PX_REPORT_FRAMES */
	uint64_t frame[PX_REPORT_FRAMES];
};

/* Before a worker is born: there is no report. */
void px_report_clear(struct px_report *report);

/* Copies and bounds it; false if there is none, or none that makes sense. */
bool px_report_take(const struct px_report *report, struct px_crash *crash_out);

#endif /* PROCS_SHM_REPORT_H */
