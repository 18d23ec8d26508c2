#!/usr/bin/env python3
"""test_linkers.py: builds a program that is its own worker, a worker binary and a module
with each compiler and linker, and has each list its tasks and run them."""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STRICT = "-std=c17 -O2 -Wall -Wextra -Wpedantic -Werror".split()
COLLECT = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]

TASKS = [
    "float private_two(float x)",
    "init hook ready",
    "int in_two(int a, int b)",
    "int private_one(int x)",
    "raw reversed",
    "struct spot moved(struct spot from, double by); "
    "struct spot { double x; double y; char name[8]; } of 24 bytes",
]
VALUES = ["14", "25", "36", '{11, 12, "one"}', "78", "cba"]
UNSEEN = "int unseen(int x)"


def combinations():
    """Name, compiler, and what chooses the linker."""
    for linker in ("bfd", "gold", "lld"):
        yield f"gcc {linker}", "gcc", [f"-fuse-ld={linker}"]
        yield f"gcc {linker}, sections collected", "gcc", [f"-fuse-ld={linker}"] + COLLECT
    for linker in ("bfd", "gold"):
        yield f"gcc {linker}, -flto", "gcc", ["-flto", f"-fuse-ld={linker}"]
        yield (
            f"gcc {linker}, -flto, sections collected",
            "gcc",
            ["-flto", f"-fuse-ld={linker}"] + COLLECT,
        )
    for linker in ("bfd", "gold", "lld"):
        yield f"clang {linker}", "clang", [f"-fuse-ld={linker}"]
        yield f"clang {linker}, sections collected", "clang", [f"-fuse-ld={linker}"] + COLLECT
    yield "clang lld, -flto", "clang", ["-flto", "-fuse-ld=lld"]
    yield "clang lld, -flto, sections collected", "clang", ["-flto", "-fuse-ld=lld"] + COLLECT


class Trial:
    """One compiler and linker in a folder of its own."""

    def __init__(self, folder, name, compiler, flags, given):
        self.folder, self.name, self.given = folder, name, given
        self.compile = [compiler] + STRICT + flags + [f"-I{given.include}"]
        os.mkdir(folder)

    def fail(self, text):
        sys.exit(f"{self.name}: {text}")

    def run(self, command, status=0):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, cwd=self.folder
        )
        if done.returncode != status:
            self.fail(f"{shlex.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr if status else done.stdout

    def path(self, name):
        return os.path.join(self.folder, name)

    def build(self, name, sources, more):
        files = [source if source[0] in "/-" else os.path.join(HERE, source) for source in sources]
        self.run(self.compile + files + ["-o", self.path(name)] + more)
        return self.path(name)

    def archive(self, name, source):
        """Of one file, by the compiler's own tool, which knows what -flto leaves."""
        tool = "gcc-ar"
        if self.compile[0] == "clang":
            tool = self.run(["clang", "-print-prog-name=llvm-ar"]).strip()
        target = self.path(source + ".o")
        words = [word for word in self.compile if not word.startswith(("-fuse-ld", "-Wl,"))]
        self.run(words + ["-c", os.path.join(HERE, source), "-o", target])
        self.run([tool, "rcs", self.path(name), target])
        return self.path(name)

    def check(self, what, got, wanted):
        if got != wanted:
            self.fail(f"{what}:\n" + "\n".join(got) + "\nand not:\n" + "\n".join(wanted))

    def check_list(self, command, wanted):
        self.check(shlex.join(command), sorted(self.run(command).splitlines()), sorted(wanted))

    def check_values(self, command):
        self.check(shlex.join(command), self.run(command).splitlines(), VALUES * 2)

    def check_all(self, libraries):
        """The three ways to have a worker, with the library as it is given."""
        tasks = ["one.c", "two.c"]
        program = self.build("program", ["program.c"] + tasks, libraries)
        worker = self.build("worker", ["worker.c"] + tasks, libraries)
        self.check_list([program, "--list"], TASKS + [UNSEEN])
        self.check_list([worker, "--list"], TASKS)
        self.check_values([program])
        self.check_values([program, "--worker", worker])
        return program

    def check_module(self, program):
        stock = self.given.worker
        # It finds the library in procs-worker, which has it already.
        sources = ["-shared", "-fPIC", "module.c", "one.c", "two.c"]
        module = self.build("module.so", sources, [])
        self.check_list([stock, "--list", module], TASKS)
        self.check_values([program, "--worker", stock, module])

    def check_archive(self, program, libraries):
        archive = self.archive("libunseen.a", "unseen.c")
        around = ["-Wl,--whole-archive", archive, "-Wl,--no-whole-archive"]
        worker = self.build("whole", ["worker.c", "one.c", "two.c"], around + libraries)
        self.check_list([worker, "--list"], TASKS + [UNSEEN])
        self.check("whole archive", self.run([program, "--unseen", worker]).splitlines(), ["42"])
        worker = self.build("part", ["worker.c", "one.c", "two.c"], [archive] + libraries)
        self.check_list([worker, "--list"], TASKS)
        self.check(
            "part of an archive",
            self.run([program, "--unseen", worker]).splitlines(),
            ["Failed(UNKNOWN_FUNCTION: no task is named unseen)"],
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--include", required=True)
    parser.add_argument("--library", required=True, help="libprocs.so")
    parser.add_argument("--rooms", required=True, help="all of the library, as an archive")
    parser.add_argument("--beside", required=True, help="what that needs, as for a linker")
    parser.add_argument("--worker", required=True, help="procs-worker")
    parser.add_argument("--family", required=True, help="gcc or clang: of the library")
    parser.add_argument("--sanitize", required=True, help="as meson's b_sanitize")
    given = parser.parse_args()
    folder = os.path.dirname(given.library)
    shared = [given.library, f"-Wl,-rpath,{folder}"]
    static = [given.rooms, "-pthread"] + shlex.split(given.beside)
    count = 0
    with tempfile.TemporaryDirectory() as root:
        for name, compiler, flags in combinations():
            # Each compiler has a sanitizer of its own, and one is in the library.
            if given.sanitize != "none" and compiler != given.family:
                continue
            if given.sanitize != "none":
                flags = flags + [f"-fsanitize={given.sanitize}"]
            trial = Trial(f"{os.path.realpath(root)}/{count}", name, compiler, flags, given)
            program = trial.check_all(shared)
            trial.check_module(program)
            trial.check_archive(program, shared)
            trial.check_all(static)
            count += 1
    print(f"{count} ways to compile and link: 1 passed, 0 failed")


if __name__ == "__main__":
    main()
