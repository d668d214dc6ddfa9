"""The C# compiler as a server of our own: it starts once in place of at each build, and ends with us.

Processes that run tests at once share one, which is the warmer for it: of two under one name, the later ends at once.
"""

import atexit
import functools
import os
import re
import secrets
import subprocess
from pathlib import Path

from harness.servers import die_with_parent
from harness.toolchain import PROGRAMS, has
from publish.sources.languages import CSHARP

NONE = {"UseSharedCompilation": "false"}  # where there is no such server: each build starts a compiler


@functools.cache
def environment() -> dict[str, str]:
    """Start the server, and return what leads builds to it. A build that does not find it compiles by itself."""
    if not has(CSHARP.tool):
        return NONE
    dotnet = PROGRAMS["dotnet"]
    sdks = subprocess.run([dotnet, "--list-sdks"], capture_output=True, text=True).stdout
    found = [Path(folder, version) for version, folder in re.findall(r"^(\S+) \[(.+)\]$", sdks, re.MULTILINE)]
    server = found[-1] / "Roslyn" / "bincore" / "VBCSCompiler.dll" if found else Path()
    if not server.is_file():
        return NONE
    name = f"course-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or secrets.token_hex(8)}"
    silent = subprocess.DEVNULL
    process = subprocess.Popen(
        [dotnet, str(server), f"-pipename:{name}"], stdin=silent, stdout=silent, stderr=silent,
        start_new_session=True, preexec_fn=die_with_parent,
    )  # fmt: skip
    atexit.register(process.kill)
    return {"UseSharedCompilation": "true", "SharedCompilationId": name}
