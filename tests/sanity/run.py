#!/usr/bin/env python3
"""Runs each test of must_fail by itself and wants it to fail, for its reason.

usage: run.py MUST_FAIL [LEFT_OUT ...]
"""
import subprocess
import sys

REASONS = {
    "fails_plainly": "1 == 2: 1 and 2",
    "fails_in_an_isolated_body": "in a child: 1 == 2",
    "crashes_in_an_isolated_body": "an isolated body ended with status 0xb",
    "fails_in_a_task": "in a child: x != 3",
    "leaves_a_descriptor": "left behind: descriptors",
    "leaves_a_stream": "left behind: arenas",
    "leaves_a_child": "left behind: children",
    "leaves_a_zombie": "left behind: children",
    "leaves_a_thread": "left behind: threads",
    "leaves_a_blocked_signal": "left behind: blocked signals",
    "leaves_a_disposition": "left behind: signal dispositions",
    "leaves_another_umask": "left behind: umask",
    "leaves_another_directory": "left behind: working directories",
    "waits_in_vain": "",
}


def run(name):
    done = subprocess.run([sys.argv[1], name], capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout + done.stderr


def main():
    failed = 0
    status, _ = run("passes")
    if status != 0:
        print("FAILED: a good test does not pass")
        failed += 1
    reasons = {name: reason for name, reason in REASONS.items() if name not in sys.argv[2:]}
    for name, reason in reasons.items():
        status, output = run(name)
        if status == 0 or reason not in output:
            print(f"FAILED: {name} ended with {status}, without \"{reason}\":\n{output}")
            failed += 1
    print(f"{len(reasons) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
