/*
 * crash.c - the handlers. Everything here is async-signal-safe: the unwinder is
 * linked into the library, finds its tables by _dl_find_object without a lock
 * and allocates nothing. Where the stack is so broken that unwinding faults, the
 * fault comes back here and ends the walk; where it hangs, an alarm ends the
 * process. What was written before either stands.
 */
#include "backend/crash.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "base/px.h"
#include "base/raw.h"

enum {
	PX_CRASH_STACK = 65536,
	PX_CRASH_STACK_LEAST = 16384,
	PX_CRASH_SECONDS = 2 /* after which a walk that hangs is ended */
};

PX_WORKER_WRITES static struct px_report *px_report;
PX_WORKER_WRITES static pid_t px_watched; /* a task's own children are no business of ours */
PX_WORKER_WRITES static uintptr_t px_floor;
PX_WORKER_WRITES static _Atomic pid_t px_crashing; /* the thread at it; 0: none */
static sigjmp_buf px_escape;
static _Alignas(16) unsigned char px_stack[PX_CRASH_STACK];

struct px_walk {
	uint64_t start; /* the instruction that crashed */
	bool met;       /* frames of the handler itself are over */
	uint32_t n;
};

static void px_add_frame(struct px_walk *walk, uint64_t address)
{
	px_report->frame[walk->n++] = address;
	/* release: pairs with px_report_take(); each frame as it is found, since the next may
	 * fault */
	atomic_store_explicit(&px_report->n_frames, walk->n, memory_order_release);
}

static _Unwind_Reason_Code px_on_frame(struct _Unwind_Context *context, void *argument)
{
	struct px_walk *walk = argument;
	const uint64_t address = _Unwind_GetIP(context);

	if (!walk->met) {
		walk->met = address == walk->start;
		return _URC_NO_REASON;
	}
	if (walk->n == PX_REPORT_FRAMES || address == 0 ||
	    (px_floor != 0 && (uintptr_t)_Unwind_GetCFA(context) > px_floor))
		return _URC_END_OF_STACK;
	px_add_frame(walk, address);
	return _URC_NO_REASON;
}

static void px_registers(const void *context, uint64_t *instruction_out, uint64_t *stack_out)
{
	const ucontext_t *user = context;

#if defined(__x86_64__)
	*instruction_out = (uint64_t)user->uc_mcontext.gregs[REG_RIP];
	*stack_out = (uint64_t)user->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	*instruction_out = user->uc_mcontext.pc;
	*stack_out = user->uc_mcontext.sp;
#else
	(void)user;
	*instruction_out = *stack_out = 0;
#endif
}

static void px_walk_stack(uint64_t instruction, uint64_t stack, uint64_t address)
{
	struct px_walk walk = { .start = instruction };

	px_add_frame(&walk, instruction);
	(void)_Unwind_Backtrace(px_on_frame, &walk);
	/* A call of what is no function: the unwinder has no table for it, but the return address
	 * lies on top. */
	if (walk.n == 1 && stack != 0 && instruction == address)
		px_add_frame(&walk, *(const uint64_t *)(uintptr_t)stack);
}

/* Below the stack pointer, or just above it, is where a stack ends that has no
 * room for the next frame; no honest address lies there. */
static bool px_is_overflow(int number, const siginfo_t *info, uint64_t stack)
{
	const uint64_t address = (uintptr_t)info->si_addr;

	return number == SIGSEGV && info->si_code > 0 && stack != 0 &&
	       address + PX_CRASH_STACK >= stack && address < stack + 4096;
}

/* The default action, by hand: not every instruction that faulted faults again. */
static void px_let_die(int number)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };

	(void)sigaction(number, &action, NULL);
	(void)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

static void px_set_limit(void)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };
	const struct itimerval span = { .it_value = { .tv_sec = PX_CRASH_SECONDS } };
	sigset_t alarm;

	(void)sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	(void)setitimer(ITIMER_REAL, &span, NULL);
}

