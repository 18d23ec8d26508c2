"""The files of a tree, and C text taken apart into code and comments."""
import os
import re
import subprocess

# What is read at all: text that people write. Data of tests is not.
SOURCES = (".c", ".h", ".cc", ".cpp", ".py", ".sh", ".build", ".map", ".md", ".yml", ".yaml")
NAMES = ("meson_options.txt", "LICENSE", ".gitignore", ".clang-format")
MANUAL = re.compile(r"\.[1-8]$")

# In this order: what opens first wins, so a quote in a comment opens nothing.
TOKEN = re.compile(
    r"//(?:\\\n|[^\n])*" r"|/\*.*?(?:\*/|\Z)" r'|"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'",
    re.S,
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]*>|"[^"\n]*")', re.M)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def blank(text):
    """As long as before, with the same line ends, and nothing else."""
    return re.sub(r"[^\n]", " ", text)


class File:
    """One file: its text, and for C its code, comments and includes."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8", newline="") as file:
            self.text = file.read()
        self.comments = []  # (first line, last line, words)
        self.includes = []  # (line, what stands between the signs, "<" or '"')
        self.code = ""
        if self.is_c():
            self.take_apart()

    def is_c(self):
        return self.path.endswith((".c", ".h", ".cc", ".cpp"))

    def take_apart(self):
        def no_comment(match):
            token = match.group()
            if token[0] != "/":
                return token
            first = line_of(self.text, match.start())
            words = " ".join(token.strip("/* \t\n").split())
            self.comments.append((first, first + token.count("\n"), words))
            return blank(token)

        def no_string(match):
            token = match.group()
            return token[0] + blank(token[1:-1]) + token[-1]

        def no_include(match):
            signs = match.group(1)
            self.includes.append((line_of(text, match.start(1)), signs[1:-1], signs[0]))
            return blank(match.group())

        text = TOKEN.sub(no_comment, self.text)
        self.code = TOKEN.sub(no_string, INCLUDE.sub(no_include, text))


class Tree:
    """All source files below a root, by their path from there."""

    def __init__(self, root):
        self.files = {}
        self.unreadable = []
        for path in sorted(list_files(root)):
            name = os.path.basename(path)
            if not (name.endswith(SOURCES) or name in NAMES or MANUAL.search(name)):
                continue
            try:
                self.files[path] = File(root, path)
            except UnicodeDecodeError:
                self.unreadable.append(path)

    def below(self, *folders):
        """The C files below any of these folders."""
        return [
            file
            for path, file in self.files.items()
            if file.is_c() and path.startswith(tuple(folder + "/" for folder in folders))
        ]


def list_files(root):
    """What git would commit from here; where there is no git, what lies here.

    Only a root that is itself a checkout asks git: an unpacked archive may lie
    in an ignored folder of somebody's repository, and git would list nothing.
    """
    found = None
    if os.path.exists(os.path.join(root, ".git")):
        found = ask_git(root)
    if found is None:
        found = walk(root)
    return [path for path in found if os.path.isfile(os.path.join(root, path))]


def ask_git(root):
    # Inside a hook these variables would point git elsewhere.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    command = ["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode != 0:
        return None
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def walk(root):
    found = []
    for folder, folders, files in os.walk(root):
        # A build directory may lie anywhere; meson marks it.
        folders[:] = [
            name
            for name in folders
            if name not in (".git", "__pycache__")
            and not os.path.isdir(os.path.join(folder, name, "meson-private"))
        ]
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return found
