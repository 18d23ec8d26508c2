#!/usr/bin/env python3
"""verify_packages against debsums, on a small system of packages made here.

usage: test_verify.py VERIFY_PACKAGES

Builds packages with dpkg-deb, installs them below a directory of its own,
damages files in every way and asks both programs; their verdicts and exit
statuses must be the same. Exits 77 where dpkg or debsums is missing.
"""
import errno
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
STARTS = ("fork", "forkserver", "spawn", "inline")
passed = failed = 0


def check(what, good, detail=""):
    global passed, failed
    passed += bool(good)
    failed += not good
    if not good:
        print(f"FAILED: {what} {detail}")


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **options)


def make_package(where, name, files, conffiles=(), control=""):
    """A .deb with checksums, as debhelper makes them."""
    tree = where / name
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(text)
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <n@example.org>\n"
        f"{control}Description: test\n"
    )
    if conffiles:
        (tree / "DEBIAN/conffiles").write_text("".join(f"/{path}\n" for path in conffiles))
    listed = [path for path in files if path not in conffiles]
    sums = run(["md5sum", "--", *listed], cwd=tree).stdout
    (tree / "DEBIAN/md5sums").write_text(sums)
    deb = where / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, stdout=subprocess.DEVNULL)
    return deb


def make_system(where):
    root = where / "root"
    for path in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc/dpkg/dpkg.cfg.d"):
        (root / path).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    big = bytes(range(256)) * 80000
    debs = [
        make_package(where, "plain", {
            "usr/share/plain/one": b"one\n",
            "usr/share/plain/empty": b"",
            "usr/share/plain/with some blanks": b"blanks\n",
            "usr/share/plain/caf\u00e9": b"utf-8\n",
            "usr/share/plain/big": big,
        }),
        make_package(where, "other", {"usr/share/other/two": b"two\n", "usr/bin/tool": b"tool of other\n"}),
        make_package(where, "configured", {
            "etc/configured.conf": b"setting\n",
            "etc/configured.more": b"more\n",
            "usr/share/configured/three": b"three\n",
        }, conffiles=("etc/configured.conf", "etc/configured.more")),
        make_package(where, "replacer", {"usr/share/replacer/four": b"four\n"}, control="Replaces: plain (<< 2.0)\n"),
        make_package(where, "documented", {
            "usr/share/doc/documented/copyright": b"c\n",
            "usr/share/doc/documented/NEWS": b"n\n",
        }),
    ]
    dpkg = ["dpkg", f"--root={root}", "--force-not-root", "--force-script-chrootless", "--no-triggers", "-i"]
    subprocess.run([*dpkg, *debs], check=True, stdout=subprocess.DEVNULL)
    # A file that went over to another package: both list a sum of it.
    taker = make_package(where, "taker", {"usr/share/other/two": b"two of taker\n"}, control="Replaces: other\n")
    subprocess.run([*dpkg, taker], check=True, stdout=subprocess.DEVNULL)
    # A diversion: the tool of `other` makes way for one of `diverting`.
    subprocess.run(["dpkg-divert", f"--admindir={root}/var/lib/dpkg", f"--instdir={root}", "--package", "diverting",
                    "--add", "--rename", "--divert", "/usr/bin/tool.distrib", "/usr/bin/tool"],
                   check=True, stdout=subprocess.DEVNULL)
    diverting = make_package(where, "diverting", {"usr/bin/tool": b"tool of diverting\n"})
    subprocess.run([*dpkg, diverting], check=True, stdout=subprocess.DEVNULL)
    return root


def verdict_of_debsums(root, arguments, before=()):
    done = run([*before, "debsums", "-s", "-r", str(root), *arguments])
    verdicts = set()
    for line in done.stderr.splitlines():
        for pattern, verdict in (
            (r"debsums: changed file (.*) \(from (\S+) package\)", "changed"),
            (r"debsums: missing file (.*) \(from (\S+) package\)", "missing"),
        ):
            found = re.fullmatch(pattern, line)
            if found:
                verdicts.add((verdict, found[1].removeprefix(str(root)), found[2]))
        found = re.fullmatch(r"debsums: can't (?:open|check) (\S+) file (.*) \((.*)\)", line)
        if found:
            verdicts.add(("unreadable", found[2].removeprefix(str(root)), found[1]))
    return done.returncode, verdicts


