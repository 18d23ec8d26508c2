"""Who may include whom: floors, rooms, front doors, circles, guards."""
import os
import re

FLOORS = {"base": 0, "shm": 1, "codec": 1, "backend": 2, "pool": 3, "api": 4}

# These use the library as a stranger does. Other tests may look inside.
OUTSIDE = ("worker", "benchmarks")
INSIDE_TESTS = ("unit", "fuzz", "threads")


def room_of(path):
    """The room of src/<room>/<file>, or None."""
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def check(tree):
    for file in tree.below("src"):
        yield from check_room(tree, file)
    for file in tree.below("include"):
        for line, name, _ in file.includes:
            if name.split("/")[0] in FLOORS:
                yield file.path, line, f"a public header includes {name}"
    for file in tree.below(*OUTSIDE, "tests"):
        if is_outside(file.path):
            yield from check_outside(tree, file)
    yield from check_circles(tree)
    yield from check_guards(tree)


def check_room(tree, file):
    room = room_of(file.path)
    if room not in FLOORS:
        yield file.path, 1, "lies in no room of src/"
        return
    for line, name, sign in file.includes:
        other = name.split("/")[0]
        if sign == '"' and "src/" + name not in tree.files:
            yield file.path, line, f'"{name}" is no "room/file.h" of src/'
        elif sign == "<" and other in FLOORS:
            yield file.path, line, f'<{name}> is ours: write "{name}"'
        elif sign == "<" and other == "procs" and "include/" + name not in tree.files:
            yield file.path, line, f"<{name}> is no public header"
        elif other in FLOORS:
            yield from check_step(file.path, line, room, other, name)


def check_step(path, line, room, other, name):
    if FLOORS[other] > FLOORS[room]:
        yield path, line, f"{room} includes {name} of a higher floor"
    elif other != room and FLOORS[other] == FLOORS[room]:
        yield path, line, f"{room} includes {name} sideways"
    elif other != room and name.endswith("/local.h"):
        yield path, line, f"{name} belongs to room {other} alone"


def is_outside(path):
    parts = path.split("/")
    return parts[0] in OUTSIDE or parts[1] not in INSIDE_TESTS


def check_outside(tree, file):
    folder = os.path.dirname(file.path)
    for line, name, sign in file.includes:
        target = os.path.normpath(os.path.join(folder, name))
        if sign == "<":
            allowed = name.split("/")[0] not in FLOORS
        elif name == "pxt.h":
            allowed = file.path.startswith("tests/")
        else:
            allowed = target in tree.files and target.startswith(folder + "/")
        if not allowed:
            yield file.path, line, f"{name} is neither public nor of this folder"


def check_circles(tree):
    """Depth first over our headers; each circle is told once."""
    edges = {}
    for file in tree.below("src", "include"):
        if file.path.endswith(".h"):
            targets = [
                (line, p + name) for line, name, _ in file.includes for p in ("src/", "include/")
            ]
            edges[file.path] = [(line, target) for line, target in targets if target in tree.files]
    done = set()

    def visit(path, way):
        for line, target in edges.get(path, ()):
            if target in way:
                yield path, line, "a circle: " + " -> ".join(way[way.index(target) :] + [target])
            elif target not in done:
                yield from visit(target, way + [target])
        done.add(path)

    for path in edges:
        if path not in done:
            yield from visit(path, [path])


def check_guards(tree):
    for file in tree.below("src", "include"):
        if not file.path.endswith(".h"):
            continue
        parts = file.path[: -len(".h")].split("/")[1:]
        if parts[0] != "procs":
            parts.insert(0, "procs")
        guard = re.sub(r"\W", "_", "_".join(parts)).upper() + "_H"
        first = re.findall(r"^[ \t]*#[ \t]*(\w+)[ \t]*(.*?)[ \t]*$", file.code, re.M)[:2]
        if first != [("ifndef", guard), ("define", guard)]:
            yield file.path, 1, f"its guard is not {guard}"
