"""A clean tree, and what test_check.py plants in it: each sin once."""

# Written out, these would be findings of this very file.
LATER = "TO" + "DO"
BLANK = " " + "\n"


def header(room, name, body=""):
    guard = f"PROCS_{room}_{name}_H"
    return f"#ifndef {guard}\n#define {guard}\n{body}#endif\n"


def public(name, body=""):
    return f"#ifndef PROCS_{name}_H\n#define PROCS_{name}_H\n{body}#endif\n"


def function(lines):
    return "int px_long(void)\n{\n" + "\tpx_step();\n" * (lines - 3) + "}\n"


def load(before, arguments="a, memory_order_acquire"):
    return f"int px_f(void)\n{{\n{before}\n\treturn atomic_load_explicit({arguments});\n}}\n"


# Comments that explain: of two lines, eight lines away, behind, of a call in a call.
ATOMICS = (
    "int px_d(void)\n{\n"
    "\t/* acquire, both: pairs with\n\t * px_e() */\n"
    "\tatomic_load_explicit(a, memory_order_acquire);\n"
    + "\tpx_step();\n" * 6
    + "\tatomic_load_explicit(a, memory_order_acquire);\n"
    "\tatomic_init(a, 1);\n"
    "\tatomic_exchange_explicit(a, 1, memory_order_relaxed); /* relaxed: a flag */\n"
    "\t/* relaxed: the inner one */\n"
    "\t/* release: the outer one */\n"
    "\tatomic_store_explicit(a, atomic_load_explicit(b, memory_order_relaxed),\n"
    "\t\t\t      memory_order_release);\n}\n"
)

TWO = load("\t/* acquire: x */\n\ta = atomic_load(b);")
NESTED = (
    "int px_f(void)\n{\n\t/* relaxed: x */\n"
    "\tatomic_store_explicit(a, atomic_load_explicit(b, memory_order_relaxed),\n"
    "\t\t\t      memory_order_release);\n}\n"
)

# Everything that is allowed, and what only looks like a sin.
CLEAN = {
    "include/procs/procs.h": public(
        "PROCS", "#include <procs/failed.h>\n" + "/* prose */\n\n" * 300
    ),
    "include/procs/failed.h": public("FAILED", "int a;\n" * 397),
    "include/procs/task_macros.h": public("TASK_MACROS", "#define PROCS_X(a) atomic_store(a)\n"),
    "src/base/px.h": header("BASE", "PX", "#define px_assert(c) ((c) ? (void)0 : abort())\n"),
    "src/base/clock.c": '#include <time.h>\n\n#include "base/px.h"\n' + function(60),
    "src/shm/arena.h": header("SHM", "ARENA", '#include "base/px.h"\n'),
    "src/shm/arena.c": '#include "shm/arena.h"\n'
    "void px_a(void) { mmap(0); syscall(SYS_munmap); }\n",
    "src/shm/slot.c": ATOMICS,
    "src/codec/image.h": header("CODEC", "IMAGE"),
    "src/codec/image.c": '#include <tpl.h>\n#include "base/px.h"\n'
    "int px_b(int a) { tpl_free(TPL_MEM); }\n",
    "src/backend/local.h": header(
        "BACKEND", "LOCAL", '#include "shm/arena.h"\n#include "codec/image.h"\n'
    ),
    "src/backend/launch.c": '#include "backend/local.h"\n'
    "void px_c(struct x *x) { fork(); x->kill(1); x.exit(2); }\n"
    'const char *px_text = "job: exit(1) /* mmap()";\n'
    "/* A job in a queue may exit(1), and fflush(NULL) is prose. */\n",
    "src/pool/window.c": '#include <procs/procs.h>\n#include "shm/arena.h"\n' + "int b;\n" * 398,
    "worker/worker.c": '#include <procs/procs.h>\n#include "own.h"\nint main(void) { exit(1); }\n',
    "worker/own.h": "int own;\n",
    "tests/process/test_a.c": '#include <procs/procs.h>\n#include "pxt.h"\n'
    "int main(void) { abort(); }\n",
    "tests/unit/test_b.c": '#include "shm/arena.h"\n#include "backend/local.h"\n',
    "README.md": "A job in a queue.\n",
    "data.bin": "ends in a blank" + BLANK,
}

