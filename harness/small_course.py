"""A course of two pages and one program, for what builds, serves or prints a site and need not see all of it."""

import os
import re
import shutil
import sys
from pathlib import Path

from publish.sources import ledger
from publish.sources.course import Course
from publish.sources.ledger import Row

ROOT = Path(__file__).resolve().parent.parent
PAGE, OTHER, PROGRAM = "docs/index.md", "docs/other.md", "snippets/shop/get.py"
NAV = "nav:\n  - Page: index.md\n  - Other: other.md\n  - Copy: snippets/index.md\n"
DIAGRAM = re.search(r"```mermaid\n.*?\n```", (ROOT / "docs/patterns/cache-aside.md").read_text("utf-8"), re.DOTALL)
assert DIAGRAM
FILES = {
    PAGE: f"# Page\n\n{DIAGRAM[0]}\n\n::: shop/get read (no C#: as small as can be; no Node.js: as small as can be)\n\n"
    "See [the other](other.md).\n",
    OTHER: "# Other\n\n[It reads](proof:it_reads).\n",
    PROGRAM: '"""Get."""\n# --8<-- [start:read]\ndef read() -> int:\n    first = 1\n    second = 2\n'
    "    third = 3\n    return first + second + third\n# --8<-- [end:read]\n",
    "tests/shop/test_get.py": "def test_it_reads() -> None:\n    pass\n",
}


def write(root: Path) -> None:
    """Write the course into `root`: its words are its own, its theme, styles, scripts and diagrams are ours."""
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    config = re.sub(r"^nav:\n(?: .*\n)+", NAV, config, flags=re.MULTILINE)
    (root / "mkdocs.yml").write_text(config.replace("publish/theme", f'"{ROOT}/publish/theme"'), "utf-8")
    for name in ("assets", "stylesheets", "_diagrams"):
        shutil.copytree(ROOT / "docs" / name, root / "docs" / name)
    prove(root)


def prove(root: Path) -> None:
    """Write the ledger: the program ran, and its test passed."""
    course = Course(root)
    rows = [Row(one.path, course.ledger.digest(one), "2026-01-02", {"Redis": "8"}) for one in course.snippets.files]
    ledger.save(root, {row.path: row for row in rows})


def command(*arguments: str) -> list[str]:
    """Return what builds or serves the course of the current folder."""
    return [sys.executable, "-m", "publish.site", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of that command, which has to find the press."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}
