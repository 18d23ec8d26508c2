/*
 * symbols.h - names for addresses of this program.
 *
 * Found in a child, by a library that is loaded there: the host keeps no mapping
 * of it, a broken debug file costs the child, and a search that takes too long
 * is ended.
 */
#ifndef PROCS_BACKEND_SYMBOLS_H
#define PROCS_BACKEND_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/objects.h"

enum {
	PX_SYMBOL_TEXT = 256,
	PX_SYMBOLS_MOST = 64 /* of one search */
};

struct px_symbol {
	char text[PX_SYMBOL_TEXT]; /* "f (file.c:12)", "f (program+0x1c)", or "" for nothing */
};

/* Fills symbols[i] with what the dynamic linker knows of addresses[i]: exported
 * functions, and modules with offsets. */
void px_symbols_guess(const uint64_t *addresses, uint32_t n, const struct px_foreign *foreign,
		      struct px_symbol *symbols);

/* Fills symbols[i] for addresses[i], of this process or of foreign objects (NULL: none). False, with guesses, if no child can be had
 * or it took more than two seconds. Blocks for that long. */
bool px_symbols_find(const uint64_t *addresses, uint32_t n, const struct px_foreign *foreign,
		     struct px_symbol *symbols);

#endif /* PROCS_BACKEND_SYMBOLS_H */
