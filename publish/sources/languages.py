"""The one table of languages: how each is written, shown, run by a reader, and tested."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A row of the table. `{file}`, `{stem}`, `{Stem}` and `{packages}` are filled in per snippet."""

    extension: str
    label: str  # the tab's title, and the name in "(no Node.js: reason)"
    needs: str  # what a reader must have to run it
    lexer: str  # Pygments' name
    comment: str  # begins a comment that runs to the end of the line
    purpose: str  # pattern that finds, in the head of a file, the line that says what it is for
    packages: str  # pattern that finds the packages in the file's own text
    install: str  # the line a reader types first; empty where running installs
    run: str  # the line a reader types next
    test_file: str  # its tests, at the same path below tests/
    test_name: str  # pattern that finds the tests' names in them
    transcript: bool = False  # of commands: it stands alone, without tabs, and is the same for everyone

    def commands(self, file: str, text: str) -> list[str]:
        """Return the one or two lines that install and run the snippet `file`, whose text is `text`."""
        found = re.findall(self.packages, text, re.MULTILINE)
        packages = " ".join(found[0].replace('"', "").split(", ")) if found else ""
        lines = [self.install.format(packages=packages)] if self.install and packages else []
        return [*lines, self.run.format(file=file)]

    def test_path(self, example: str) -> str:
        """Return the path, below the repository, of the tests of `example` (a path below snippets/ without suffix)."""
        *folders, stem = example.split("/")
        pascal = "".join(word.capitalize() for word in re.split("[_-]", stem))
        return "/".join(["tests", *folders, self.test_file.format(stem=stem, Stem=pascal)])


LANGUAGES = {
    language.extension: language
    for language in (
        Language(
            extension=".py",
            label="Python",
            needs="Python 3.11",
            lexer="python",
            comment="#",
            purpose=r'\A(?:#.*\n|\n)*"""(.+?)(?:"""|\n)',
            packages=r"^# dependencies = \[(.*)\]$",
            install="pip install {packages}",
            run="python {file}",
            test_file="test_{stem}.py",
            test_name=r"^(?:async )?def test_(\w+)\(",
        ),
        Language(
            extension=".cs",
            label="C#",
            needs="the .NET 10 SDK",
            lexer="csharp",
            comment="//",
            purpose=r"\A(?:#:.*\n|\n)*// (?!--8<--)(.+)",
            packages=r"^#:package (.*)$",
            install="",
            run="dotnet run {file}",
            test_file="{Stem}Tests.cs",
            test_name=r'DisplayName = "(\w+)"',
        ),
        Language(
            extension=".mjs",
            label="Node.js",
            needs="Node.js 24",
            lexer="javascript",
            comment="//",
            purpose=r"\A(?:// npm install .*\n|\n)*// (?!--8<--|npm install )(.+)",
            packages=r"^// npm install (.*)$",
            install="npm install {packages}",
            run="node {file}",
            test_file="{stem}.test.mjs",
            test_name=r'^test\("(\w+)"',
        ),
        Language(
            extension=".redis",
            label="redis-cli",
            needs="redis-cli",
            lexer="text",
            comment="#",
            purpose=r"\A(?:\n)*# (?!--8<--)(.+)",
            packages=r"(?!)",
            install="",
            run="redis-cli",
            test_file="test_{stem}.py",
            test_name=r"^(?:async )?def test_(\w+)\(",
            transcript=True,
        ),
    )
}
PROGRAMMING = [language for language in LANGUAGES.values() if not language.transcript]  # each example owes these
OUTPUT = ".out"  # what the program prints, whatever the language
