#include "backend/tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/px.h"

/* The lowest number that is free: a descriptor more or less mostly changes it. */
static int px_free_number(int any)
{
	const int fd = fcntl(any, F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		syscall(SYS_close, fd);
	return fd;
}

/* Asks for what only a process of one thread may have, and has already. */
static bool px_has_threads(void)
{
	return syscall(SYS_unshare, CLONE_THREAD) != 0 && errno == EINVAL;
}

static void px_note_ids(uid_t users[3], gid_t groups[3])
{
	(void)getresuid(&users[0], &users[1], &users[2]);
	(void)getresgid(&groups[0], &groups[1], &groups[2]);
}

void px_tidy_note(struct px_tidy *tidy)
{
	const int saved = errno;

	tidy->tidy = true;
	pthread_sigmask(SIG_SETMASK, NULL, &tidy->mask);
	for (int number = 1; number <= PX_SIGNALS; number++)
		(void)sigaction(number, NULL, &tidy->actions[number]);
	tidy->directory = (int)syscall(SYS_openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	tidy->umask = umask(0);
	(void)umask(tidy->umask);
	px_note_ids(tidy->users, tidy->groups);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		(void)getrlimit(i, &tidy->limits[i]);
	tidy->threads = px_has_threads();
	tidy->free_number = px_free_number(tidy->directory);
	errno = saved;
}

static void px_restore(const struct px_tidy *tidy)
{
	const struct itimerval never = { .it_value = { 0 } };
	const int saved = errno;

	(void)setitimer(ITIMER_REAL, &never, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &never, NULL);
	(void)setitimer(ITIMER_PROF, &never, NULL);
	/* Those of the C library's own use refuse it, and are as they were. */
	for (int number = 1; number <= PX_SIGNALS; number++)
		if (number != SIGKILL && number != SIGSTOP)
			(void)sigaction(number, &tidy->actions[number], NULL);
	pthread_sigmask(SIG_SETMASK, &tidy->mask, NULL);
	if (tidy->directory >= 0)
		(void)!fchdir(tidy->directory);
	(void)umask(tidy->umask);
	errno = saved;
}

static bool px_spoiled(const struct px_tidy *tidy)
{
	const int saved = errno;
	struct rlimit limit;
	uid_t users[3];
	gid_t groups[3];
	bool spoiled;

	px_note_ids(users, groups);
	spoiled = memcmp(users, tidy->users, sizeof(users)) != 0 ||
		  memcmp(groups, tidy->groups, sizeof(groups)) != 0;
	for (int i = 0; i < RLIM_NLIMITS && !spoiled; i++)
		spoiled =
			getrlimit(i, &limit) == 0 && (limit.rlim_cur != tidy->limits[i].rlim_cur ||
						      limit.rlim_max != tidy->limits[i].rlim_max);
	spoiled = spoiled || px_has_threads() != tidy->threads ||
		  px_free_number(tidy->directory) != tidy->free_number;
	errno = saved;
	return spoiled;
}

bool px_tidy_up(struct px_tidy *tidy)
{
	if (!tidy->tidy) {
		px_restore(tidy);
		tidy->spoiled = tidy->spoiled || px_spoiled(tidy);
		tidy->tidy = true;
	}
	return !tidy->spoiled;
}
