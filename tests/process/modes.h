/*
 * modes.h - the ways to run that every test of values goes through.
 */
#ifndef TESTS_PROCESS_MODES_H
#define TESTS_PROCESS_MODES_H

#include <procs/procs.h>

struct mode {
	enum procs_start start;
	enum procs_encoding encoding;
	enum procs_compression compression;
	enum procs_checksum checksum;
	uint32_t copy;
};

static const struct mode modes[] = {
	{ PROCS_START_FORK, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0 },
	{ PROCS_START_FORK, PROCS_ENCODING_TPL, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0 },
	{ PROCS_START_FORK, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_ALWAYS, PROCS_CHECKSUM_ALWAYS, 1 },
	{ PROCS_START_FORK, PROCS_ENCODING_TPL, PROCS_COMPRESSION_NEVER, PROCS_CHECKSUM_NEVER, 0 },
	{ PROCS_START_INLINE, PROCS_ENCODING_AUTO, PROCS_COMPRESSION_AUTO, PROCS_CHECKSUM_AUTO, 0 },
	{ PROCS_START_INLINE, PROCS_ENCODING_TPL, PROCS_COMPRESSION_ALWAYS, PROCS_CHECKSUM_ALWAYS, 0 },
};

enum {
	N_MODES = sizeof(modes) / sizeof(modes[0])
};

static inline struct procs_options mode_options(const struct mode *mode)
{
	return (struct procs_options){
		.size = sizeof(struct procs_options),
		.start = mode->start,
		.encoding = mode->encoding,
		.compression = mode->compression,
		.checksum = mode->checksum,
		.copy_results = mode->copy,
	};
}

#endif /* TESTS_PROCESS_MODES_H */
