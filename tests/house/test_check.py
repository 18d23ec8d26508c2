#!/usr/bin/env python3
"""Proves that check.py sees: a clean tree passes, and each sin planted in it is
the one thing that is told."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import check  # noqa: E402
from sins import BLANK, CLEAN, SINS, header  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def run(root):
    """As the build runs it: how it ends, and its lines."""
    command = [sys.executable, os.path.join(HERE, "check.py"), root]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines()


class Checker(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def plant(self, name, files):
        root = os.path.join(self.folder, re.sub(r"\W", "_", name))
        for path, text in files.items():
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return root

    def assert_told(self, root, expected):
        # In this process, because there are so many.
        found = check.findings(root)
        self.assertEqual(len(found), 1, found)
        path, line, message = found[0]
        self.assertRegex(f"{path}:{line}: {message}", "^" + expected)

    def test_a_clean_tree_passes(self):
        self.assertEqual(run(self.plant("clean", CLEAN)), (0, []))

    def test_a_finding_is_a_line_and_ends_with_1(self):
        root = self.plant("line", CLEAN | {"src/pool/x.c": "int a;" + BLANK})
        self.assertEqual(run(root), (1, ["src/pool/x.c:1: ends in a blank"]))

    def test_each_sin_is_told_and_nothing_else(self):
        for name, path, text, expected in SINS:
            with self.subTest(name):
                root = self.plant(name, CLEAN | {path: text})
                self.assert_told(root, f"{re.escape(path)}:{expected}")

    def test_a_circle_of_two_is_told_once(self):
        circle = {
            "src/base/a.h": header("BASE", "A", '#include "base/b.h"\n'),
            "src/base/b.h": header("BASE", "B", '#include "base/a.h"\n'),
        }
        expected = "src/base/b.h:3: a circle: src/base/a.h -> src/base/b.h -> src/base/a.h$"
        self.assert_told(self.plant("circle", CLEAN | circle), expected)

    def test_an_unreadable_file_is_told(self):
        root = self.plant("bytes", CLEAN)
        with open(os.path.join(root, "src/pool/x.c"), "wb") as file:
            file.write(b"\xff\xfe\n")
        self.assert_told(root, "src/pool/x.c:1: is not UTF-8")

    def test_nothing_to_check_is_a_finding(self):
        self.assertEqual(run(self.plant("empty", {"README.md": "a\n"}))[0], 1)

    def test_git_decides_what_is_checked(self):
        ignored = {"ignored/x.c": "a" + BLANK, ".gitignore": "/ignored/\n"}
        root = self.plant("git", CLEAN | ignored)
        self.assert_told(root, "ignored/x.c:1: ends in a blank")
        try:
            subprocess.run(["git", "init", "-q", root], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as why:
            self.skipTest(f"no git: {why}")
        self.assertEqual(run(root), (0, []))
        self.plant("git", {"src/pool/x.c": "a" + BLANK})
        self.assert_told(root, "src/pool/x.c:1: ends in a blank")

    def test_a_build_directory_is_none_of_ours(self):
        built = {"out/meson-private/x.txt": "\n", "out/src/x.c": "a" + BLANK}
        self.assertEqual(run(self.plant("built", CLEAN | built)), (0, []))


if __name__ == "__main__":
    unittest.main()
