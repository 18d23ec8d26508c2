#!/usr/bin/env python3
"""mandelbrot against a decoder and an arithmetic of our own, and its ends.

usage: test_mandelbrot.py MANDELBROT [any_memory]

With any_memory it may take more for a larger picture: ThreadSanitizer's own is not to be told from it.
"""
import os
import pathlib
import pty
import re
import resource
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zlib

PROGRAM = os.path.abspath(sys.argv[1])
ENVIRONMENT = {**os.environ, "LC_ALL": "C"}
BLACK = (0, 0, 0)
STARTS = ("fork", "forkserver", "spawn", "inline")
# Rows of these take many seconds each: whatever is to happen meanwhile does.
SLOW = ("--size", "4000x40", "--center", "-0.2,0", "--width", "0.1", "--iterations", "1000000")
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    if not good:
        print(f"FAILED: {what} {str(detail)[:2000]}")


def run(*arguments, **options):
    """All it leaves on standard error comes before this returns, so none of its workers is left."""
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run([PROGRAM, *map(str, arguments)], stderr=subprocess.PIPE, env=ENVIRONMENT, **options)


def chunks_of(data):
    """The (kind, content) of a PNG file's chunks, each checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at, chunks = 8, []
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + size]
        (crc,) = struct.unpack(">I", data[at + 8 + size : at + 12 + size])
        assert crc == zlib.crc32(kind + content), kind
        chunks.append((kind, content))
        at += 12 + size
    return chunks


def predict(kind, left, up, corner):
    if kind == 4:
        guess = left + up - corner
        return min((left, up, corner), key=lambda one: abs(guess - one))
    return (0, left, up, (left + up) // 2)[kind]


def decode(data):
    """The rows of a picture, each a list of (red, green, blue)."""
    (head, ihdr), *body, end = chunks_of(data)
    columns, rows, *kind = struct.unpack(">IIBBBBB", ihdr)
    assert head == b"IHDR" and kind == [8, 2, 0, 0, 0], ihdr
    # Nothing else: no time, no text, nothing that differs from one run to the next.
    assert end == (b"IEND", b"") and {name for name, _ in body} == {b"IDAT"}, (end, [name for name, _ in body])
    stream = zlib.decompressobj()
    raw = stream.decompress(b"".join(content for _, content in body))
    width = 3 * columns
    assert stream.eof and not stream.unused_data and len(raw) == rows * (1 + width), (len(raw), rows, width)
    above, picture = bytes(width), []
    for at in range(0, len(raw), 1 + width):
        row = bytearray()
        for i, byte in enumerate(raw[at + 1 : at + 1 + width]):
            left, corner = (row[i - 3], above[i - 3]) if i >= 3 else (0, 0)
            row.append((byte + predict(raw[at], left, above[i], corner)) & 255)
        above = bytes(row)
        picture.append(list(zip(*[iter(row)] * 3)))
    return picture


def paint(*arguments):
    done = run("-w", 1, *arguments)
    check(f"a picture {arguments}", (done.returncode, done.stderr) == (0, b""), done)
    return decode(done.stdout)


def compare_workers(where):
    """The same bytes for any number of workers, into a file and into a pipe."""
    views = [
        ["-s", "200x133"],
        ["-s", "1x1"],
        ["-s", "1x3000"],
        ["-s", "3000x1"],
        ["-s", "3x5000", "-d", "0.001"],
        ["-s", "1024x3"],
        ["-s", "1023x4"],
        ["-s", "1025x2"],
        ["-s", "120x90", "-c", "-0.743643887037151,0.13182590420533", "-d", "1e-6", "-i", "3000"],
    ]
    for view in views:
        columns, rows = map(int, view[1].split("x"))
        whole = run(*view, "-w", 0)
        picture = decode(whole.stdout)
        check(f"size {view}", len(picture) == rows and {len(row) for row in picture} == {columns}, len(picture))
        for workers in (1, 2, 3, 7):
            file = where / "out.png"
            done = run(*view, "--workers", workers, file)
            check(f"{view} by {workers}", (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done)
            check(f"the same {view} by {workers}", file.read_bytes() == whole.stdout)
        done = run(*view, "-")
        check(f"the same {view}, standard output", (done.returncode, done.stdout) == (0, whole.stdout), done.stderr)


def compare_starts(where):
    """The same bytes however workers are made, by the option and by the environment."""
    views = [["-s", "200x133"], ["-s", "3x5000", "-d", "0.001"], ["-s", "1x1"],
             ["-s", "120x90", "-c", "-0.743643887037151,0.13182590420533", "-d", "1e-6", "-i", "3000"]]
    file = where / "start.png"
    for view in views:
        whole = run(*view, "-w", 0).stdout
        for start in STARTS:
            done = run(*view, "--start", start, "-w", 3, file)
            check(f"{view} by {start}", (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done)
            check(f"the same {view} by {start}", file.read_bytes() == whole)
    for start in (*STARTS, "nonsense"):
        done = subprocess.run([PROGRAM, *views[0]], capture_output=True, env={**ENVIRONMENT, "PROCS_START": start})
        check(f"the environment's {start}", (done.returncode, done.stderr) == (0, b""), done)
        check(f"the same by the environment's {start}", done.stdout == run(*views[0], "-w", 0).stdout)
    done = run(*views[0], "-S", "spawn", "-w", 0)
    check("no process needs no start", done.stdout == run(*views[0], "-w", 0).stdout, done.stderr)


def is_inside(x, y, iterations):
    """As the program's own doubles have it, each operation rounded."""
    re = im = 0.0
    for _ in range(iterations):
        re, im = re * re - im * im + x, 2 * re * im + y
        if re * re + im * im > 65536:
            return False
    return True


