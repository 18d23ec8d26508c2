/*
 * modes.h - the ways to run that every test of values goes through.
 */
#ifndef TESTS_PROCESS_MODES_H
#define TESTS_PROCESS_MODES_H

#include <stdbool.h>

#include <procs/procs.h>

#include "pxt.h"

struct mode {
	enum procs_start start;
	enum procs_encoding encoding;
	enum procs_compression compression;
	enum procs_checksum checksum;
	uint32_t copy;
	bool pooled;
};

static const struct mode modes[] = {
	{ PROCS_START_DEFAULT, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0,
	  false },
	{ PROCS_START_DEFAULT, PROCS_ENCODING_TPL, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0,
	  false },
	{ PROCS_START_DEFAULT, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_ALWAYS, PROCS_CHECKSUM_ALWAYS,
	  1, false },
	{ PROCS_START_DEFAULT, PROCS_ENCODING_TPL, PROCS_COMPRESSION_NEVER, PROCS_CHECKSUM_NEVER, 0,
	  false },
	{ PROCS_START_DEFAULT, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0,
	  true },
	{ PROCS_START_DEFAULT, PROCS_ENCODING_TPL, PROCS_COMPRESSION_ALWAYS, PROCS_CHECKSUM_ALWAYS,
	  1, true },
	{ PROCS_START_INLINE, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0,
	  false },
	{ PROCS_START_INLINE, PROCS_ENCODING_TPL, PROCS_COMPRESSION_ALWAYS, PROCS_CHECKSUM_ALWAYS,
	  0, false },
};

enum {
	N_MODES = sizeof(modes) / sizeof(modes[0])
};

/* The options of a mode. A pool is opened for a mode that wants one, and closed when
 * the next mode has its turn; the last one wants none. */
static inline struct procs_options mode_options(const struct mode *mode)
{
	static struct procs_pool *pool;

	if (!mode->pooled) {
		pxt_equal(procs_pool_close(pool), 0);
		pool = NULL;
	} else if (pool == NULL) {
		pool = procs_pool_open(PROCS_OPTIONS(.workers = 2));
		pxt_check(pool != NULL);
	}
	return (struct procs_options){
		.size = sizeof(struct procs_options),
		.pool = pool,
		.start = mode->pooled ? PROCS_START_DEFAULT : mode->start,
		.encoding = mode->encoding,
		.compression = mode->compression,
		.checksum = mode->checksum,
		.copy_results = mode->copy,
	};
}

#endif /* TESTS_PROCESS_MODES_H */
