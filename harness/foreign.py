"""Tests written in Node.js and C#, each reported by pytest under its own name.

The names come from the test files; a test that the other runner did not report, or reports beyond them, fails.
"""

import functools
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from harness import compiler
from harness.servers import redis_server_binary, shared_cluster
from harness.shared import shared_redis
from harness.targets import SharedCluster
from harness.tls import KEY, shared_tls
from harness.toolchain import NODE, need, run
from publish.sources import languages, proofs

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
TESTS = "harness/csharp/Tests/Tests.csproj"
LIMIT = 300  # seconds for a file of tests, the first build included

Results = dict[str, str]  # by test name: "" where it passed, else what it said


def once(function: Callable[..., T]) -> Callable[..., T]:
    """Cache what a function returns, and what it raises: a build that fails is not tried again for each test."""

    @functools.cache
    def result(*arguments: Hashable) -> T | Exception:
        try:
            return function(*arguments)
        except Exception as error:
            return error

    def call(*arguments: Hashable) -> T:
        found = result(*arguments)
        if isinstance(found, Exception):
            raise found
        return found

    return call


def environment(text: str) -> dict[str, str]:
    """Return what tests with this text may ask for. A cluster and a TLS endpoint are started only for their names.

    Redis and cluster are empty: the tests refuse others.
    """
    shared_redis().flush()
    found = {"REDIS_URL": shared_redis().url, "REDIS_SERVER": redis_server_binary()}
    if "REDIS_CLUSTER_URL" in text:
        shared_cluster().flush()
        found["REDIS_CLUSTER_URL"] = shared_cluster().url
    if "REDIS_TLS_URL" in text:
        tls = shared_tls()
        found |= {"REDIS_TLS_URL": tls.url, "REDIS_TLS_WRONG_NAME": tls.wrong_name}
        found |= {"REDIS_TLS_CA": tls.ca, "REDIS_TLS_KEY": KEY}
    return found


def add(results: Results, name: str, said: str) -> None:
    """Note a test's result; a second one of the same name is a failure, whichever way they ended."""
    results[name] = f"two tests are called {name}; rename one" if name in results else said


