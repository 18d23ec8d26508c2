#!/usr/bin/env python3
"""vectors.py INCLUDE_DIR SOURCE CC...: PROCS_PURE tasks are vectorized from -O2
on, by each compiler that is here, also with -fPIC; their PROCS_DEFINE twins,
which store their progress with each item, are not, or this would prove nothing.
"""
import platform
import re
import sys

import run

TASKS = "sum blend square bytes long".split()
LEVELS = ["-O2"], ["-O2", "-fPIC"], ["-O3", "-fPIC"]

# Arithmetic on several elements at once; an xor may be nothing but a zero.
PACKED = re.compile(
    r"\t(v?p(add|sub|mul|mull|mulu|sll)[bwdq]+|v?(add|sub|mul)p[sd])\t", re.M
)


def body_of(assembly, function):
    """The instructions of a function, and of what was split off; "" if it is not there."""
    found = re.findall(
        rf"^{function}(?:\.[\w.]+)?:.*?^\t\.size\t{function}", assembly, re.M | re.S
    )
    return "".join(found)


def check(command, source):
    code, assembly = run.compile_file(command + ["-S", "-o", "-"], source, [])
    if code != 0:
        yield run.short(assembly)
        return
    for task in TASKS:
        block = body_of(assembly, f"procs_block_of_pure_{task}")
        if not PACKED.search(block):
            yield f"pure_{task} is not vectorized:\n{block}"
        loop = body_of(assembly, f"procs_loop_of_plain_{task}")
        if not loop or PACKED.search(loop):
            yield f"plain_{task} has no loop, or one with vectors:\n{loop}"


def main(arguments):
    include, source = arguments[1:3]
    failed = 0
    if platform.machine() != "x86_64":
        return 77
    for command, _ in run.compilers(arguments[3:]):
        for level in LEVELS:
            words = command + ["-std=c17", *level, "-I", include]
            for message in check(words, source):
                failed += 1
                print(f"{' '.join(words)}: {message}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
