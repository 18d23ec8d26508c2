#!/usr/bin/env python3
"""wide_finder against sed, sort and uniq, on logs made here.

usage: test_wide_finder.py WIDE_FINDER
"""
import errno
import gzip
import os
import pathlib
import pty
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import zlib

PROGRAM = os.path.abspath(sys.argv[1])
ENVIRONMENT = {**os.environ, "LC_ALL": "C"}
DEFAULT = '^[^"]*"GET ([^? "]+)'
MIB = 1 << 20
STARTS = ("fork", "forkserver", "spawn", "inline")
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    if not good:
        print(f"FAILED: {what} {detail}"[:2000])


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=ENVIRONMENT, **options)


def expected(text, top=10):
    """What the tools say of a log."""
    script = r"""sed -nE 's/^[^"]*"GET ([^? "]+).*/\1/p' | sort | uniq -c | sort -k1,1nr -k2,2 | head -n """ + str(top)
    return subprocess.run(script, shell=True, input=text, capture_output=True, env=ENVIRONMENT, check=True).stdout


def expected_of(text, pattern, top=10):
    """The same for any pattern, by Python; names without blanks sort as they are."""
    counts = {}
    for line in text.removesuffix(b"\n").split(b"\n") if text else []:
        found = re.search(pattern, line, re.DOTALL)
        if found:
            name = found[1] if found.re.groups else found[0]
            counts[name] = counts.get(name, 0) + 1
    best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:top]
    return b"".join(b"%7d %s\n" % (count, name) for name, count in best)


def line_of(page, end=b"\n"):
    return b'host - - [22/Apr/2009:18:52:51 +1200] "GET ' + page + b' HTTP/1.1" 200 1 "-" "agent"' + end


def make_log(lines, seed=1, pages=60):
    """Many kinds of lines; pages are fetched unevenly, and some equally often."""
    chance = random.Random(seed)
    kinds = [
        lambda page: line_of(page),
        lambda page: line_of(page + b"?query=" + page),
        lambda page: line_of(page).replace(b"GET", b"POST"),
        lambda page: line_of(page, b"\r\n"),
        lambda page: b'host "POST /x" "GET ' + page + b' HTTP/1.0"\n',
        lambda page: b'"GET ' + page + b'"GET /second" "GET /third\n',
        lambda page: b'no page "GET  ' + page + b'\n',
        lambda page: b'the end "GET \n',
        lambda page: b"\n",
    ]
    weights = [60, 10, 5, 5, 2, 2, 1, 1, 1]
    text = []
    for kind in chance.choices(kinds, weights, k=lines):
        text.append(kind(b"/page/%d.html" % int(chance.random() ** 2 * pages)))
    return b"".join(text)


def noise(chance, size):
    """Bytes that are almost lines; blanks but spaces and all else are characters."""
    pieces = [b'"', b"GET", b" ", b'"GET ', b'"GET /', b"?", b"\n", b"\r", b"\t", b"\0", b"\xff", b"\xc3", b"a", b"/b"]
    return b"".join(chance.choices(pieces, k=size))


def same(what, log, text, *arguments):
    want = expected(text)
    done = run(*arguments, log)
    check(f"{what} {arguments}", (done.returncode, done.stdout, done.stderr) == (0, want, b""),
          f"\n  want {want}\n  got  {done}")


