"""pytest-markdown-docs over README, CONTRIBUTING and docs/."""

import re
import subprocess
import sys
from pathlib import Path

from harness.page_programs import callable_programs
from harness.servers import Cluster, Server
from publish.sources import snippets
from publish.sources.blocks import split
from publish.sources.includes import parse

ROOT = Path(__file__).resolve().parent.parent


def python_examples() -> int:
    """Count the Python programs that the pages stand for: each page, each program once."""
    library = snippets.read(ROOT)
    found = set()
    for page in (ROOT / "docs").rglob("*.md"):
        for line in page.read_text("utf-8").splitlines():
            include = parse(line)
            if include:
                found |= {(page, program.path) for program in callable_programs(library, include.example)}
    return len(found)


def literal_python() -> int:
    """Count the Python fences of README and CONTRIBUTING."""
    texts = [(ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    return sum(block.info.startswith("python") for text in texts for block in split(text))


def test_every_python_example_of_the_docs_runs(cluster: Cluster) -> None:
    server = Server()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "harness.page_programs",
        "--noconftest",
    ]
    command += ["--markdown-docs", "-o", "testpaths=", "-o", "python_files=none", "README.md", "CONTRIBUTING.md"]
    command += [str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))]
    try:
        result = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            env={"REDIS_URL": server.url, "REDIS_CLUSTER_URL": cluster.url, "PATH": "/usr/bin:/bin"},
        )
    finally:
        server.stop()
    expected = python_examples() + literal_python()
    assert expected >= 4
    assert re.search(rf"^{expected} passed", result.stdout, re.MULTILINE), result.stdout + result.stderr