class ForeignFile(pytest.File):
    """A test file in another language."""

    shared = ""  # what all its files share, so that they must run in one process

    def results(self) -> Results:
        """Run the file, at most once in a session."""
        raise NotImplementedError

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test for each name in the file."""
        names = proofs.names(self.path.read_text("utf-8"), self.path.name)
        if not names:
            raise self.CollectError(f"{self.path}: no test found; declare them as the other files do")
        for name, line in names.items():
            item = ForeignTest.from_parent(self, name=name)
            item.line, item.names = line, set(names)
            yield item


class ForeignTest(pytest.Item):
    """One test in another language."""

    line: int
    names: set[str]

    def runtest(self) -> None:
        """Run the whole file once, and report this test's part."""
        assert isinstance(self.parent, ForeignFile)
        need(languages.of(self.path.name).tool)
        results = self.parent.results()
        extra = set(results) - self.names
        assert not extra, f"ran tests that the scan of names did not find: {sorted(extra)}"
        assert self.name in results, f"was not run; the runner reported {sorted(results)}"
        if results[self.name]:
            pytest.fail(results[self.name], pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the place of the test."""
        return self.path, self.line - 1, self.name


@once
def node_results(path: Path) -> Results:
    """Run a file of node:test tests. Raises RuntimeError where it could not run at all."""
    command = [NODE, "--test", "--test-reporter=junit", str(path)]
    if isinstance(shared_redis(), SharedCluster):
        command.insert(2, "--test-force-exit")  # where tests may fail, clients that they left open would wait for ever
    result = run(command, ROOT, LIMIT, **environment(path.read_text("utf-8")))
    try:
        cases = list(ElementTree.fromstring(result.stdout).iter("testcase"))
    except ElementTree.ParseError:
        raise RuntimeError(f"node gave no report:\n{result.stdout}\n{result.stderr}") from None
    results: Results = {}
    for case in cases:
        add(results, case.get("name", ""), "\n".join((bad.text or bad.get("message") or bad.tag) for bad in case))
    return results


@once
def dotnet_build() -> None:
    """Build the C# snippets and tests, and hold them to the code style. Raises RuntimeError with what is wrong."""
    command = ["dotnet", "build", TESTS, "--nologo", "--verbosity", "quiet"]
    result = run(command, ROOT, LIMIT, **compiler.environment())
    if result.returncode:
        raise RuntimeError(f"the C# does not build:\n{result.stdout}\n{result.stderr}")


@once
def dotnet_results(files: frozenset[Path]) -> dict[str, Results]:
    """Build all C# tests, run those of these files, return the results by class. Raises RuntimeError if it cannot."""
    dotnet_build()
    with tempfile.TemporaryDirectory() as folder:
        command = ["dotnet", "test", TESTS, "--nologo", "--no-build"]
        command += ["--filter", "|".join(f"FullyQualifiedName~{file.stem}." for file in sorted(files))]
        command += ["--logger", "trx;LogFileName=t.trx", "--results-directory", folder]
        result = run(command, ROOT, LIMIT, **environment("".join(file.read_text("utf-8") for file in files)))
        report = Path(folder, "t.trx")
        if not report.exists():
            raise RuntimeError(f"dotnet test gave no report:\n{result.stdout}\n{result.stderr}")
        tree = ElementTree.parse(report).getroot()
    space = {"t": "http://microsoft.com/schemas/VisualStudio/TeamTest/2010"}
    methods = tree.findall("t:TestDefinitions/t:UnitTest", space)
    class_of = {test.get("id"): test.find("t:TestMethod", space).get("className", "") for test in methods}  # type: ignore[union-attr]
    results: dict[str, Results] = {}
    for test in tree.findall("t:Results/t:UnitTestResult", space):
        output = test.find("t:Output", space)
        said = "" if output is None else "".join(output.itertext())
        outcome = test.get("outcome", "")
        by_class = results.setdefault(class_of[test.get("testId")], {})
        add(by_class, test.get("testName", ""), "" if outcome == "Passed" else f"{outcome}: {said}")
    return results


class NodeFile(ForeignFile):
    """A file of node:test tests."""

    def results(self) -> Results:
        """Run the file."""
        return node_results(self.path)


class CSharpFile(ForeignFile):
    """A file of xunit tests, in a class called like the file."""

    shared = "the C# build"

    def results(self) -> Results:
        """Run the C# tests that this session selected, all at once, and return this class's."""
        files = {item.parent for item in self.session.items if isinstance(item.parent, CSharpFile)}
        return dotnet_results(frozenset(file.path for file in files)).get(self.path.stem, {})


RUNNERS: dict[str, type[ForeignFile]] = {"node --test": NodeFile, "dotnet test": CSharpFile}


def runner(file: str) -> type[ForeignFile] | None:
    """Return what runs a test file in another language, None for any other file."""
    language = languages.LANGUAGES.get(languages.suffix(file))
    return RUNNERS.get(language.test_runner) if language and language.is_test(file) else None


# Files of which the tests share what is slow to make: a PDF, diagrams, a site below a path, a server that is edited.
SHARING = tuple(f"{name}.py" for name in ("site/test_handout", "publish/test_diagrams", "site/test_below_a_path",
                                          "site/test_serve"))  # fmt: skip


def share(nodeid: str) -> str:
    """Return what a test shares with others, which must then run in one process; its own name where it is nothing."""
    file = nodeid.partition("::")[0]
    if nodeid.endswith("[C#]"):
        return CSharpFile.shared
    if file.endswith("site/test_pages.py"):
        return "the visit to " + nodeid.partition("[")[2].partition(",")[0]
    if "test_contract.py" in file or "test_docs.py" in file or "test_traced_program" in nodeid:
        return "the runs of the programs"
    found = runner(file)
    if found:
        return found.shared or file
    return file if file.endswith(SHARING) else nodeid


def collect_file(path: Path, parent: pytest.Collector) -> ForeignFile | None:
    """Return a collector for a test file in another language, None for any other file."""
    found = runner(path.name)
    return found.from_parent(parent, path=path) if found else None
