#!/usr/bin/env python3
"""docs.py INCLUDE_DIR [LIBRARY]: each public name says what it has to.

- The comment of each function, and of each type of function, names all its
  parameters and answers eight questions.
- Each macro for users has a comment right above it, or above the run of macros
  that it stands in.
- Each field of struct procs_options has a default, and a range or an enum.
With LIBRARY this instead: it exports the functions that the headers declare, and
no more.
"""
import os
import re
import shutil
import subprocess
import sys

QUESTIONS = "Returns Errors Ownership Blocks Allocates Threads Fork Signals".split()

# For the headers' own use, though the compiler shows them to all.
PLUMBING = ("PROCS_PRINTF",)
MACHINERY = "task_macros.h"

DECLARATION = re.compile(r"^(PROCS_EXPORT\b|typedef\b[^;{]*\()", re.M)
MACRO = re.compile(r"^#[ \t]*define[ \t]+(\w+)\(", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
FIELD = re.compile(r"^\t[^/\n;]*?(\w+);[ \t]*(/\*.*?\*/)?", re.M | re.S)
RANGE = re.compile(r"\S\.\.\d")


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def words_of(comment):
    """A comment as one line, without its signs."""
    return " ".join(re.sub(r"^[ \t]*/?\*+/?|\*/$", "", comment, flags=re.M).split())


def comment_before(text, at):
    """The /** comment that ends right before, or ""."""
    before = text[:at].rstrip()
    # One blank line is one too many: then it may be about something else.
    if not before.endswith("*/") or text[len(before) : at].count("\n") > 1:
        return ""
    comment = before[before.rindex("/*") :]
    return words_of(comment) if comment.startswith("/**") else ""


def parameters_of(declaration):
    """The names in the last list of parameters of a declaration."""
    bare = re.sub(r"\bPROCS_PRINTF\(.*?\)", "", COMMENT.sub("", declaration))
    words = bare[bare.index("(") + 1 : bare.rindex(")")].split(",")
    names = [re.findall(r"\w+", word) for word in words if "..." not in word]
    return [name[-1] for name in names if name and name != ["void"]]


def check_functions(path, text):
    for match in DECLARATION.finditer(text):
        declaration = text[match.start() : text.index(";", match.start())]
        name = re.search(r"(\w+)\s*\(", declaration).group(1)
        where = f"{path}:{line_of(text, match.start())}: {name}"
        comment = comment_before(text, match.start())
        if not comment:
            yield f"{where} has no /** comment"
            continue
        wanted, given = parameters_of(declaration), re.findall(r"@(\w+)", comment)
        yield from (f"{where}: no @{word}" for word in wanted if word not in given)
        yield from (f"{where}: @{word} is no parameter" for word in given if word not in wanted)
        yield from (f"{where}: no '{q}:'" for q in QUESTIONS if f"{q}:" not in comment)


def check_macros(path, text):
    covered = -1  # where the run of macros ends that has a comment
    for match in MACRO.finditer(text):
        name, start = match.group(1), match.start()
        end = re.compile(r"(?:\\\n|[^\n])*\n").match(text, start).end()
        if comment_before(text, start) or start == covered:
            covered = end
        elif not name.endswith("_") and name not in PLUMBING:
            yield f"{path}:{line_of(text, start)}: {name} has no /** comment"


def check_options(path, text):
    start = text.find("struct procs_options {\n")
    if start < 0:
        return
    enums = re.findall(r"^enum (\w+) \{", text, re.M)
    body = text[start : text.index("\n};", start)]
    for match in FIELD.finditer(body):
        name, comment = match.group(1), words_of(match.group(2) or "")
        where = f"{path}:{line_of(text, start + match.start(1))}: {name}"
        if name == "pad" and comment == "0" or name == "size" and "sizeof(" in comment:
            continue
        if "default" not in comment.lower():
            yield f"{where} has no default"
        choice = re.search(r"\benum (\w+)", comment)
        # A flag has the one value that it explains.
        is_flag = comment.startswith("1: ")
        is_handle = comment.startswith(("one that procs_", "a function ", "a pointer, any"))
        if not (RANGE.search(comment) or is_flag or is_handle or choice and choice.group(1) in enums):
            yield f"{where} has no range and no enum of this header"


def declared(texts):
    """All functions that the headers export."""
    names = set()
    for text in texts:
        for match in re.finditer(r"^PROCS_EXPORT\b([^;]*);", COMMENT.sub("", text), re.M):
            names.add(re.search(r"(\w+)\s*\(", match.group(1)).group(1))
    return names


def exported(library):
    """All symbols that a library shows; its version's own name is none."""
    command = ["nm", "-D", "--defined-only", library]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    symbols = [line.split()[-2:] for line in lines if line.strip()]
    return {name.split("@")[0] for kind, name in symbols if kind != "A"}


def check_exports(library, names):
    shown = exported(library)
    yield from (
        f"{library}: {name} is declared and not exported" for name in sorted(names - shown)
    )
    yield from (
        f"{library}: {name} is exported and not declared" for name in sorted(shown - names)
    )


def read(folder):
    texts = {}
    for name in sorted(os.listdir(os.path.join(folder, "procs"))):
        if name.endswith(".h") and name != MACHINERY:
            with open(os.path.join(folder, "procs", name), encoding="utf-8") as file:
                texts[os.path.join("include", "procs", name)] = file.read()
    return texts


def findings(folder, library):
    texts = read(folder)
    names = declared(texts.values())
    # A checker that looks at nothing would always be content.
    if not names:
        yield f"{folder}: declares nothing"
    if library:
        yield from check_exports(library, names)
        return
    for path, text in texts.items():
        yield from check_functions(path, text)
        yield from check_macros(path, text)
        yield from check_options(path, text)


def main(arguments):
    library = arguments[2] if len(arguments) > 2 else None
    if library and not shutil.which("nm"):
        print("skipped: no nm")
        return 77
    found = list(findings(arguments[1], library))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
