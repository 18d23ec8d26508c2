#!/usr/bin/env python3
"""alone.py INCLUDE_DIR CC...: each public header compiles alone, and twice.

CC... is the command of the compiler that builds the library. It, gcc and clang,
and their C++ sides, are tried in every standard they know; what is missing is
named and left out.
"""
import os
import shutil
import subprocess
import sys

C = ("c11", "c17", "c2x")
CPP = ("c++11", "c++17")
STRICT = "-Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror".split()
PROBE = {"c": "#include <stddef.h>\nint a;\n", "c++": "#include <cstddef>\nint a;\n"}
IN_C = ["-Wstrict-prototypes"]


def compilers(builder):
    """(command, language, standards, flags) of each compiler that is here."""
    in_c = [builder] + [[name] for name in ("gcc", "clang") if [name] != builder]
    in_cpp = [["g++"], ["clang++"]]
    for commands, language, standards, flags in (
        (in_c, "c", C, STRICT + IN_C),
        (in_cpp, "c++", CPP, STRICT),
    ):
        for command in commands:
            if shutil.which(command[0]):
                yield command, language, standards, flags


def compile_text(command, text):
    done = subprocess.run(
        command + ["-fsyntax-only", "-"], input=text, capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stderr + done.stdout


def main(arguments):
    folder, builder = arguments[1], arguments[2:]
    headers = sorted(
        name for name in os.listdir(os.path.join(folder, "procs")) if name.endswith(".h")
    )
    tried, failed = {"c": 0, "c++": 0}, 0
    for command, language, standards, flags in compilers(builder):
        for standard in standards:
            words = command + ["-x", language, f"-std={standard}"] + flags + ["-I", folder]
            # An old compiler may not know the standard, a bare one has no C++ headers.
            knows, why = compile_text(words, PROBE[language])
            if not knows:
                print(f"left out: {' '.join(command)} -std={standard}: {why.strip()[:200]}")
                continue
            for name in headers:
                tried[language] += 1
                good, why = compile_text(words, f"#include <procs/{name}>\n" * 2 + "int alone;\n")
                if not good:
                    failed += 1
                    print(f"procs/{name}: {' '.join(words)}\n{why}")
    print(f"{tried['c']} times as C, {tried['c++']} times as C++, {failed} failed")
    # With nothing tried, nothing is known.
    return 1 if failed or tried["c"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
