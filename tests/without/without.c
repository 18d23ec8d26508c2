/*
 * without - runs a program on a kernel that lacks some calls.
 *
 * usage: without NAME[=ERRNO] ... -- PROGRAM [ARGUMENT ...]
 *
 * NAME is a system call of the table below, "anonymous" (shared anonymous
 * mappings), "info" (the ioctl that tells how a process ended after its status
 * was taken), or "all" of them. ERRNO is ENOSYS (default) or EPERM, as filters
 * have it. Exit status 77 if no filter can be installed.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
# define SYS_futex_waitv 449
#endif

#define PIDFD_GET_INFO_NUMBER 0xff0b /* type and number of the ioctl, without its size */

static const struct {
	const char *name;
	long number;
} calls[] = {
	{ "clone3", SYS_clone3 },
	{ "futex_waitv", SYS_futex_waitv },
	{ "get_robust_list", SYS_get_robust_list },
	{ "madvise", SYS_madvise },
	{ "memfd_create", SYS_memfd_create },
	{ "pidfd_open", SYS_pidfd_open },
	{ "pidfd_send_signal", SYS_pidfd_send_signal },
	{ "prctl", SYS_prctl },
	{ "set_robust_list", SYS_set_robust_list },
	{ "timer_create", SYS_timer_create },
};

enum {
	MOST = 200
};

static struct sock_filter program[MOST];
static unsigned short length;

static void add(struct sock_filter instruction)
{
	if (length == MOST)
		abort();
	program[length++] = instruction;
}

static void load(size_t offset)
{
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void refuse(int error)
{
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					 SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)));
}

/* If the loaded word, masked, is `value`, the next `steps` are done, else left
 * out. */
static void only_if(unsigned mask, unsigned value, unsigned char steps)
{
	add((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, steps));
}

static void refuse_call(long number, int error)
{
	load(offsetof(struct seccomp_data, nr));
	only_if(~0u, (unsigned)number, 1);
	refuse(error);
}

static void refuse_anonymous(int error)
{
	load(offsetof(struct seccomp_data, nr));
	only_if(~0u, SYS_mmap, 4);
	load(offsetof(struct seccomp_data, args[3]));
	only_if(MAP_SHARED | MAP_ANONYMOUS | MAP_PRIVATE, MAP_SHARED | MAP_ANONYMOUS, 1);
	refuse(error);
}

static void refuse_info(int error)
{
	load(offsetof(struct seccomp_data, nr));
	only_if(~0u, SYS_ioctl, 4);
	load(offsetof(struct seccomp_data, args[1]));
	only_if(0xffff, PIDFD_GET_INFO_NUMBER, 1);
	refuse(error);
}

static void leave_out(const char *name, int error)
{
	const int all = strcmp(name, "all") == 0;
	int known = all;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (all || strcmp(name, calls[i].name) == 0) {
			/* Without both kinds of shared memory there is nothing to test. */
			if (!all || strcmp(calls[i].name, "memfd_create") != 0)
				refuse_call(calls[i].number, error);
			known = 1;
		}
	if (all || strcmp(name, "anonymous") == 0) {
		refuse_anonymous(error);
		known = 1;
	}
	if (all || strcmp(name, "info") == 0) {
		refuse_info(error);
		known = 1;
	}
	if (!known) {
		fprintf(stderr, "without: no call \"%s\" in my table\n", name);
		exit(2);
	}
}

int main(int argc, char *argv[])
{
	struct sock_fprog filter;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		char *equals = strchr(argv[i], '=');

		if (equals != NULL)
			*equals = '\0';
		leave_out(argv[i], equals != NULL && strcmp(equals + 1, "EPERM") == 0 ? EPERM : ENOSYS);
	}
	if (i + 1 >= argc) {
		fprintf(stderr, "usage: without NAME[=ERRNO] ... -- PROGRAM [ARGUMENT ...]\n");
		return 2;
	}
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	filter = (struct sock_fprog){ .len = length, .filter = program };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
		perror("without: seccomp");
		return 77;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