def verdict_of_program(root, arguments, before=()):
    done = run([*before, PROGRAM, "-r", str(root), *arguments])
    verdicts = set()
    for line in done.stdout.splitlines():
        found = re.fullmatch(r"(changed|missing|unreadable): (.*) \(package (\S+)\)(?:: .*)?", line)
        if found:
            verdicts.add((found[1], found[2], found[3]))
    check("no progress bar without a terminal", "\r" not in done.stderr + done.stdout)
    return done.returncode, verdicts


def same(what, root, *arguments, before=(), at_least=0):
    theirs = verdict_of_debsums(root, arguments, before)
    ours = verdict_of_program(root, arguments, before)
    check(f"{what} {arguments}: as debsums", theirs == ours, f"\n  debsums {theirs}\n  ours    {ours}")
    check(f"{what}: something is found", len(ours[1]) >= at_least, ours)
    return ours


def damages(root):
    """(what, path, how to damage it)"""
    def fifo(path):
        path.unlink()
        os.mkfifo(path)

    def directory(path):
        path.unlink()
        path.mkdir()

    def dangling(path):
        path.unlink()
        path.symlink_to("/nowhere/at all")

    def outside(path):
        path.unlink()
        path.symlink_to("/usr/share/other/two")

    def loop(path):
        path.unlink()
        path.symlink_to(path.name)

    share = root / "usr/share/plain"
    return [
        ("altered", share / "one", lambda path: path.write_bytes(b"two\n")),
        ("longer", share / "empty", lambda path: path.write_bytes(b"x")),
        ("cut", share / "big", lambda path: os.truncate(path, 100)),
        ("removed", share / "with some blanks", lambda path: path.unlink()),
        ("altered, not ASCII", share / "caf\u00e9", lambda path: path.write_bytes(b"latin")),
        ("a directory", share / "one", directory),
        ("a FIFO", share / "one", fifo),
        ("a dangling link", share / "one", dangling),
        ("what replaces it", share / "one", lambda path: path.write_bytes(b"four\n")),
        ("taken over, altered", root / "usr/share/other/two", lambda path: path.write_bytes(b"x")),
        ("diverted, altered", root / "usr/bin/tool.distrib", lambda path: path.write_bytes(b"x")),
        ("diverting, altered", root / "usr/bin/tool", lambda path: path.write_bytes(b"x")),
        ("excluded and removed", root / "usr/share/doc/documented/NEWS", lambda path: path.unlink()),
    ], [("a link to itself", share / "one", loop), ("a link to another file", share / "one", outside)]


def compare_damages(root, where):
    shutil.copytree(root, where / "good", symlinks=True)
    (root / "etc/dpkg/dpkg.cfg.d/excludes").write_text(
        "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n")
    both, ours_alone = damages(root)
    for what, path, damage in both:
        damage(path)
        found = same(what, root)
        # debsums asks dpkg whose a changed file is, and of a diverted one that is not clear.
        if "excluded" not in what and "divert" not in what:
            check(f"{what} is found", len(found[1]) == 1 and found[0] == 2, found)
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        elif path.is_symlink() or path.exists():
            path.unlink()
        shutil.copy2(where / "good" / path.relative_to(root), path, follow_symlinks=False)
    # debsums dies of loops, and of links that are none; for us each is one file.
    for what, path, damage in ours_alone:
        damage(path)
        status, verdicts = verdict_of_program(root, [])
        check(f"{what} is found", status == 2 and len(verdicts) == 1, verdicts)
        path.unlink()
        shutil.copy2(where / "good" / path.relative_to(root), path)
    same("all restored", root)


