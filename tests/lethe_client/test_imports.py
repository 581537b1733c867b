"""The commands start quickly."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
import lethe_client.cli
from lethe_client.config import load_connection
from lethe_client import output, server, transcript
try:
    load_connection({})
except Exception as error:
    assert "token" in str(error), error
print("\\n".join(sys.modules))
"""


@pytest.mark.parametrize("module", ["rich", "marshmallow", "aiohttp", "ruamel", "loguru"])
def test_nothing_heavy_is_imported(module, tmp_path):
    """What a command in a pipe does not need is not imported."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert module not in done.stdout.split("\n")
