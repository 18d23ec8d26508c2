#!/usr/bin/env python3
"""check.py ROOT: the rules of the house, checked over its sources.

Prints one line for each finding, `file:line: message`, and then ends with 1.
"""
import sys

# The source tree may be read-only, and is not to be littered in any case.
sys.dont_write_bytecode = True

import calls  # noqa: E402
import includes  # noqa: E402
import words  # noqa: E402
from tree import Tree  # noqa: E402


def findings(root):
    tree = Tree(root)
    # A checker that looks at nothing would always be content.
    if not tree.below("src") or not tree.below("include"):
        return [("src", 1, "no sources of ours below " + root)]
    found = set()
    for part in (includes, calls, words):
        found.update(part.check(tree))
    return sorted(found)


def main(arguments):
    if len(arguments) != 2:
        print("usage: check.py ROOT", file=sys.stderr)
        return 2
    found = findings(arguments[1])
    for path, line, message in found:
        print(f"{path}:{line}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