def compare_lists(root, where):
    """What is wrong with dpkg's own lists."""
    sums = root / "var/lib/dpkg/info/plain.md5sums"
    good = sums.read_bytes()
    same("a foreign architecture", root, "plain:i386")
    same("its own architecture", root, "plain:all")
    sums.write_bytes(b"")
    same("an empty list", root, "plain")
    sums.write_bytes(b"\x1b]0;title\x07 no sum\n")
    done = run([PROGRAM, "-r", str(root), "plain"])
    check("a terminal is not told what to do", "\x1b" not in done.stderr and "no sum" in done.stderr, done.stderr)
    sums.unlink()
    os.mkfifo(sums)
    done = run([PROGRAM, "-r", str(root), "plain"], timeout=20)
    check("a FIFO as list is no list", "no checksums for plain" in done.stderr, done)
    sums.unlink()
    sums.write_bytes(good)
    done = run(["sh", "-c", '"$0" -r "$1" plain >/dev/full', PROGRAM, str(root)])
    check("lost output is an error", done.returncode == 255 and "standard output" in done.stderr, done)
    same("the list is back", root, "plain")


def compare_permissions(root):
    """As nobody: what is unreadable is not missing."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    path = root / "usr/share/plain/one"
    path.chmod(0)
    for folder in [root, *root.parents]:
        if folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o555)
    if run([*nobody, PROGRAM, "--help"]).returncode == 0:
        found = same("unreadable", root, before=nobody, at_least=1)
        check("unreadable is found", ("unreadable", "/usr/share/plain/one", "plain") in found[1], found)
    path.chmod(0o644)


def compare_conffiles(root):
    (root / "etc/configured.conf").write_bytes(b"my own setting\n")
    (root / "etc/configured.more").unlink()
    found = same("conffiles are left alone", root)
    check("conffiles are left alone", found == (0, set()), found)
    found = same("conffiles with -a", root, "-a", at_least=2)
    check("conffiles with -a", found[0] == 2, found)
    same("conffiles of one package", root, "-a", "configured", at_least=2)
    same("conffiles of another", root, "-a", "plain")


def compare_names(root):
    same("one package", root, "plain")
    same("two packages", root, "plain", "other")
    check("a package that is not there", same("none", root, "nobody")[0] == 1)
    (root / "usr/share/plain/one").unlink()
    check("not there and missing", same("both", root, "nobody", "plain")[0] == 3)
    (root / "usr/share/plain/one").write_bytes(b"one\n")
    info = root / "var/lib/dpkg/info/other.md5sums"
    text = info.read_text()
    info.write_text("no checksum\n" + text)
    same("a line that is none", root)
    info.unlink()
    same("no checksums", root)
    info.write_text(text)


def try_options(root):
    for arguments in (["--nonsense"], ["-w", "0"], ["-w", "many"], ["-t", "-1"], ["-t", "soon"], ["-r"],
                      ["-S", "clone"], ["-S", ""], ["-S"]):
        check(f"usage {arguments}", run([PROGRAM, *arguments]).returncode == 255)
    shown = run([PROGRAM, "--help"])
    check("--help", shown.returncode == 0 and shown.stdout.startswith("usage: verify_packages"))
    check("no dpkg there", run([PROGRAM, "-r", str(root / "usr")]).returncode == 255)
    for workers in ("1", "5"):
        done = run([PROGRAM, "-r", str(root), "--workers", workers])
        check(f"{workers} workers", done.returncode == 0 and "all good" in done.stdout, done.stdout + done.stderr)
    done = run([PROGRAM, "-r", str(root), "--timeout", "0.001"])
    check("a timeout is one file's", "TIMEOUT" in done.stdout and done.returncode == 2, done.stdout + done.stderr)
    check("the summary counts causes", re.search(r"\d+ failed by TIMEOUT", done.stdout), done.stdout)


def said_of(root, start, *arguments, **options):
    """All it says but how long it took."""
    done = run([PROGRAM, "-r", str(root), *start, *arguments], **options)
    return done.returncode, re.sub(r" in [0-9.]+ s, [0-9.]+ MB/s", "", done.stdout), done.stderr


def compare_starts(root, where):
    """The same words however workers are made, of what is good, damaged and not there at all."""
    share = root / "usr/share/plain"
    good = where / "before starts"
    shutil.copytree(share, good)
    for arguments in ([], ["-a"], ["-w", "5", "nobody", "plain"]):
        for damage in (lambda: None, lambda: (share / "one").write_bytes(b"x"), (share / "empty").unlink,
                       lambda: os.mkfifo(share / "empty"), (share / "with some blanks").unlink):
            damage()
            want = said_of(root, ["-S", "fork"], *arguments)
            for start in STARTS[1:]:
                found = said_of(root, ["--start", start], *arguments)
                check(f"{start} {arguments}: as fork", found == want, f"\n  fork {want}\n  {start} {found}")
        for path in share.iterdir():
            path.unlink()
        for path in good.iterdir():
            shutil.copy2(path, share)
    for start in STARTS:
        found = said_of(root, [], env={**os.environ, "PROCS_START": start})
        check(f"the environment's {start}", found == said_of(root, ["-S", "fork"]), found)
    for start in STARTS[1:3]:
        said = said_of(root, ["-S", start], "--timeout", "0.001")[1]
        check(f"a timeout is one file's, {start}", "TIMEOUT" in said, said)
    # From elsewhere below, and with a relative root.
    for start in STARTS:
        found = said_of(root.name, ["-S", start], "plain", cwd=where)
        check(f"a relative root, {start}", found[0] == 0 and "all good" in found[1], found)


def said_to(main):
    """All that was written to the closed other end of a terminal; one read may bring a part of it."""
    said = b""
    while True:
        try:
            said += os.read(main, 65536)
        except OSError as error:
            assert error.errno == errno.EIO
            return said


def try_terminal(root):
    """On a terminal there is a bar, on stderr, and it is wiped at the end."""
    main, end = pty.openpty()
    done = subprocess.run([PROGRAM, "-r", str(root)], stdout=subprocess.PIPE, stderr=end, text=True)
    os.close(end)
    seen = said_to(main).decode()
    os.close(main)
    check("a bar on a terminal", "\r[" in seen and "%" in seen and done.returncode == 0, repr(seen))
    check("the bar is wiped", seen.endswith("\r\x1b[K"), repr(seen))
    check("none of it on stdout", "\r" not in done.stdout)


def compare_many(root, where):
    """More changed files than dpkg is asked about at once, in the order of their lists."""
    names = [f"usr/share/many/{number:04}" for number in range(1100)]
    deb = make_package(where, "many", {name: b"good\n" for name in names})
    subprocess.run(["dpkg", f"--root={root}", "--force-not-root", "--no-triggers", "-i", deb],
                   check=True, stdout=subprocess.DEVNULL)
    for name in names:
        (root / name).write_bytes(b"bad\n")
    found = same("1,100 changed", root)
    check("1,100 are found", len(found[1]) == 1100, len(found[1]))
    lines = run([PROGRAM, "-r", str(root)]).stdout.splitlines()
    listed = [line.split("  ./")[-1].split("  ")[-1]
              for line in (root / "var/lib/dpkg/info/many.md5sums").read_text().splitlines()]
    told = [line.removeprefix("changed: /").removesuffix(" (package many)") for line in lines[:1100]]
    check("in the order of the list", told == listed, list(zip(told, listed))[:3])
    for name in names:
        (root / name).write_bytes(b"good\n")


def main():
    for tool in ("dpkg-deb", "dpkg-divert", "debsums", "md5sum"):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool}")
            return 77
    with tempfile.TemporaryDirectory() as name:
        where = pathlib.Path(name)
        root = make_system(where)
        found = same("untouched", root)
        check("untouched is good", found == (0, set()), found)
        compare_damages(root, where)
        compare_names(root)
        try_options(root)
        compare_starts(root, where)
        try_terminal(root)
        compare_lists(root, where)
        compare_permissions(root)
        compare_conffiles(root)
        compare_many(root, where)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