def compare_arithmetic(where):
    """Which pixels are black, exactly: also where the last digit decides."""
    views = [
        (60, 40, -0.75, 0.0, 3.5, 100),
        (33, 70, 0.1, -0.9, 0.7, 300),
        (30, 20, -0.7436438870371587, 0.13182590420533, 2e-13, 2400),
    ]
    for columns, rows, x, y, width, iterations in views:
        half = width / columns / 2
        want = [
            [is_inside(x + (2.0 * i - (columns - 1)) * half, y + (rows - 1 - 2.0 * k) * half, iterations)
             for i in range(columns)]
            for k in range(rows)
        ]
        picture = paint("-s", f"{columns}x{rows}", "-c", f"{x!r},{y!r}", "-d", repr(width), "-i", iterations)
        got = [[pixel == BLACK for pixel in row] for row in picture]
        check("both kinds of points", any(map(any, want)) and not all(map(all, want)))
        different = sum(a != b for one, other in zip(want, got) for a, b in zip(one, other))
        check(f"the points of {columns}x{rows} at {x},{y}", different == 0, f"{different} differ")


def compare_points(where):
    inside = ["0,0", "-1,0", "-0.12,0.74", "-2,0", "0,1", "0,-1", "0.25,0", "-1.754877666,0"]
    outside = ["0.26,0", "1,0", "2,2", "0,1.1", "-2.0001,0", "0.3,0.7", "-100,100", "100,-100"]
    for point in inside + outside:
        black = paint("--size=1x1", f"--center={point}", "-i", 20000) == [[BLACK]]
        check(f"{point} is {'in' if point in inside else 'out'}side", black == (point in inside))
    check("too few iterations", paint("-s", "1x1", "-c", "0.26,0", "-i", 10) == [[BLACK]])
    check("one iteration", paint("-s", "1x1", "-c", "5,5", "-i", 1) == [[BLACK]])


def compare_looks(where):
    """What is symmetric looks so, and colours are smooth where there is no border."""
    for size in ("81x60", "60x81"):
        picture = paint("-s", size, "-d", 3, "-i", 200)
        check(f"symmetric {size}", picture == picture[::-1] and picture != [row[::-1] for row in picture])
    above = paint("-s", "40x30", "-c", "-0.3,0.6", "-d", 1)
    below = paint("-s", "40x30", "-c", "-0.3,-0.6", "-d", 1)
    check("mirrored", above == below[::-1] and above != below)
    (row,) = paint("-s", "6000x1", "-c", "3,0", "-d", 5)
    steps = [max(abs(a - b) for a, b in zip(one, other)) for one, other in zip(row, row[1:])]
    check("smooth", max(steps) <= 3 and len(set(row)) > 150, (max(steps), len(set(row))))
    check("no black outside", BLACK not in row)


