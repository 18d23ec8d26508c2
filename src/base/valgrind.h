/*
 * valgrind.h - whether valgrind runs us: it keeps books of each page, so that
 * address space, which is free elsewhere, costs memory and time.
 */
#ifndef PROCS_BASE_VALGRIND_H
#define PROCS_BASE_VALGRIND_H

#include <stdbool.h>

#if defined(__has_include)
# if __has_include(<valgrind/valgrind.h>)
#  include <valgrind/valgrind.h>
# endif
#endif

static inline bool px_is_valgrind(void)
{
#ifdef RUNNING_ON_VALGRIND
	return RUNNING_ON_VALGRIND;
#else
	return false;
#endif
}

#endif /* PROCS_BASE_VALGRIND_H */
