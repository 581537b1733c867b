"""Nothing is written to a source, and no lock that hinders its tool is taken: seen by the kernel.

`lethe_core.testing` sees what Python opens; what SQLite does in C is seen by strace alone.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys

import pytest
from fakes.suites import find_suites

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SUITES = find_suites()

READ = """
import sys
from pathlib import Path
from lethe_core.plugins import load_parsers

parser = load_parsers().get(sys.argv[1])
for root in sys.argv[2:]:
    for source in parser.discover(Path(root)):
        for record in parser.read(source, None):
            pass
"""
CHANGING = (
    "creat,rename,renameat,renameat2,unlink,unlinkat,truncate,ftruncate,fallocate,"
    "write,writev,pwrite64,pwritev,link,linkat,symlink,symlinkat,mkdir,mkdirat,chmod,fchmod"
)
CALLS = f"open,openat,fcntl,flock,{CHANGING}"
IS_CHANGING = re.compile(rf"\d+ +({CHANGING.replace(',', '|')})\(")
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")


@pytest.fixture(params=SUITES, ids=str)
def suite(request):
    """The suite of each plugin, with its samples."""
    return SUITES[request.param]()


def trace(parser, roots, place):
    """Read all below some places; give the system calls that name a path below them."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = place / "strace.log"
    done = subprocess.run(
        [
            *("strace", "-f", "-qq", "-y", "-e", f"trace={CALLS}", "-o", str(log)),
            *(sys.executable, "-c", READ, parser.tool, *map(str, roots)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("strace may not trace processes here")
    assert done.returncode == 0, done.stderr
    lines = log.read_text("utf-8", "replace").splitlines()
    return [line for line in lines if f"{place / 'root'}/" in line]


def held_open(sources):
    """Open each database as its tool does while it runs, with something in the log."""
    held = contextlib.ExitStack()
    for source in sources:
        if source.path.suffix == ".db":
            tool = held.enter_context(contextlib.closing(sqlite3.connect(source.path)))
            version = tool.execute("PRAGMA user_version").fetchone()[0]
            tool.execute(f"PRAGMA user_version = {version}")
            tool.commit()
    return held


@pytest.mark.promise("C38", "P16")
def test_c38_nothing_is_opened_for_writing_nor_locked(suite, tmp_path):
    """No file is changed, locked against its tool, or opened for writing."""
    sources = suite.sources(tmp_path)
    roots = sorted({source.root for source in sources})
    with held_open(sources):
        calls = trace(suite.make_parser(), roots, tmp_path)

    assert [call for call in calls if "open" in call], "nothing was read"
    writable = [call for call in calls if "open" in call.partition("(")[0] and WRITING.search(call)]
    locks = [call for call in calls if "F_WRLCK" in call or "LOCK_EX" in call]
    assert [call for call in calls if IS_CHANGING.match(call)] == []
    assert locks == []
    assert writable == []
