"""Which file of src/ owns which outside interface, and what none may call."""
import re

from tree import line_of

# One file for each outside interface, or the few whose work it is. A name stands
# for its call and its SYS_ number; SYS_x for the number alone; x* for every
# name that begins so; <x.h> for the header.
OWNERS = [
    ("futex futex_waitv", "shm/doorbell_futex.c"),
    ("sem_* <semaphore.h> pthread_setcancelstate", "shm/doorbell_semaphore.c"),
    ("sched_yield", "backend/ring.c"),
    ("<linux/futex.h>", "shm/doorbell_futex.c backend/life.c"),
    (
        "mmap munmap mremap mprotect",
        "shm/arena.c shm/file.c",
    ),
    ("memfd_create ftruncate SYS_pread64 SYS_pwrite64", "shm/file.c"),
    ("getrlimit", "shm/file.c backend/tidy.c"),
    ("<sys/resource.h>", "shm/file.c backend/tidy.c backend/tidy.h"),
    ("socketpair sendmsg recvmsg <sys/socket.h>", "backend/socket.c"),
    ("unshare", "backend/tidy.c"),
    ("madvise", "shm/arena.c backend/owner.c"),
    ("<sys/mman.h>", "shm/arena.c shm/file.c backend/owner.c"),
    ("fork vfork clone clone3", "backend/launch.c"),
    ("posix_spawn* <spawn.h>", "backend/spawn.c"),
    ("mmap <sys/mman.h>", "shm/doorbell_semaphore.c"),  # a page behind each bell
    ("<linux/sched.h> <sys/single_threaded.h>", "backend/launch.c"),
    ("prctl <sys/prctl.h>", "backend/launch.c backend/lifeline.c"),
    ("pipe pipe2", "backend/lifeline.c"),
    ("pthread_atfork", "backend/lifeline.c backend/forkserver.c"),
    ("SYS_close", "backend/lifeline.c backend/tidy.c"),
    (
        "fcntl",
        "backend/lifeline.c backend/tidy.c backend/entry.c backend/server.c backend/spawn.c shm/file.c",
    ),
    ("SYS_read", "backend/lifeline.c backend/reaper.c"),
    ("SYS_openat SYS_read SYS_close", "pool/quota.c backend/growth.c"),
    ("SYS_getpid", "backend/crash.c backend/lifeline.c backend/worker.c"),
    (
        "wait wait3 wait4 waitid waitpid kill pidfd_open pidfd_send_signal",
        "backend/reaper.c",
    ),
    ("tgkill", "backend/crash.c"),
    ("dlopen dlsym dladdr <dlfcn.h> <elfutils/libdwfl.h>", "backend/symbols.c"),
    ("sigtimedwait", "pool/trace.c"),
    ("SYS_openat", "backend/reaper.c backend/tidy.c"),
    ("<sys/wait.h>", "backend/reaper.c"),
    ("poll ppoll <poll.h>", "backend/reaper.c pool/trace.c"),
    ("set_robust_list get_robust_list", "backend/life.c"),
    ("SYS_gettid", "backend/life.c backend/crash.c"),
    ("timer_create timer_settime timer_gettime timer_delete", "backend/alarm.c"),
    ("on_exit atexit at_quick_exit __cxa_at_quick_exit __fpurge", "backend/entry.c"),
    (
        "_exit exit_group",
        "backend/entry.c backend/launch.c backend/attach.c backend/server.c api/worker.c",
    ),
    ("sigaction rt_sigaction", "backend/entry.c backend/crash.c backend/tidy.c"),
    ("sigaltstack sigprocmask <ucontext.h> <unwind.h>", "backend/crash.c"),
    ("setitimer", "backend/crash.c backend/tidy.c"),
    ("pthread_sigmask rt_sigprocmask", "backend/entry.c backend/forkserver.c backend/launch.c backend/lifeline.c backend/tidy.c pool/trace.c"),
    ("sched_getaffinity secure_getenv", "pool/config.c"),
    ("<sched.h>", "pool/config.c backend/tidy.c"),
    ("tpl_* TPL_* <tpl.h>", "codec/image.c"),
    ("LZ4_* <lz4.h>", "codec/pack.c"),
    ("XXH* <xxhash.h>", "base/checksum.c"),
    ("clock_gettime clock_getres clock_nanosleep", "base/clock.c"),
    ("abort", "base/px.h"),
]

# The library does not end, change or talk for its host, starts no thread, waits
# for no stranger's child, keeps no time by a clock that is set, and writes no
# text into space of unknown size.
FORBIDDEN = """
    exit quick_exit _Exit raise system popen signal setenv unsetenv putenv getenv
    pthread_create
    sem_timedwait pthread_cond_timedwait gettimeofday
    alloca strcpy stpcpy strcat sprintf vsprintf
    printf fprintf dprintf vprintf vfprintf vdprintf perror psignal
    puts fputs putc fputc putchar fwrite
""".split()
FORBIDDEN_USES = [
    (r"\bwaitpid\s*\(\s*-\s*1\b", "waitpid(-1) takes children of the host"),
    (r"\bP_ALL\b", "P_ALL takes children of the host"),
    (r"\bfflush\s*\(\s*(?:NULL|0)\s*\)", "fflush(NULL) touches streams of the host"),
]


def owners():
    """name: files, once for all; the files of a name given twice add up."""
    table = {}
    for names, files in OWNERS:
        for name in names.split():
            table.setdefault(name, set()).update(files.split())
    return table


def check(tree):
    table = owners()
    for file in tree.below("src"):
        own = file.path[len("src/") :]
        yield from check_headers(file, own, table)
        yield from check_names(file, own, table)
        for pattern, why in FORBIDDEN_USES:
            for match in re.finditer(pattern, file.code):
                yield file.path, line_of(file.code, match.start()), why


def check_headers(file, own, table):
    for line, name, sign in file.includes:
        wanted = table.get(f"<{name}>")
        if sign == "<" and wanted and own not in wanted:
            yield file.path, line, f"<{name}> belongs to {' '.join(sorted(wanted))}"


def check_names(file, own, table):
    families = [name[:-1] for name in table if name.endswith("*")]
    for match in re.finditer(r"(\.|->)?\s*\b([A-Za-z_]\w*)\b(\s*\()?", file.code):
        member, name, called = match.groups()
        line = line_of(file.code, match.start(2))
        if name.startswith(("SYS_", "__NR_")):
            bare = name.split("_", 1)[1] if name.startswith("SYS_") else name[len("__NR_") :]
            wanted = table.get(bare) or table.get("SYS_" + bare)
            if wanted is None:
                yield file.path, line, f"{name} has no owner in tests/house/calls.py"
                continue
        elif member:
            continue
        elif called and name in FORBIDDEN:
            yield file.path, line, f"{name}() is not for a library"
            continue
        else:
            family = next((f for f in families if name.startswith(f)), None)
            wanted = table.get(f"{family}*") if family else table.get(name) if called else None
        if wanted and own not in wanted:
            yield file.path, line, f"{name} belongs to {' '.join(sorted(wanted))}"
