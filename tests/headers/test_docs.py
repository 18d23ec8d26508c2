#!/usr/bin/env python3
"""test_docs.py CC...: proves that docs.py sees what is missing: a header that has
all passes, and each gap made in it is told."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import docs  # noqa: E402

BUILDER = ["cc"]

CLEAN = """\
#define PROCS_EXPORT
/** Options. */
struct procs_options {
	size_t size;   /* sizeof(struct procs_options) */
	uint32_t n;    /* processes, 1..4,096; default:
	                * all */
	uint32_t kind; /* enum procs_kind; default a */
	uint32_t copy; /* 1: copies; default 0 */
	uint32_t pad;  /* 0 */
};
enum procs_kind { PROCS_KIND_A };

/**
 * Adds.
 *
 * @a, @b: numbers. @rest: for
 * printf.
 * Returns: a sum. Errors: none.
 * Ownership: nothing. Blocks: no. Allocates: no.
 * Threads: any. Fork: any
 * side. Signals: safe.
 */
PROCS_EXPORT int procs_add(int a, const int *b /* x, y */,
			   const char *rest, ...) PROCS_PRINTF(3, 4);

/** Calls. @user: any. Returns: 0. Errors: none. Ownership: none. Blocks: no.
 * Allocates: no. Threads: any. Fork: any. Signals: no. */
typedef int procs_called(void *user);

/** Returns: 0. Errors: none. Ownership: none. Blocks: no. Allocates: no.
 * Threads: any. Fork: any. Signals: no. */
PROCS_EXPORT const struct procs_x *procs_nothing(void);

/** procs_sum(1, 2): a sum. */
#define procs_sum(a, b) \\
	procs_sum_more(a, b)
#define procs_sum_more(a, b) procs_sum_(a + b)

# define procs_sum_(a) (a)
"""

# (what there was, what is there instead, what must be told)
GAPS = [
    (" @b:", ":", "procs_add: no @b"),
    ("@a, @b:", "@a, @b, @c:", "procs_add: @c is no parameter"),
    ("@user:", "user:", "procs_called: no @user"),
    ("\n\n/** procs_sum", "\n/* procs_sum", "procs_sum has no /\\*\\* comment"),
    ("\n#define procs_sum_more", "\n\n#define procs_sum_more", "procs_sum_more has no"),
    ("a sum. */\n", "a sum. */\n\n", "procs_sum has no"),
    ("/** Calls.", "/* Calls.", "procs_called has no"),
    ("PROCS_EXPORT int procs_add", "int x;\nPROCS_EXPORT int procs_add", "procs_add has no"),
    ("processes, 1..4,096;", "processes;", "n has no range"),
    (" default:", " usually:", "n has no default"),
    ("; default a", "", "kind has no default"),
    ("enum procs_kind;", "enum procs_none;", "kind has no range"),
    ("/* 1: copies; default 0 */", "", "copy has no default"),
    ("/* 1: copies; default 0 */", "/* default 0 */", "copy has no range"),
    ("/* sizeof(struct procs_options) */", "/* x, 0..1 */", "size has no default"),
] + [(f"{q}: ", f"{q} ", f"procs_add: no '{q}:'") for q in docs.QUESTIONS if q != "Fork"]


class Docs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "procs"))

    def write(self, text):
        with open(os.path.join(self.folder, "procs", "x.h"), "w", encoding="utf-8") as file:
            file.write(text)

    def test_a_full_header_passes(self):
        self.write(CLEAN)
        self.assertEqual(list(docs.findings(self.folder, None)), [])

    def test_each_gap_is_told(self):
        for old, new, expected in GAPS:
            with self.subTest(expected):
                self.assertIn(old, CLEAN)
                self.write(CLEAN.replace(old, new, 1))
                found = list(docs.findings(self.folder, None))
                self.assertRegex("\n".join(found), "include/procs/x.h:[0-9]+: " + expected)

    def test_no_declaration_is_a_finding(self):
        self.write("int procs_add(int a);\n")
        self.assertEqual(len(list(docs.findings(self.folder, None))), 1)

    def test_exports_are_compared_both_ways(self):
        text = "int procs_add(void);\nint procs_add(void) { return 0; }\n"
        library = os.path.join(self.folder, "x.so")
        command = BUILDER + ["-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", library]
        extra = "int procs_extra;\n"
        subprocess.run(command, input=text + extra, text=True, check=True)
        self.write(CLEAN)
        found = sorted(line.split(": ")[1] for line in docs.findings(self.folder, library))
        self.assertEqual(
            found,
            [
                "procs_extra is exported and not declared",
                "procs_nothing is declared and not exported",
            ],
        )


if __name__ == "__main__":
    BUILDER = sys.argv[1:] or BUILDER
    unittest.main(argv=sys.argv[:1])
