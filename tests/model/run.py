#!/usr/bin/env python3
"""Has spin search a model, in each of its configurations, and wants each to end
as it should: the right ones without an error, the broken ones with theirs.

usage: run.py doorbell|range [COMPILER ...]

A line tells the macros of its configuration. To look at an error by hand:
spin -a -DMACRO ... range.pml; cc -DSAFETY -DNOREDUCE pan.c; ./a.out; spin -p -t ...
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
SECONDS = 100  # for each process, of which most need one
DEPTH = 10000  # steps; the longest way has some hundreds
MEGABYTES = 1900

GOOD = "no error"
ASSERTION = "assertion violated"
STUCK = "invalid end state"
CYCLE = "non-progress cycle"

# What is searched for: an error of any kind but cycles, or a cycle. No statement
# is marked as progress, so that any cycle is one too many.
SEARCHES = {False: (["-DSAFETY"], []), True: (["-DNP"], ["-l"])}
# Partial order reduction is not made for "unless", and spares a tenth at most. What
# breaks does so at once, not worth optimizing; else -O2 takes longer than it saves.
FLAGS = ["-w", "-DNOREDUCE", f"-DMEMLIM={MEGABYTES}"]

# (macros, whether to look for cycles, what must be found)
MODELS = {
    "doorbell": [
        ("", False, GOOD),
        ("ONE_TICKET", False, GOOD),
        ("CRASH STRAY RINGS=2", False, GOOD),
        ("WANT RINGS=2", False, GOOD),
        ("WANT CRASH STRAY RINGS=1", False, GOOD),
        ("RINGS=2", True, GOOD),
        ("WANT CRASH RINGS=1", True, GOOD),
        ("SEMAPHORE RINGS=2", False, GOOD),
        ("SEMAPHORE CRASH STRAY RINGS=2", False, GOOD),
        ("SEMAPHORE WANT RINGS=2", False, GOOD),
        ("SEMAPHORE RINGS=2", True, GOOD),
        ("BROKEN_FLAG RINGS=2", False, STUCK),
        ("BROKEN_FLAG ONE_TICKET RINGS=2", False, STUCK),
        ("BROKEN_FENCE_WANTED WANT RINGS=2", False, STUCK),
        ("BROKEN_FENCE_WANT WANT RINGS=2", False, STUCK),
        ("BROKEN_NO_RECHECK WANT RINGS=2", False, STUCK),
        ("BROKEN_NEW_VALUE RINGS=2", False, STUCK),
        ("BROKEN_SEEN_LATE RINGS=2", False, STUCK),
        ("BROKEN_UNWATCHED CRASH RINGS=2", False, STUCK),
        ("BROKEN_THROW_LATE SEMAPHORE RINGS=2", False, STUCK),
        ("BROKEN_BURIED CRASH RINGS=2", True, CYCLE),
    ],
    "range": [
        ("ITEMS=4 CHUNK=3", False, GOOD),
        ("ITEMS=3 CRASHES=1 SHOWS", False, GOOD),
        ("ITEMS=2 CRASHES=2 STEALS=1", False, GOOD),
        ("ITEMS=3 STEALS=2", False, GOOD),
        ("ITEMS=3 CANCELS=1", False, GOOD),
        ("ITEMS=2 REFUSALS=1 CANCELS=1 STEALS=1", False, GOOD),
        ("ITEMS=2 OUTLIVES KILLS=1 STEALS=1", False, GOOD),
        ("ITEMS=2 CRASHES=1 REFUSALS=1", True, GOOD),
        ("ITEMS=2 REFUSALS=1 CANCELS=1", True, GOOD),
        ("BROKEN_CARVE ITEMS=3 STEALS=1", False, ASSERTION),
        ("BROKEN_TAKE_BACK ITEMS=3 STEALS=1", False, ASSERTION),
        ("BROKEN_REUSE ITEMS=3 STEALS=1", False, ASSERTION),
        ("BROKEN_PASSED_LAST ITEMS=3 STEALS=2", False, ASSERTION),
        ("BROKEN_FLAG_LAST ITEMS=3 REFUSALS=1", False, ASSERTION),
        ("BROKEN_READ_FIRST ITEMS=3 CRASHES=1", False, ASSERTION),
        ("BROKEN_BLAME ITEMS=3 CRASHES=1", False, ASSERTION),
        ("BROKEN_SUSPECT ITEMS=3 KILLS=1", False, ASSERTION),
        ("BROKEN_CLAIM ITEMS=3 OUTLIVES KILLS=1", False, ASSERTION),
        ("BROKEN_PUBLISH ITEMS=3 OUTLIVES KILLS=1", False, ASSERTION),
        ("BROKEN_ILL ITEMS=2 CANCELS=1", True, CYCLE),
        ("BROKEN_UNHALTED ITEMS=3 CANCELS=1", False, ASSERTION),
    ],
}

# A search that ended early has found nothing out.
EARLY = ("max search depth too small", "out of memory", "-DMEMLIM", "not completed", "aborted")


class Broken(Exception):
    """A run that says nothing about the model."""


def bounded(command, folder):
    """What it writes; it and its children are ended when their time is over."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Broken(f"{command[0]} takes more than {SECONDS} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        raise Broken(f"{command[0]} ended with {process.returncode}:\n{output}")
    return output


def verdict_of(output):
    """What pan says it found, and the states it has seen."""
    errors = re.search(r"errors: (\d+)", output)
    states = re.search(r"^\s*([\d.e+]+) states, stored", output, re.M)
    if errors is None or states is None:
        raise Broken("pan says nothing:\n" + output)
    if errors.group(1) == "0":
        for sign in EARLY:
            if sign in output:
                raise Broken(f"pan gave up: {sign}")
        return GOOD, states.group(1)
    found = re.search(r"^pan:\d+: (.*?)(?: \(at depth \d+\))?$", output, re.M)
    return found.group(1) if found else "an error without a name", states.group(1)


def search(model, macros, cycles, expected, compiler):
    level = "-Og" if expected == GOOD else "-O0"
    flags, options = SEARCHES[cycles]
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(HERE):
            if name.endswith(".pml"):
                shutil.copy(os.path.join(HERE, name), folder)
        preprocessor = " ".join(compiler) + " -E -x c"
        defined = ["-D" + macro for macro in macros.split()]
        bounded(["spin", "-P" + preprocessor, "-a"] + defined + [model + ".pml"], folder)
        bounded(compiler + [level] + FLAGS + flags + ["-o", "pan", "pan.c"], folder)
        return verdict_of(bounded(["./pan", f"-m{DEPTH}", "-w22"] + options, folder))


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in MODELS:
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("spin") is None:
        print("spin is not installed")
        return SKIPPED
    model, compiler = sys.argv[1], sys.argv[2:] or ["cc"]
    failed = 0
    for macros, cycles, expected in MODELS[model]:
        begun = time.monotonic()
        try:
            found, states = search(model, macros, cycles, expected, compiler)
        except Broken as why:
            found, states = str(why), "?"
        well = found.startswith(expected)
        failed += not well
        print(
            f"{'ok' if well else 'FAILED':6} {states:>9} states {time.monotonic() - begun:4.1f} s  "
            f"{model} {macros or 'plain'}{', cycles' if cycles else ''}: "
            f"{expected if well else f'{found}, expected: {expected}'}",
            flush=True,
        )
    print(f"{len(MODELS[model]) - failed} as expected, {failed} not")
    return 1 if failed else 0


sys.exit(main())
