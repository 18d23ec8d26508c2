#!/usr/bin/env python3
"""build_number.py OUT DOORBELL FILE...: which build of the library this is.

A parent and a worker share memory whose layout and rules are in the source; so a number
over all of it tells builds that understand each other from those that do not. What a
compiler adds is the same for all on one kind of machine.
"""
import hashlib
import sys


def main(out, words, *paths):
    digest = hashlib.sha256(words.encode())
    for path in sorted(paths):
        with open(path, "rb") as file:
            digest.update(file.read())
    with open(out, "w", encoding="utf-8") as file:
        file.write(f'#define PX_BUILD "{digest.hexdigest()[:32]}"\n')


main(*sys.argv[1:])
