/*
 * raw.h - system calls made on the spot.
 *
 * A process that has just been forked pays a page fault, some microseconds, for
 * each part of the C library that it touches first. What each worker does at
 * its entry and exit is made by these, which touch nothing but the caller. They
 * return -errno, and leave errno alone.
 */
#ifndef PROCS_BASE_RAW_H
#define PROCS_BASE_RAW_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers keep books of what the C library's functions do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define PX_RAW 0
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#  define PX_RAW 0
# endif
#endif
#if !defined(PX_RAW) && defined(__x86_64__) && defined(__LP64__)
# define PX_RAW 1
#elif !defined(PX_RAW)
# define PX_RAW 0
#endif

static inline long px_raw(long number, long a, long b, long c, long d)
{
#if PX_RAW
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
#else
	const long result = syscall(number, a, b, c, d);

	return result < 0 ? -errno : result;
#endif
}

#define PX_RAW_COPY_MOST 256 /* bytes for which it is worth it */

/* As memcpy, for the few bytes of a call. */
static inline void px_raw_copy(void *to, const void *from, size_t size)
{
#if PX_RAW
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
#else
	if (size > 0)
		__builtin_memcpy(to, from, size);
#endif
}

#endif /* PROCS_BASE_RAW_H */
