/*
 * verdicts.c - what is said of each file. Good ones are told at once. Bad ones
 * wait, in order, until dpkg was asked whose the changed ones are: it reads its
 * whole database each time, so it is asked about many at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify.h"

enum {
	SUSPECTS = 1024, /* changed files that dpkg is asked about at once */
	HELD = 16384     /* bad files that wait at most */
};

struct outcome {
	const struct package *package;
	char *path;
	enum verdict verdict;
	size_t suspect; /* CHANGED: which */
	uint64_t size;
	struct procs_failed failed; /* cause and code only; its text in `why` */
	char why[200];
};

struct verdicts {
	const struct settings *settings;
	const struct packages *packages;
	const struct dpkg *dpkg;
	struct report *report;
	size_t n, n_suspects;
	struct suspect suspects[SUSPECTS];
	struct outcome outcomes[HELD];
};

struct verdicts *verdicts_open(const struct settings *settings, const struct packages *packages,
			       const struct dpkg *dpkg, struct report *report)
{
	struct verdicts *verdicts = malloc(sizeof(*verdicts));

	if (verdicts == NULL) {
		fprintf(stderr, "verify_packages: out of memory\n");
		return NULL;
	}
	verdicts->settings = settings;
	verdicts->packages = packages;
	verdicts->dpkg = dpkg;
	verdicts->report = report;
	verdicts->n = verdicts->n_suspects = 0;
	return verdicts;
}

static void tell(struct verdicts *verdicts)
{
	if (verdicts->n_suspects > 0)
		dpkg_reassign(verdicts->settings, verdicts->packages, verdicts->suspects,
			      verdicts->n_suspects);
	for (size_t i = 0; i < verdicts->n; i++) {
		struct outcome *outcome = &verdicts->outcomes[i];

		outcome->failed.message = outcome->why;
		if (outcome->verdict == VERDICT_CHANGED &&
		    verdicts->suspects[outcome->suspect].reassigned)
			outcome->verdict = VERDICT_GOOD;
		report_file(verdicts->report, outcome->verdict, outcome->package, outcome->path,
			    outcome->size, outcome->failed.size > 0 ? &outcome->failed : NULL);
		free(outcome->path);
	}
	verdicts->n = verdicts->n_suspects = 0;
}

static void remember_failed(const struct procs_failed *failed, struct outcome *outcome)
{
	outcome->failed = *failed;
	snprintf(outcome->why, sizeof(outcome->why), "%s", failed->message);
	outcome->failed.data = NULL;
	outcome->failed.data_size = 0;
	outcome->failed.message_size = strlen(outcome->why);
}

static enum verdict judge(const struct verdicts *verdicts, const char *path,
			  const struct sum *expected, const struct procs_result *result,
			  struct finding *finding)
{
	if (result->failed == NULL) {
		procs_value(result, finding);
		return memcmp(&finding->sum, expected, sizeof(*expected)) == 0 ? VERDICT_GOOD
									       : VERDICT_CHANGED;
	}
	if (result->failed->cause != PROCS_CAUSE_ERROR || result->failed->code != ENOENT)
		return VERDICT_UNREADABLE;
	return dpkg_excludes(verdicts->dpkg, path) ? VERDICT_GOOD : VERDICT_MISSING;
}

bool verdicts_add(struct verdicts *verdicts, const struct package *package, const char *path,
		  const struct sum *expected, const struct procs_result *result)
{
	struct finding finding = { 0 };
	struct outcome *outcome = &verdicts->outcomes[verdicts->n];
	const enum verdict verdict = judge(verdicts, path, expected, result, &finding);

	if (verdict == VERDICT_GOOD) {
		report_file(verdicts->report, VERDICT_GOOD, package, path, finding.size, NULL);
		return true;
	}
	*outcome = (struct outcome){ .package = package,
				     .path = strdup(path),
				     .verdict = verdict,
				     .suspect = verdicts->n_suspects,
				     .size = finding.size };
	if (outcome->path == NULL)
		return false;
	if (result->failed != NULL)
		remember_failed(result->failed, outcome);
	if (verdict == VERDICT_CHANGED)
		verdicts->suspects[verdicts->n_suspects++] = (struct suspect){
			.package = package, .path = outcome->path, .sum = finding.sum
		};
	verdicts->n++;
	/* Nothing to ask: no reason to wait. */
	if (verdicts->n_suspects == 0 || verdicts->n_suspects == SUSPECTS || verdicts->n == HELD)
		tell(verdicts);
	return true;
}

void verdicts_close(struct verdicts *verdicts)
{
	if (verdicts != NULL)
		tell(verdicts);
	free(verdicts);
}
