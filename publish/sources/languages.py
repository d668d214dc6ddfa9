"""The one table of languages: how each is written, shown, run by a reader, and tested. A new one is a row in it."""

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Language:
    """A row of the table. `{file}`, `{stem}`, `{Stem}` and `{packages}` are filled in per snippet."""

    suffix: str  # what its files are called behind the stem; the longest that fits decides
    key: str  # its name in addresses
    label: str  # the tab's title, and the name in "(no Node.js: reason)"; where "X (Y)" is absent, readers see X
    needs: str  # what a reader must have to run it
    lexer: str  # Pygments' name
    comment: str  # begins a comment that runs to the end of the line
    purpose: str  # pattern that finds, in the head of a file, the line that says what it is for
    run: str  # the line that a reader types to run it
    test_file: str  # its tests, at the same path below tests/
    test_name: str  # pattern that finds the tests' names in them
    packages: str = "(?!)"  # pattern that finds the packages in the file's own text
    install: str = ""  # the line a reader types first; empty where running installs
    installed: str = ""  # the folder that it makes, where that lies beside the program
    client: str = ""  # of these packages, the Redis client
    client_name: str = ""  # as its badge calls it; empty where that is the package's name
    lock: str = ""  # the file of this repository that locks the packages
    locked: str = "(?!)"  # pattern that finds them in it, each with its version
    tool: str = ""  # what a machine may lack; empty where set-up brings it
    get: str = ""  # how to get that
    test_runner: str = ""  # a key of harness.foreign.RUNNERS; empty where it is pytest itself
    uses: str = "names"  # how files use others: "names" in quotes, "modules" of Python, "all" that is compiled together
    call: str = ""  # how Python calls the program's main; empty where it cannot
    blank_lines: int = 1  # that may follow each other at the top level
    optional: bool = False  # a page says nothing where it is absent, and slides do without it
    transcript: bool = False  # of commands: it stands alone, without tabs, and is the same for everyone

    @property
    def program(self) -> str:
        """The program that a reader calls to run it."""
        return self.run.partition(" ")[0]

    def commands(self, file: str, text: str) -> list[str]:
        """Return the one or two lines that install and run the snippet `file`, whose text is `text`."""
        found = re.findall(self.packages, text, re.MULTILINE)
        packages = " ".join(found[0].replace('"', "").split(", ")) if found else ""
        lines = [self.install.format(packages=packages)] if self.install and packages else []
        return [*lines, self.run.format(file=file)]

    def versions(self, text: str) -> dict[str, str]:
        """Return the packages that a program's text names, with their versions."""
        found = " ".join(re.findall(self.packages, text, re.MULTILINE))
        return dict(re.findall(r"([\w.@/-]+?)(?:==|@)(v?\d[\w.-]*)", found))

    def clients(self, text: str) -> dict[str, str]:
        """Return the Redis client that a program's text names, as its badge does, with its version."""
        return {self.client_name or name: of for name, of in self.versions(text).items() if name == self.client}

    def test_path(self, example: str) -> str:
        """Return the path, below the repository, of the tests of `example` (a path below snippets/ without suffix)."""
        *folders, stem = example.split("/")
        pascal = "".join(word.capitalize() for word in re.split("[_-]", stem))
        return "/".join(["tests", *folders, self.test_file.format(stem=stem, Stem=pascal)])

    def is_test(self, path: str) -> bool:
        """Tell whether a file is called as tests in this language are."""
        before, _, behind = re.sub(r"\{\w+\}", "{}", self.test_file).partition("{}")
        name = path.rpartition("/")[2]
        return name.startswith(before) and name.endswith(behind)


PYTHON = Language(
    suffix=".py",
    key="python",
    label="Python",
    needs="Python 3.11",
    lexer="python",
    comment="#",
    purpose=r'\A(?:#.*\n|\n)*"""(.+?)(?:"""|\n)',
    packages=r"^# dependencies = \[(.*)\]$",
    install="pip install {packages}",
    run="python {file}",
    client="redis",
    client_name="redis-py",
    lock="requirements.txt",
    locked=r"^([\w-]+)==([^\s;]+)",
    test_file="test_{stem}.py",
    test_name=r"^(?:async )?def test_(\w+)\(",
    uses="modules",
    call="main()",
    blank_lines=2,
)
CSHARP = Language(
    suffix=".cs",
    key="csharp",
    label="C#",
    needs="the .NET 10 SDK",
    lexer="csharp",
    comment="//",
    purpose=r"\A(?:#:.*\n|\n)*// (?!--8<--)(.+)",
    packages=r"^#:package (.*)$",
    run="dotnet run {file}",
    client="StackExchange.Redis",
    lock="harness/csharp/Snippets/Snippets.csproj",
    locked=r'PackageReference Include="(.+?)" Version="(.+?)"',
    tool=".NET 10 SDK",
    get="https://dot.net, or on Debian and Ubuntu: apt install dotnet-sdk-10.0",
    test_file="{Stem}Tests.cs",
    test_name=r'DisplayName = "(\w+)"',
    test_runner="dotnet test",
    uses="all",
)
NODE = Language(
    suffix=".mjs",
    key="javascript",
    label="Node.js",
    needs="Node.js 24",
    lexer="javascript",
    comment="//",
    purpose=r"\A(?:// npm install .*\n|\n)*// (?!--8<--|npm install )(.+)",
    packages=r"^// npm install (.*)$",
    install="npm install {packages}",
    installed="node_modules",
    run="node {file}",
    client="ioredis",
    lock="package-lock.json",
    locked=r'^    "node_modules/(.+)": \{\n      "version": "(.+)"',
    test_file="{stem}.test.mjs",
    test_name=r'^test\("(\w+)"',
    test_runner="node --test",
)
PYTHON_ASYNC = replace(
    PYTHON,
    suffix="_async.py",
    key="python-async",
    label="Python (async)",
    test_file="test_{stem}_async.py",
    call="asyncio.run(main())",
    optional=True,
)
REDIS_CLI = Language(
    suffix=".redis",
    key="text",
    label="redis-cli",
    needs="redis-cli",
    lexer="text",
    comment="#",
    purpose=r"\A(?:\n)*# (?!--8<--)(.+)",
    run="redis-cli",
    test_file=PYTHON.test_file,
    test_name=PYTHON.test_name,
    uses="",
    transcript=True,
)

LANGUAGES = {language.suffix: language for language in (PYTHON, CSHARP, NODE, PYTHON_ASYNC, REDIS_CLI)}  # as tabs stand
PROGRAMMING = [one for one in LANGUAGES.values() if not one.transcript and not one.optional]  # each example owes these
OUTPUT = ".out"  # what the program prints, whatever the language


def suffix(path: str) -> str:
    """Return the key of the table that a file's name ends in, or nothing where the file is in no language of ours."""
    name = path.rpartition("/")[2]
    return max((one for one in LANGUAGES if name.endswith(one) and name != one), key=len, default="")


def of(path: str) -> Language:
    """Return the language of a file. Raises KeyError where it is none of ours."""
    return LANGUAGES[suffix(path)]