# (what, the file, its text, how it must be told: where and which words)
SINS = [
    ("a higher floor", "src/shm/x.c", '#include "backend/local.h"\n', "1: shm .*higher floor"),
    ("sideways", "src/shm/x.c", '\n#include "codec/image.h"\n', "2: .*sideways"),
    ("sideways back", "src/codec/x.c", '#include "shm/arena.h"\n', "1: .*sideways"),
    ("furniture", "src/pool/x.c", '#include "backend/local.h"\n', "1: .*belongs to room backend"),
    ("no such file", "src/pool/x.c", '#include "window.h"\n', '1: .*no "room/file.h"'),
    ("angles", "src/pool/x.c", "#include <shm/arena.h>\n", "1: .*is ours"),
    ("not public", "src/pool/x.c", "#include <procs/none.h>\n", "1: .*no public"),
    ("no room", "src/x.c", "int a;\n", "1: .*no room"),
    ("a room in a process test", "tests/process/x.c", '#include "shm/arena.h"\n', "1: shm"),
    ("a room in a stress test", "tests/stress-long/x.c", "#include <shm/arena.h>\n", "1: shm"),
    ("a room in a benchmark", "benchmarks/x.c", '#include "../src/shm/arena.h"\n', "1: .*arena.h"),
    ("a room in the worker", "worker/x.c", '#include "shm/arena.h"\n', "1: shm"),
    ("a test in the worker", "worker/x.c", '#include "pxt.h"\n', "1: pxt.h"),
    ("a neighbour", "tests/stress/x.c", '#include "../process/test_a.c"\n', "1: .*test_a.c"),
    (
        "a room in a public header",
        "include/procs/x.h",
        public("X", '#include "shm/a.h"\n'),
        "3: a public",
    ),
    (
        "a circle of one",
        "src/base/x.h",
        header("BASE", "X", '#include "base/x.h"\n'),
        "3: a circle: .*",
    ),
    ("a wrong guard", "src/base/x.h", header("BASE", "Y"), "1: .*PROCS_BASE_X_H"),
    ("a wrong public guard", "include/procs/x.h", header("PROCS", "X"), "1: .*PROCS_X_H"),
    ("no guard", "src/base/x.h", "#pragma once\nint a;\n", "1: its guard"),
    ("no order", "src/shm/x.c", load("\t/* acquire: x */", "a"), "4: .*without an explicit order"),
    (
        "an old form",
        "src/shm/x.c",
        "int a = atomic_load(b); /* seq_cst: x */\n",
        "1: .*an explicit order",
    ),
    ("no comment", "src/shm/x.c", load(""), "4: no comment /. acquire"),
    ("another order", "src/shm/x.c", load("\t/* relaxed: x */"), "4: no comment /. acquire"),
    ("an empty comment", "src/shm/x.c", load("\t/* acquire */"), "4: no comment"),
    ("a comment far away", "src/shm/x.c", load("\t/* acquire: x */" + "\n" * 8), "12: no comment"),
    ("a comment too late", "src/shm/x.c", load("") + "/* acquire: x */\n", "4: no comment"),
    (
        "another function's",
        "src/shm/x.c",
        "int f(void)\n{\n\t/* acquire: x */\n}\n" + load(""),
        "8: no comment",
    ),
    ("another call's order", "src/shm/x.c", TWO, "4: atomic_load without"),
    ("an inner call's comment", "src/shm/x.c", NESTED, "4: no comment /. release"),
    ("a long file", "src/pool/x.c", "int a;\n" * 401, "401: 401 lines"),
    (
        "a long public header",
        "include/procs/x.h",
        public("X", "int a; /* */\n" * 398),
        "401: 401 lines of code",
    ),
    (
        "a long function",
        "src/pool/x.c",
        "int a[] = {\n" + "1,\n" * 90 + "};\n" + function(61),
        "93: px_long: 61 ",
    ),
    (
        "the other style",
        "worker/x.c",
        "int f(int a) {\n" + "f(1);\n" * 60 + "}\n",
        "1: f: 62 lines",
    ),
    (
        "with two heads",
        "src/pool/x.c",
        "#if A\nint f(a)\n{\n#else\nint f(b)\n{\n#endif\n" + "a;\n" * 60 + "}\n" + function(3),
        "2: f: ",
    ),
    ("in capitals", "src/pool/x.c", "#define PX_QUEUES 1\n", "1: PX_QUEUES: 'queue'"),
    ("in public", "include/procs/x.h", public("X", "int job;\n"), "3: job: 'job'"),
    ("work for later", "tests/unit/x.c", f"/* {LATER}: x */\n", f"1: {LATER}"),
    ("in a script", "tests/x.py", f"# {LATER}\n", f"1: {LATER}"),
    ("a blank at the end", "README.md", "a\na" + BLANK, "2: ends in a blank"),
    ("a carriage return", "meson.build", "a\r\n", "1: ends in a blank"),
    ("no newline", "tests/x.sh", "a\nb", "2: .*newline"),
]

# Each of these calls, in a file that owns none of them.
CALLS = {
    "src/pool/x.c": "futex futex_waitv syscall(SYS_futex) syscall(__NR_futex) syscall(SYS_none) mmap"
    " munmap memfd_create madvise fork vfork clone3 syscall(SYS_clone3) posix_spawn"
    " posix_spawnp waitid waitpid wait kill syscall(SYS_pidfd_open) pidfd_send_signal"
    " ppoll tpl_map x(tpl_hook) LZ4_compress_default XXH3_64bits get_robust_list"
    " set_robust_list timer_create timer_settime clock_gettime on_exit atexit _exit"
    " sigaction pthread_sigmask exit abort system signal setenv fflush(NULL) sem_timedwait"
    " pthread_cond_timedwait gettimeofday alloca strcpy strcat sprintf printf fprintf"
    " perror pthread_create x(P_ALL)",
    "src/backend/reaper.c": "waitpid(-1) fork mmap",
    "src/backend/launch.c": "waitid tpl_free futex",
    "src/codec/pack.c": "tpl_map",
    "src/codec/image_check.c": "tpl_free x(TPL_MEM)",
    "src/base/px.c": "abort",
}
HEADERS = {
    "src/codec/pack.c": "tpl.h sys/mman.h",
    "src/pool/x.c": "lz4.h xxhash.h sys/wait.h linux/futex.h",
}

for word in "job batch master slave executor promise segment queue".split():
    SINS.append((word, "src/pool/x.c", f"int px_{word}_at;\n", f"1: px_{word}_at: '{word}'"))
for path, names in CALLS.items():
    for name in names.split():
        text = name if "(" in name else name + "()"
        SINS.append((f"{text} in {path}", path, f"int px_f(int a) {{ {text}; }}\n", "1: "))
for path, names in HEADERS.items():
    for name in names.split():
        SINS.append((f"{name} in {path}", path, f"#include <{name}>\n", f"1: <{name}> belongs"))
