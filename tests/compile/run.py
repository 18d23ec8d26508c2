#!/usr/bin/env python3
"""run.py INCLUDE_DIR CASES_DIR GOOD CC...: what must not compile does not, and
says why; what must compile does so without a warning.

Each case is compiled twice: as it is it must fail with the words it expects,
with -DRIGHT it must pass, so that nothing fails but for its one mistake.
Lines of a case that are read here:

    // expect: REGEX          in a line that the compiler calls an error
    // expect-clang: REGEX    the same, for one compiler
    // flags: WORDS           more flags for it
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = (
    "-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror".split()
)
DIRECTIVE = re.compile(r"^// ([\w-]+): (.*?)\s*$", re.M)


def compile_file(command, path, how=("-c",)):
    """Its result, and what it says, in English because that is compared."""
    environment = dict(os.environ, LC_ALL="C")
    done = subprocess.run(
        [*command, *how, path],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def short(said):
    """The first lines say it; the rest is how macros expand."""
    return "\n".join(said.splitlines()[:20])


def family_of(command):
    """gcc or clang: cc may be either."""
    done = subprocess.run(command + ["--version"], capture_output=True, text=True, check=False)
    return "clang" if "clang" in done.stdout else "gcc"


def compilers(builder):
    found = [(builder, family_of(builder))]
    for name in ("gcc", "clang"):
        if shutil.which(name) and [name] != builder:
            found.append(([name], name))
    return found


def check_case(command, family, path):
    with open(path, encoding="utf-8") as file:
        directives = dict(DIRECTIVE.findall(file.read()))
    expected = directives.get(f"expect-{family}", directives.get("expect"))
    if expected is None:
        yield "expects nothing"
        return
    command = command + directives.get("flags", "").split()
    code, said = compile_file(command, path)
    if code == 0:
        yield "compiles, and must not"
    elif code < 0 or "internal compiler error" in said:
        yield f"the compiler died:\n{short(said)}"
    elif not any(re.search(expected, line) for line in said.splitlines() if "error:" in line):
        yield f"does not say /{expected}/ but:\n{short(said)}"
    code, said = compile_file(command + ["-DRIGHT"], path)
    if code != 0:
        yield f"fails also with -DRIGHT:\n{short(said)}"


def check_good(command, path):
    for standard in ("c17", "c2x"):
        for level in ("-O0", "-O2"):
            words = command + [f"-std={standard}", level] + WARNINGS
            code, said = compile_file(words, path)
            if code != 0 or said:
                yield f"{standard} {level}:\n{short(said)}"


def check_all(arguments, output):
    include, folder, good = arguments[1:4]
    cases = sorted(name for name in os.listdir(folder) if name.endswith(".c"))
    failed = 0
    for command, family in compilers(arguments[4:]):
        words = command + ["-I", include, "-o", output]
        for name in cases:
            for message in check_case(words + ["-std=c17"], family, os.path.join(folder, name)):
                failed += 1
                print(f"{name}: {' '.join(command)}: {message}")
        for message in check_good(words, good):
            failed += 1
            print(f"good.c: {' '.join(command)}: {message}")
        print(f"{' '.join(command)} ({family}): {len(cases)} cases")
    return 1 if failed or not cases else 0


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        return check_all(arguments, os.path.join(folder, "case.o"))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
