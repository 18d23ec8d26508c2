"""What one file looks like: atomics, lengths, words, loose ends."""
import re

from tree import line_of

LINES = 400
FUNCTION_LINES = 60
NEAR = 8  # lines between an atomic and the comment that explains it

ORDERS = "relaxed|consume|acquire|release|acq_rel|seq_cst"
# Their forms take no order, or happen before anybody else can look.
ORDERLESS = ("atomic_init", "atomic_is_lock_free")
MACHINERY = "include/procs/task_macros.h"  # its comments stand outside the macros

# The house has other words for these: arena, slot, item, chunk, worker, parent.
UNUSED_WORDS = "job batch master slave executor promise segment queue".split()
# Spelled so that this file passes.
LOOSE_ENDS = re.compile(r"\b(T[O]DO|FIX[M]E|X[X]X|H[A]CK)\b")


def check(tree):
    for path in tree.unreadable:
        yield path, 1, "is not UTF-8"
    for file in tree.files.values():
        yield from check_text(file)
    for file in tree.below("src", "include", "worker"):
        yield from check_atomics(file)
    for file in tree.below("src", "include"):
        yield from check_words(file)
    for file in tree.below("src", "worker"):
        yield from check_length(file, file.text.count("\n"), "")
        yield from check_functions(file)
    for file in tree.below("include"):
        code = sum(1 for line in file.code.splitlines() if line.strip()) + len(file.includes)
        yield from check_length(file, code, " of code")


def check_text(file):
    for number, line in enumerate(file.text.split("\n"), 1):
        if line != line.rstrip():
            yield file.path, number, "ends in a blank"
        found = LOOSE_ENDS.search(line)
        if found:
            yield file.path, number, f"{found.group()}: do it, or open an issue"
    if file.text and not file.text.endswith("\n"):
        yield file.path, file.text.count("\n") + 1, "has no final newline"


def check_atomics(file):
    if file.path == MACHINERY:
        return
    for match in re.finditer(r"\b(atomic_\w+)\s*\(", file.code):
        if match.group(1) in ORDERLESS:
            continue
        line = line_of(file.code, match.start())
        order = order_of(file.code, match.end())
        if order is None:
            yield file.path, line, f"{match.group(1)} without an explicit order"
        elif not is_explained(file, line, order):
            yield file.path, line, f"no comment /* {order}: ... */ within {NEAR} lines before"


def order_of(code, at):
    """The first order among a call's own arguments, not those of calls in it."""
    depth = 1
    for token in re.finditer(rf"[()]|\bmemory_order_({ORDERS})\b", code[at:]):
        if token.group() == "(":
            depth += 1
        elif token.group() == ")":
            depth -= 1
            if depth == 0:
                return None
        elif depth == 1:
            return token.group(1)
    return None


def is_explained(file, line, order):
    # A comment of the function before explains nothing here.
    lines = file.code.split("\n")[max(0, line - NEAR - 1) : line]
    ends = [line - len(lines) + k + 1 for k, text in enumerate(lines) if text.startswith("}")]
    first = max([line - NEAR] + [end + 1 for end in ends])
    return any(
        first <= last and begin <= line and re.match(rf"{order}\b[^:]*:", words)
        for begin, last, words in file.comments
    )


def check_words(file):
    seen = set()
    for match in re.finditer(r"[A-Za-z_]\w*", file.code):
        name = match.group()
        for part in name.lower().split("_"):
            for word in UNUSED_WORDS:
                if part in (word, word + "s", word + "es") and name not in seen:
                    seen.add(name)  # once a file is enough
                    yield file.path, line_of(
                        file.code, match.start()
                    ), f"{name}: '{word}' is not our word"


def check_length(file, length, what):
    if length > LINES:
        yield file.path, LINES + 1, f"{length} lines{what}, more than {LINES}"


def check_functions(file):
    """A body is a brace after ')' outside all others; it ends at its own pair."""
    code = without_directives(file.code)
    depth, start, before, body = 0, None, "", False
    for match in re.finditer(r"\S", code):
        sign, at = match.group(), match.start()
        if depth == 0 and start is None and sign not in ";}":
            start = at
        if sign == "{":
            body = body or (depth == 0 and before == ")")
            depth += 1
        elif sign == "}":
            # The first column ends it, whatever #if and #else left open.
            depth = 0 if at == 0 or code[at - 1] == "\n" else max(0, depth - 1)
            if depth == 0 and body:
                yield from check_function(file, code, start, at)
                body = False
        if depth == 0 and sign in ";}":
            start = None
        before = sign


def check_function(file, code, start, end):
    first = line_of(code, start)
    length = line_of(code, end) - first + 1
    if length > FUNCTION_LINES:
        name = re.search(r"(\w+)\s*\(", code[start:end])
        yield file.path, first, f"{name.group(1)}: {length} lines, more than {FUNCTION_LINES}"


def without_directives(code):
    return re.sub(
        r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m.group()), code, flags=re.M
    )
