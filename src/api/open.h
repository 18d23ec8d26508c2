/*
 * open.h - from the caller's words to a stream: what procs_call, procs_pmap
 * and procs_reduce have in common.
 */
#ifndef PROCS_API_OPEN_H
#define PROCS_API_OPEN_H

#include "pool/stream.h"

/* Resolves options for a call of that name. 0, or a negative errno after px_refuse. */
int px_open_config(const char *call, const struct procs_options *options, struct px_config *config);

/* Opens a stream over `input`, or refuses: NULL with errno. `call` is the name
 * of the public function, for the message. */
struct procs_stream *px_open(const char *call, const struct procs_options *options,
			     const struct px_input *input);

/* The input of a map over sequences, or over plain arrays. 0, or -EINVAL and the reason is left as
 * px_refuse does. */
int px_map_sequences(const char *call, const struct procs_function *function, size_t n,
		     const struct procs_sequence *sequences, size_t n_sequences,
		     struct px_input *input_out);
int px_map_arrays(const char *call, const struct procs_function *function, size_t n,
		  const void *const *arrays, size_t n_arrays, struct px_input *input_out);

#endif /* PROCS_API_OPEN_H */