def compare_kinds(where):
    """The logs that are asked about by name, and others, however they are cut and read."""
    logs = {
        "empty": b"",
        "one line without end": line_of(b"/only", b""),
        "one line": line_of(b"/only"),
        "a line without end": line_of(b"/a") + line_of(b"/b") + line_of(b"/b", b""),
        "only newlines": b"\n" * 100,
        "no newline": b"x" * 10000,
        "CRLF": b"".join(line_of(b"/%d" % (i % 7), b"\r\n") for i in range(100)) + b'"GET /end\r\n"GET /end\n',
        "NUL bytes": b'\0"GET /\0a HTTP\0"\n"GET /\0a"\n"GET /\0"\n"\0GET /no"\n"GET \0\n\0\n' * 9,
        "not UTF-8": b'\xff\xfe"GET /\xff\xc3 \xff\n"GET /caf\xc3\xa9"\xff\n"GET /\xc3"\n' * 5,
        "tabs": b'"GET /a\tb"\n"GET /a\x01"\n"GET /a"\n"GET \t/a"\n"GET /a\tb\x01"\n"GET /a\t"\n"GET \t\t\n',
        "long lines": b"x" * 300000 + b"\n" + line_of(b"/" + b"y" * 200000) + b'"GET /z"' + b"w" * 100000,
        "ties": b"".join(line_of(b"/%x" % i) for i in range(300)),
        "usual": make_log(3000),
    }
    for name, text in logs.items():
        log, packed = where / "log", where / "log.gz"
        log.write_bytes(text)
        packed.write_bytes(gzip.compress(text))
        chunks = (1, 2, 7, 100, 4097) if len(text) < 2000 else (4097, 65536)
        for chunk in chunks if "long" not in name else (997, 65536):
            same(f"{name}, inline", log, text, "-w", 0, "-c", chunk)
            same(f"{name}, compressed, inline", packed, text, "-w", 0, "-c", chunk)
        for workers in (0, 1, 3):
            same(name, log, text, "--workers", workers, "--chunk", max(1, len(text) // 9))
        same(f"{name}, compressed", packed, text, "--workers", 2, "--chunk", max(100, len(text) // 9))
        same(name, log, text)
        same(f"{name}, compressed", packed, text)
        for source in (text, gzip.compress(text)):
            done = run(input=source)
            check(f"{name}, standard input", (done.returncode, done.stdout) == (0, expected(text)), done)


def compare_starts(where):
    """The same bytes however workers are made; of several logs, each kind of which they come by otherwise."""
    logs = [where / name for name in ("first", "second.gz", "third", "fourth")]
    texts = [make_log(700, seed=20 + number) for number in range(4)]
    for log, text in zip(logs, texts):
        log.write_bytes(gzip.compress(text) if log.suffix else text)
    for arguments in (["-c", 9000], ["-c", 9000, "-p", "/([0-9]+)"], ["-n", 1000, "-c", 20000, "-p", DEFAULT],
                      ["-p", "(*LIMIT_MATCH=1)(o|s)*(t|h)* - .*x.*y"]):
        with open(logs[3], "rb") as file:
            want = run("-w", 0, *arguments, *logs[:3], "-", stdin=file)
        for start in STARTS:
            with open(logs[3], "rb") as file:
                done = run("--start", start, "-w", 3, *arguments, *logs[:3], "-", stdin=file)
            check(f"{start} {arguments}", (done.returncode, done.stdout, done.stderr) ==
                  (want.returncode, want.stdout, want.stderr), f"\n  want {want}\n  got  {done}")
    for start in (*STARTS, "nonsense"):
        environment = {**ENVIRONMENT, "PROCS_START": start}
        done = subprocess.run([PROGRAM, "-c", "5000", "first", "third"], capture_output=True, env=environment, cwd=where)
        check(f"the environment's {start}", (done.returncode, done.stdout) == (0, expected(texts[0] + texts[2])), done)
    same("no process needs no start", logs[0], texts[0], "-S", "spawn", "-w", 0)


def compare_noise(where):
    """By hand, by PCRE2 and by sed the same, on bytes that are nearly lines."""
    log = where / "noise"
    for seed in range(60):
        chance = random.Random(seed)
        text = noise(chance, chance.choice((10, 100, 1000)))
        log.write_bytes(text)
        chunk = chance.choice((1, 3, 10, 50, 1000))
        same(f"noise {seed}", log, text, "-w", chance.choice((0, 0, 2)), "-c", chunk)
        same(f"noise {seed}, PCRE2", log, text, "-w", 0, "-c", chunk, "--pattern", DEFAULT)


def compare_patterns(where):
    log, text = where / "patterns", make_log(500, seed=2)
    log.write_bytes(text)
    for pattern in (b'"GET ([^? "]+)', b"POST|GET", b"/([0-9])", b"(x)?host", b"[0-9]+$", b"^",
                    b"page/(.*)\\.html", b"a(?=g)"):
        want = expected_of(text, pattern) if pattern != b"(x)?host" else b""
        done = run("-p", pattern.decode(), "-w", 2, "-c", 5000, log)
        check(f"pattern {pattern}", (done.returncode, done.stdout) == (0, want), f"{want} {done}")
    done = run("-p", "(", log)
    check("no pattern", done.returncode == 2 and b"pattern, character 2" in done.stderr, done)
    done = run("-p", "(*LIMIT_MATCH=1)(o|s)*(t|h)* - .*x.*y", log)
    check("a pattern that gives up", done.returncode == 1 and b"pattern: match limit" in done.stderr, done)


def compare_many(where):
    """More pages than a table has room for at first, more than are asked for, several logs."""
    chance = random.Random(3)
    texts = [b"".join(line_of(b"/%d" % chance.randrange(50000)) for _ in range(60000)) for _ in range(2)]
    logs = [where / "many", where / "more.gz"]
    logs[0].write_bytes(texts[0])
    logs[1].write_bytes(gzip.compress(texts[1], 1))
    for top in (1, 500, 10**9):
        done = run("--top", top, "-c", 100000, *logs)
        check(f"top {top}", (done.returncode, done.stdout) == (0, expected(texts[0] + texts[1], top)), done.stderr)


def workers_of(process):
    path = f"/proc/{process.pid}/task/{process.pid}/children"
    try:
        return [int(pid) for pid in pathlib.Path(path).read_text().split()]
    except OSError:
        return []


def has_read(pid):
    """Bytes that a process has read so far; 0 where that is not told."""
    try:
        return int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text())[1])
    except OSError:
        return 0


def while_read(log, change):
    """Runs it on a log, does `change(workers)` as soon as one of them has read something."""
    process = subprocess.Popen([PROGRAM, "-w", "2", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=ENVIRONMENT)
    while process.poll() is None and not any(has_read(pid) > 2 * MIB for pid in workers_of(process)):
        time.sleep(0.0005)
    change(workers_of(process))
    in_time = process.poll() is None
    out, told = process.communicate()
    return in_time, process.returncode, out, told.decode()


def make_wide(path, begin, end, size):
    """A log that takes a while: nothing but holes between two texts, a line each MiB."""
    with open(path, "wb") as file:
        for at in range(MIB, size, MIB):
            file.seek(at)
            file.write(b"\n")
        file.seek(0)
        file.write(begin)
        file.seek(size)
        file.write(end)


def change_while_read(where, what, change, judge):
    begin, end = make_log(1000, seed=4), make_log(50, seed=5) + b'"GET /hal'
    for size in (4096 * MIB,) * 6 + (16384 * MIB,) * 3:
        log = where / "wide"
        make_wide(log, begin, end, size)
        in_time, *outcome = while_read(log, lambda workers: change(log, workers))
        log.unlink()
        # A worker may die between two items, which costs none: another try.
        if in_time and not (change is kill and outcome[0] == 0):
            judge(what, begin, end, *outcome)
            return
    check(f"{what}: in time", False, outcome)


def append(log, workers):
    with open(log, "ab") as file:
        file.write(b"f\n" + line_of(b"/late") * 100000)


def cut(log, workers):
    os.truncate(log, 2 * MIB)


def cut_to_nothing(log, workers):
    os.truncate(log, 0)


def kill(log, workers):
    for worker in workers:
        if has_read(worker) > 2 * MIB:
            os.kill(worker, signal.SIGKILL)
            return


def grown(what, begin, end, status, out, told):
    check(what, (status, out, told) == (0, expected(begin + b"\n" + end), ""), (status, out, told))


def shrunk(what, begin, end, status, out, told):
    check(what, (status, out) == (1, expected(begin)), (status, out, told))
    gone = re.search(r"wide: became shorter .* some from (\d+) on were gone\n$", told)
    check(f"{what}: from where", gone and int(gone[1]) >= 2 * MIB - 1, told)


def emptied(what, begin, end, status, out, told):
    check(what, status == 1 and re.search(r"wide: became shorter .* on were gone\n$", told), (status, told))


def crashed(what, begin, end, status, out, told):
    wanted = r"wide: bytes \d+ to \d+ are not counted: Failed\(SIGNAL SIGKILL.*\n$"
    check(what, status == 1 and re.search(wanted, told), (status, told))
    # The item that was at work is lost, no other: at most one of the two texts.
    check(f"{what}: the rest is counted", out in (expected(begin + b"\n" + end), expected(end), expected(begin)), out)


def compare_changes(where):
    change_while_read(where, "a log that grows", append, grown)
    change_while_read(where, "a log that shrinks", cut, shrunk)
    change_while_read(where, "a log that is emptied", cut_to_nothing, emptied)
    change_while_read(where, "a worker that is killed", kill, crashed)


def compare_truncated(where):
    """What a truncated .gz still has is counted, and its loss is told."""
    text = make_log(3000, seed=6)
    whole = gzip.compress(text)
    log = where / "truncated.gz"
    for size in (5, 10, 18, 100, len(whole) // 2, len(whole) - 100, len(whole) - 8, len(whole) - 1):
        log.write_bytes(whole[:size])
        rest = zlib.decompressobj(31).decompress(whole[:size])
        for source in ({}, {"input": whole[:size]}):
            done = run("-w", 2, "-c", 50000, *([] if source else [log]), **source)
            check(f"truncated at {size}", (done.returncode, done.stdout) == (1, expected(rest)), done)
            check("it is told", b"unexpected end of file, after %d bytes" % len(rest) in done.stderr, done.stderr)
    log.write_bytes(whole * 3)
    same("several members", log, text * 3, "-w", 2, "-c", 50000)
    log.write_bytes(text)
    same("a .gz that is none", log, text)
    log.write_bytes(b"")
    same("an empty .gz", log, b"")
    broken = bytearray(whole * 20)
    broken[len(whole) * 10 + len(whole) // 2] ^= 0x55
    log.write_bytes(broken)
    done = run(log)
    check("a broken .gz", done.returncode == 1 and b"truncated.gz: " in done.stderr and done.stdout, done)


def try_inputs(where):
    text = make_log(300, seed=7)
    log = where / "good"
    log.write_bytes(text)
    packed = where / "named otherwise"
    packed.write_bytes(gzip.compress(text))
    same("compressed, whatever its name", packed, text)
    with open(log, "rb") as file:
        done = run("-", stdin=file)
        check("standard input is a file", (done.returncode, done.stdout) == (0, expected(text)), done)
    for bad, why in ((where / "none", b"No such file"), (where, b"directory"), (where / "\x1b[2J", b"?[2J: No such")):
        done = run(log, bad)
        check(f"{bad} and a good one", (done.returncode, done.stdout) == (1, expected(text)), done)
        check(f"why not {bad}", why in done.stderr and b"\x1b" not in done.stderr, done.stderr)
    fifo = where / "fifo"
    os.mkfifo(fifo)
    writer = subprocess.Popen(["cp", "--", log, fifo])
    same("a FIFO", fifo, text)
    writer.wait()


def try_long_line(where):
    """A line of more than may be in memory is told, on both ways."""
    log = where / "long"
    with open(log, "wb") as file:
        file.write(line_of(b"/a"))
        file.truncate(258 * MIB)
    done = run("-w", 1, log)
    check("a line too long", done.returncode == 1 and b"a line of more than 256 MiB" in done.stderr, done)
    with open(log, "rb") as file:
        done = run("-w", 1, stdin=file)
    check("a line too long, pulled", done.returncode == 1 and b"a line of more than 256 MiB" in done.stderr, done)
    log.unlink()


def try_options(where):
    for arguments in (["--nonsense"], ["-w", "many"], ["-w", "-1"], ["-w", "4097"], ["-n", "0"], ["-n"],
                      ["-S", "clone"], ["-S", ""], ["-S"], ["-c", "0"], ["-c", "4k"], ["-c", 256 * MIB + 1]):
        done = run(*arguments, "/dev/null")
        check(f"usage {arguments}", done.returncode == 2 and b"--help" in done.stderr, done)
    shown = run("--help")
    check("--help", shown.returncode == 0 and shown.stdout.startswith(b"usage: wide_finder"), shown)
    log = where / "full"
    log.write_bytes(line_of(b"/a"))
    done = subprocess.run(["sh", "-c", '"$0" "$1" >/dev/full', PROGRAM, log], capture_output=True)
    check("lost output is an error", done.returncode == 1 and b"standard output" in done.stderr, done)


def said_to(main):
    """All that was written to the closed other end of a terminal; one read may bring a part of it."""
    said = b""
    while True:
        try:
            said += os.read(main, 65536)
        except OSError as error:
            assert error.errno == errno.EIO
            return said


def try_terminal(where):
    """On a terminal there is a bar, on stderr, and it is wiped at the end."""
    text = make_log(3000, seed=8)
    log = where / "bar"
    log.write_bytes(text)
    for options, shown in (([], b"\r["), (["-w", "0"], b"\r["), (["--quiet"], b"")):
        main, end = pty.openpty()
        done = subprocess.run([PROGRAM, *options, log], stdout=subprocess.PIPE, stderr=end, env=ENVIRONMENT)
        os.close(end)
        seen = said_to(main)
        os.close(main)
        check(f"a bar {options}", seen.startswith(shown) if shown else seen == b"", seen)
        check("the bar is wiped", not shown or seen.endswith(b"\r\x1b[K"), seen)
        check("none of it on stdout", done.stdout == expected(text), done)


def main():
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        for part in (compare_kinds, compare_starts, compare_noise, compare_patterns, compare_many, compare_truncated,
                     compare_changes, try_inputs, try_long_line, try_options, try_terminal):
            begun = time.monotonic()
            part(where)
            print(f"{part.__name__}: {time.monotonic() - begun:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