def try_options(where):
    file = where / "none.png"
    for arguments in (["--nonsense"], ["-s", "0x1"], ["-s", "1x0"], ["-s", "100001x1"], ["-s", "1x100001"], ["-s"],
                      ["-s", "10"], ["-s", "10x"], ["-s", "x10"], ["-s", "10x10x10"], ["-s", "10X10"],
                      ["-s", "-1x1"], ["-s", "4294967297x1"], ["-s", "1x18446744073709551617"], ["-s", " 1x1"],
                      ["-s", "1x 1"], ["-c", "1"], ["-c", "1,"], ["-c", ",1"], ["-c", "nan,0"], ["-c", "0,inf"],
                      ["-c", "101,0"], ["-c", "0,-101"], ["-c", "1,2,3"], ["-c", "1e999,0"], ["-c", " 1,0"],
                      ["-d", "0"], ["-d", "-1"], ["-d", "101"], ["-d", "nan"], ["-d", "wide"], ["-d", ""],
                      ["-d", "1e-400"], ["-d", "1e-12", "-s", "10000x1"], ["-c", "0,1", "-d", "1e-15", "-s", "30x1"],
                      ["-i", "0"], ["-i", "-1"], ["-i", "1000000001"], ["-i", "1e3"], ["-w", "many"], ["-w", "-1"],
                      ["-w", "4097"], ["-w", ""], ["-S", "clone"], ["-S", ""], ["-S"], ["another"]):
        done = run(*arguments, file)
        check(f"usage {arguments}", done.returncode == 2 and b"--help" in done.stderr and not done.stdout, done)
        check(f"no file after {arguments}", not file.exists())
    shown = run("--help")
    check("--help", shown.returncode == 0 and shown.stdout.startswith(b"usage: mandelbrot"), shown)
    for name, why in ((where / "none" / "x.png", b"No such file"), (where, b"directory"),
                      (where / "\x1b[2J" / "x", b"?[2J/x: No such")):
        done = run("-s", "2x2", name)
        check(f"not {name}", done.returncode == 1 and why in done.stderr and b"\x1b" not in done.stderr, done)
    done = run("-s", "2x2", file, stdout=None, preexec_fn=lambda: os.close(1))
    check("a file without standard output", done.returncode == 0 and decode(file.read_bytes()), done)
    done = run("-s", "2x2", stdout=None, preexec_fn=lambda: os.close(1))
    check("no standard output", done.returncode == 1 and b"standard output: Bad file" in done.stderr, done)


def try_sizes(where):
    """The longest sides; and not the whole picture is in memory."""
    for size in ("100000x1", "1x100000"):
        ends = {run("-s", size, "-c", "0,5", "-d", "0.001", "-w", workers).stdout for workers in (0, 2)}
        check(f"size {size}", len(ends) == 1 and struct.pack(">II", *map(int, size.split("x"))) in ends.pop()[:24])
    peaks = []
    for rows in (60, 300):
        arguments = [PROGRAM, "-s", f"100000x{rows}", "-c", "0,9", "-d", "0.001", "-w", "2", "/dev/null"]
        pid = os.posix_spawn(PROGRAM, arguments, ENVIRONMENT)
        _, status, usage = os.wait4(pid, 0)
        check(f"{rows} long rows", status == 0, status)
        peaks.append(usage.ru_maxrss)
    check("no more memory for 72 MB more", "any_memory" in sys.argv or peaks[1] - peaks[0] < 36000, peaks)


def is_device(path):
    return stat.S_ISCHR(os.stat(path).st_mode)


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))


def try_full(where):
    """Nothing is left of what could not be written, but nothing else is removed."""
    file, link = where / "full.png", where / "link.png"
    for name in (file, link):
        for size in ("300x200", "1000x1000"):
            link.unlink(missing_ok=True)
            link.symlink_to(file)
            file.write_bytes(b"before")
            done = run("-s", size, "-w", 2, name, preexec_fn=limit_files)
            check("a limit", done.returncode == 1 and done.stderr.endswith(b".png: File too large\n"), done)
            check("nothing is left", not file.exists() and link.is_symlink(), done)
    fifo = where / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["head", "-c", "100", fifo], stdout=subprocess.PIPE)
    done = run("-s", "1000x1000", "-w", 2, fifo, preexec_fn=ignore_pipe)
    check("a FIFO whose reader leaves", done.returncode == 1 and b"fifo: Broken pipe" in done.stderr, done)
    check("the FIFO stays", fifo.exists() and len(reader.communicate()[0]) == 100)
    for size in ("1x1", "300x200"):
        with open("/dev/full", "wb") as full:
            done = run("-s", size, stdout=full)
        check(f"a full device {size}", (done.returncode, done.stderr) ==
              (1, b"mandelbrot: standard output: No space left on device\n"), done)
        if fifo.exists():  # else it would be removed, to the harm of others
            done = run("-s", size, "/dev/full")
            check(f"a full device by name {size}", (done.returncode, done.stderr) ==
                  (1, b"mandelbrot: /dev/full: No space left on device\n"), done)
    check("the device stays", is_device("/dev/full"))
    done = run("-s", "2x2", "/dev/null")
    check("a device", done.returncode == 0 and is_device("/dev/null"), done)
    file.write_bytes(b"before" * 1000)
    done = run("-s", "2x2", file)
    check("an older file is replaced", done.returncode == 0 and len(decode(file.read_bytes())) == 2, done)


