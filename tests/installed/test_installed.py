#!/usr/bin/env python3
"""test_installed.py: installs the library below a temporary directory and uses it
from there as a stranger would: by pkg-config, in C and in C++."""
import argparse
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77
STRICT = "-Wall -Wextra -Wpedantic -Wshadow -Werror".split()

TYPED = ["31", "9", "75", "357", "-10", "114"]
RAW = ["cba", "Failed(ENODATA: nothing to turn)", ".eno", ".owt", ".xis"]


def run(command, **more):
    """What a command prints; if it fails, that and the end of the test."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(
            f"{shlex.join(command)}: ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def one(pattern):
    """The one file of this name below a folder."""
    found = glob.glob(pattern, recursive=True)
    if len(found) != 1:
        sys.exit(f"{pattern}: found {found}")
    return found[0]


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got}\nand not:  {wanted}")


def check_headers(root, source):
    wanted = sorted(os.listdir(os.path.join(source, "include", "procs")))
    folder = os.path.dirname(one(f"{root}/**/include/procs/procs.h"))
    check("installed headers", sorted(os.listdir(folder)), wanted)


def check_library(library):
    said = run(["readelf", "-d", library])
    check("soname", re.findall(r"\(SONAME\).*\[(.*)\]", said), ["libprocs.so.0"])
    lines = run(["nm", "-D", "--defined-only", library]).splitlines()
    # The version's own name is absolute, and no symbol to call.
    names = [line.split()[-1].split("@")[0] for line in lines if line.split()[-2] != "A"]
    check("other symbols", [name for name in names if not name.startswith("procs_")], [])
    if "procs_call" not in names:
        sys.exit(f"{library} does not export procs_call")


def flags(root):
    """What pkg-config says, with every path below the root."""
    folder = os.path.dirname(one(f"{root}/**/procs.pc"))
    environment = dict(os.environ, PKG_CONFIG_PATH=folder, PKG_CONFIG_SYSROOT_DIR=root)
    # A sysroot of the machine's own would come on top.
    environment.pop("PKG_CONFIG_LIBDIR", None)
    words = shlex.split(run(["pkg-config", "--cflags", "--libs", "procs"], env=environment))
    for word in words:
        if word.startswith(("-I", "-L")) and not word[2:].startswith(root):
            sys.exit(f"pkg-config leads out of {root}: {shlex.join(words)}")
    return words


def output(root, command, source, library):
    program = os.path.join(root, os.path.basename(source) + ".out")
    run(command + STRICT + [os.path.join(HERE, source), "-o", program] + flags(root))
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(library))
    # The library beside it is meant, not one that an rpath or the system has.
    loaded = run(["ldd", program], env=environment)
    if f"{os.path.dirname(library)}/libprocs.so.0" not in loaded:
        sys.exit(f"another library is loaded:\n{loaded}")
    return run([program], env=environment, cwd=root).splitlines()


def cpp_of(family):
    """The C++ side of the compiler that built the library, or any."""
    names = ["clang++", "g++", "c++"] if family == "clang" else ["g++", "c++", "clang++"]
    return next((name for name in names if shutil.which(name)), None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--meson", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--family", required=True, help="gcc or clang")
    parser.add_argument("--sanitize", required=True, help="as meson's b_sanitize")
    parser.add_argument("cc", nargs="+", help="the C compiler")
    given = parser.parse_args()

    cpp = cpp_of(given.family)
    if cpp is None or not shutil.which("pkg-config"):
        print("skipped: no C++ compiler" if cpp is None else "skipped: no pkg-config")
        return SKIP
    # A program without the sanitizer's runtime cannot load a library with it.
    extra = [] if given.sanitize == "none" else [f"-fsanitize={given.sanitize}"]
    with tempfile.TemporaryDirectory() as root:
        root = os.path.realpath(root)
        run([given.meson, "install", "--destdir", root, "--no-rebuild", "-C", given.build])
        library = one(f"{root}/**/libprocs.so.0")
        check_headers(root, given.source)
        check_library(library)
        typed = output(root, given.cc + ["-std=c17"] + extra, "typed.c", library)
        check("in C", typed, [given.version] + TYPED)
        raw = output(root, [cpp, "-std=c++11"] + extra, "raw.cpp", library)
        check("in C++", raw, RAW)
    print("installed, found, compiled and run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
