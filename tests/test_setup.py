"""Set-up by the real pip and npm: what it blames where they fail, and that it needs nothing of the reader's home."""

import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import bootstrap
from harness.servers import free_port

NETWORK = "The first set-up needs the network."
SCRIPTS = {"mermaid": "dist/mermaid.min.js", "iframe-worker": "shim/index.js"}  # that set-up takes out of packages


@pytest.fixture
def registry() -> str:
    """An address where nobody answers."""
    return f"http://127.0.0.1:{free_port()}/"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: str) -> Path:
    """An empty repository and a home that is no folder. Registries do not answer."""
    for name in list(os.environ):
        if name.lower().startswith(("pip_", "npm_config_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.touch()
    settings = {
        "HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": registry, "PIP_RETRIES": "1",
        "PIP_TARGET": str(tmp_path / "packages"), "npm_config_registry": registry, "npm_config_fetch_retries": "0",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def npm_lock(folder: Path, integrity: str = "", registry: str = "") -> None:
    """Lock packages that lie in the folder, or those of a registry."""
    packages: dict[str, dict] = {}
    for name, script in SCRIPTS.items():
        with tarfile.open(folder / f"{name}.tgz", "w:gz") as archive:
            for path, text in (("package.json", json.dumps({"name": name, "version": "1.0.0"})), (script, "")):
                entry = tarfile.TarInfo(f"package/{path}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        where = f"{registry}{name}.tgz" if registry else f"file:{name}.tgz"
        packages[f"node_modules/{name}"] = {"version": "1.0.0", "resolved": where}
        if integrity:
            packages[f"node_modules/{name}"]["integrity"] = integrity
    wanted = {name: packages[f"node_modules/{name}"]["resolved"] for name in SCRIPTS}
    root = {"name": "course", "dependencies": wanted}
    (folder / "package.json").write_text(json.dumps(root), "utf-8")
    lock = {"name": "course", "lockfileVersion": 3, "packages": {"": root, **packages}}
    (folder / "package-lock.json").write_text(json.dumps(lock), "utf-8")


def pip_lock(folder: Path, digest: str = "") -> None:
    """Lock a package that lies in the folder, by its digest or another."""
    wheel = folder / "course_x-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = "course_x-1.0.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: course-x\nVersion: 1.0.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    digest = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "lock.txt").write_text(f"course-x==1.0.0 --hash=sha256:{digest}\n", "utf-8")


def complaint(action: Callable[[], object]) -> str:
    """Return the sentence that set-up ends with."""
    with pytest.raises(SystemExit) as ended:
        action()
    return str(ended.value)


def test_home_that_cannot_be_written_is_not_needed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm_lock(folder)
    bootstrap.install_npm()
    assert {path.name for path in (folder / "docs/assets/npm").iterdir()} == {f"{name}.js" for name in SCRIPTS}
    pip_lock(folder)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    bootstrap.pip("lock.txt")
    assert (folder / "packages/course_x-1.0.0.dist-info").is_dir()


def test_registry_of_npm_that_does_not_answer_is_the_network(folder: Path, registry: str) -> None:
    npm_lock(folder, registry=registry)
    said = complaint(bootstrap.install_npm)
    assert said == f"Set-up could not install the npm packages; the reason stands above. {NETWORK}"


def test_index_of_pip_that_does_not_answer_is_the_network(folder: Path) -> None:
    pip_lock(folder)
    said = complaint(lambda: bootstrap.pip("lock.txt"))
    assert said == f"Set-up could not install the packages of lock.txt; the reason stands above. {NETWORK}"


def test_package_that_is_not_the_locked_one_is_not_the_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    npm_lock(folder, integrity="sha512-" + "A" * 86 + "==")
    assert complaint(bootstrap.install_npm) == "Set-up could not install the npm packages; the reason stands above."
    assert "EINTEGRITY" in capfd.readouterr().err
    pip_lock(folder, digest="0" * 64)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said = complaint(lambda: bootstrap.pip("lock.txt"))
    assert said == "Set-up could not install the packages of lock.txt; the reason stands above."
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("reason", "network"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", False),
        ("npm error code ENOSPC", False),
        ("npm error code EACCES", False),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: '/x'", False),
        ("npm error code EAI_AGAIN", True),
        ("npm error code ETIMEDOUT", True),
        ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NameResolutionError(\"x\")'", True),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", True),
    ],
)
def test_reason_is_shown_and_the_network_blamed_only_where_it_was_the_network(
    reason: str, network: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    program = f"import sys; print({reason!r}, file=sys.stderr); sys.exit(3)"
    said = complaint(lambda: bootstrap.run([sys.executable, "-c", program], "do it"))
    assert said == "Set-up could not do it; the reason stands above." + (f" {NETWORK}" if network else "")
    assert capfd.readouterr().err == f"{reason}\n"