def ignore_pipe():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def try_closed_pipe(where):
    for size in ("1x1", "500x400"):
        for setup, status, told in ((None, -signal.SIGPIPE, b""),
                                    (ignore_pipe, 1, b"mandelbrot: standard output: Broken pipe\n")):
            read, write = os.pipe()
            os.close(read)
            done = run("-s", size, "-w", 2, stdout=write, preexec_fn=setup)
            os.close(write)
            check(f"a closed pipe {size}", (done.returncode, done.stderr) == (status, told), done)


def children_of(process):
    try:
        path = f"/proc/{process.pid}/task/{process.pid}/children"
        return [int(pid) for pid in pathlib.Path(path).read_text().split()]
    except OSError:
        return []


def kill_child(process, pid):
    """The pidfd is of a child that was there before and after it was opened: of no stranger."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if pid in children_of(process):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(fd)


def is_at_work(pid):
    """Whether it has painted for some hundredths of a second, more than any worker needs to be born."""
    try:
        user = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
    except (OSError, IndexError):
        return False
    return user >= os.sysconf("SC_CLK_TCK") // 20


def begin_slow(file, start="fork"):
    """A picture in work: there are workers, and so there is the file."""
    process = subprocess.Popen([PROGRAM, *SLOW, "-w", "2", "-S", start, *([file] if file else [])], stderr=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=ENVIRONMENT)
    while process.poll() is None and not children_of(process):
        time.sleep(0.0005)
    return process


def try_kills(where):
    """A worker that is killed costs the picture, says so, and leaves nothing; so does a signal to all of it."""
    wanted = rb"mandelbrot: (.*): rows (\d+) to \2 are missing: Failed\(SIGNAL SIGKILL: paint was killed\)\n$"
    for file, name in ((where / "killed.png", bytes(where / "killed.png")), (None, b"standard output")):
        process = begin_slow(file)
        check("the file is begun", file is None or file.exists())
        # A worker that has no item costs nothing, and another one comes: it is next.
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            for pid in [pid for pid in children_of(process) if is_at_work(pid)][:1]:
                kill_child(process, pid)
            time.sleep(0.01)
        if process.poll() is None:
            process.kill()
        told = process.communicate()[1]
        found = re.match(wanted, told)
        check("a killed worker", process.returncode == 1 and found and found[1] == name, (process.returncode, told))
        check("a killed worker leaves no file", file is None or not file.exists())
    file = where / "ended.png"
    for start in STARTS[:3]:
        process = begin_slow(file, start)
        there = file.exists()
        process.terminate()
        told = process.communicate()[1]
        check(f"SIGTERM, {start}", (there, process.returncode, told) == (True, -signal.SIGTERM, b""), (there, told))
        check(f"SIGTERM leaves no file, {start}", not file.exists())


def said_to(main):
    """All that was written to the closed other end of a terminal."""
    said = b""
    while True:
        try:
            said += os.read(main, 65536)
        except OSError:
            return said


def try_terminal(where):
    """On a terminal there is a bar, on stderr, and it is wiped; no picture is written to one."""
    file = where / "bar.png"
    for options, shown in (([], b"\r["), (["-w", "0"], b"\r["), (["--quiet"], b"")):
        main, end = pty.openpty()
        done = subprocess.run([PROGRAM, "-s", "300x200", *options, file], stdout=subprocess.PIPE, stderr=end,
                              env=ENVIRONMENT)
        os.close(end)
        seen = said_to(main)
        os.close(main)
        check(f"a bar {options}", seen.startswith(shown) if shown else seen == b"", seen)
        check("the bar is wiped", not shown or seen.endswith(b"\r\x1b[K"), seen)
        check("none of it on stdout", (done.returncode, done.stdout) == (0, b""), done)
    for arguments in ([], ["-"]):
        main, end = pty.openpty()
        done = run("-s", "2x2", *arguments, stdout=end)
        os.close(end)
        seen = said_to(main)
        os.close(main)
        check("not to a terminal", (done.returncode, seen) == (2, b"") and b"is a terminal" in done.stderr, (done, seen))


def main():
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        for part in (compare_workers, compare_starts, compare_arithmetic, compare_points, compare_looks, try_options, try_sizes,
                     try_full, try_closed_pipe, try_kills, try_terminal):
            begun = time.monotonic()
            part(where)
            print(f"{part.__name__}: {time.monotonic() - begun:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