static void px_write_report(int number, const siginfo_t *info, const void *context)
{
	uint64_t instruction, stack;

	px_registers(context, &instruction, &stack);
	px_report->signal = number;
	px_report->code = info->si_code;
	px_report->address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
	px_report->overflow = px_is_overflow(number, info, stack);
	/* relaxed: published by the next store */
	atomic_store_explicit(&px_report->n_frames, 0, memory_order_relaxed);
	/* release: pairs with px_report_take() */
	atomic_store_explicit(&px_report->written, 1, memory_order_release);
	if (sigsetjmp(px_escape, 1) == 0)
		px_walk_stack(instruction, stack, (uintptr_t)info->si_addr);
}

static void px_on_crash(int number, siginfo_t *info, void *context)
{
	const int saved = errno;
	const pid_t self = (pid_t)syscall(SYS_gettid);
	pid_t nobody = 0;

	/* relaxed, all: one thread gets through, and only compares with itself */
	if (getpid() != px_watched) {
		px_let_die(number);
	} else if (atomic_compare_exchange_strong_explicit(&px_crashing, &nobody, self,
							   memory_order_relaxed,
							   memory_order_relaxed)) {
		px_set_limit();
		px_write_report(number, info, context);
		px_let_die(number);
	} else if (nobody == self) {
		siglongjmp(px_escape, 1);
	} else {
		/* Another thread is at it, and ends us all. */
		for (;;)
			pause();
	}
	errno = saved;
}

#if PX_RAW
/* As the kernel has it; glibc's struct goes through a copy on the stack. */
struct px_action {
	uintptr_t handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

# define PX_SA_RESTORER 0x04000000

void px_crash_return(void);

/* The very bytes by which unwinders and debuggers know the way out of a handler. */
__asm__(".text\n"
	".hidden px_crash_return\n"
	".globl px_crash_return\n"
	".type px_crash_return, @function\n"
	"nop\n"
	"px_crash_return:\n"
	"	movq $15, %rax\n"
	"	syscall\n"
	".size px_crash_return, .-px_crash_return\n");

static void px_watch_signal(int number)
{
	struct px_action ours = {
		.handler = (uintptr_t)px_on_crash,
		.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | PX_SA_RESTORER,
		.restorer = px_crash_return,
	};
	struct px_action before;

	if (px_raw(SYS_rt_sigaction, number, (long)&ours, (long)&before, sizeof(ours.mask)) == 0 &&
	    before.handler == (uintptr_t)SIG_IGN)
		(void)px_raw(SYS_rt_sigaction, number, (long)&before, 0, sizeof(before.mask));
}

#else

static void px_watch_signal(int number)
{
	/* Not blocked inside itself: a fault of the walk must come back. */
	const struct sigaction ours = { .sa_sigaction = px_on_crash,
					.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	struct sigaction before;

	if (sigaction(number, &ours, &before) == 0 && before.sa_handler == SIG_IGN)
		(void)sigaction(number, &before, NULL);
}

#endif

void px_crash_watch(struct px_report *report)
{
	const stack_t stack = { .ss_sp = px_stack, .ss_size = sizeof(px_stack) };
	stack_t hosts;

	px_report = report;
	px_watched = (pid_t)px_raw(SYS_getpid, 0, 0, 0, 0);
	px_floor = 0;
	/* relaxed: no thread but this one */
	atomic_store_explicit(&px_crashing, 0, memory_order_relaxed);
	/* One that the host has set for this thread may serve: sanitizers do, and free it. */
	if (px_raw(SYS_sigaltstack, 0, (long)&hosts, 0, 0) != 0 || (hosts.ss_flags & SS_DISABLE) ||
	    hosts.ss_size < PX_CRASH_STACK_LEAST)
		(void)px_raw(SYS_sigaltstack, (long)&stack, 0, 0, 0);
	px_watch_signal(SIGSEGV);
	px_watch_signal(SIGBUS);
	px_watch_signal(SIGFPE);
	px_watch_signal(SIGILL);
	px_watch_signal(SIGABRT);
	px_watch_signal(SIGSYS);
	px_watch_signal(SIGTRAP);
}

/* This frame lies where the task's will: its address is at most a call below the
 * caller's stack pointer, and above all that the task puts there. */
__attribute__((noinline)) void px_crash_floor(void)
{
	px_floor = (uintptr_t)__builtin_frame_address(0);
}
