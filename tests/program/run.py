#!/usr/bin/env python3
"""The program that the interface was drawn for, and its neighbours: word for word
in the README, without a warning under both compilers as C17 and C2x, and its
output.

usage: run.py PROGRAM SOURCE [README INCLUDE [ARGUMENT...]]
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

OUTPUTS = {
    "program.c": "31\n9\n42\n99\n75\n357\n-10\n114\n2\n6\nFailed(EDOM: not odd: 6)\n14\n",
    "reduce.c": "0 to 250000, mean 125000\nitem 765432: no number\n",
    "own.c": "0.5 1 1.5\n" * 2,
    "tasks.c": "double root(double x)\n",
    "roots.c": "2\n3\nFailed(EPERM: -1 has no root)\n" * 2,
}
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-c"]


def check_text(source, readme, include, check):
    text = open(source, encoding="utf-8").read()
    blocks = re.findall(r"```c\n(.*?)```", open(readme, encoding="utf-8").read(), re.S)
    check("the README has it word for word", text in blocks)
    with tempfile.TemporaryDirectory() as where:
        for compiler in ("gcc", "clang"):
            if shutil.which(compiler) is None:
                continue
            for standard in ("c17", "c2x"):
                command = [compiler, f"-std={standard}", *FLAGS, f"-I{include}", source,
                           "-o", os.path.join(where, "program.o")]
                done = subprocess.run(command, capture_output=True, text=True)
                check(f"{compiler} -std={standard}", done.returncode == 0, done.stderr)


def main():
    program, source = sys.argv[1:3]
    output = OUTPUTS[os.path.basename(source)]
    failed = 0
    tried = 0

    def check(what, good, detail=""):
        nonlocal failed, tried
        tried += 1
        if not good:
            failed += 1
            print(f"FAILED: {what} {detail}")

    for _ in range(5):
        done = subprocess.run([program, *sys.argv[5:]], capture_output=True, text=True, timeout=60)
        check("its output", done.returncode == 0 and done.stdout == output, done.stdout + done.stderr)
    if len(sys.argv) > 3:
        check_text(source, *sys.argv[3:5], check)
    print(f"{tried - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
