"""The files of the repository, for tests that look at all of them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def tracked(repository) -> list[Path]:
    """All files of the repository, those that are new and not ignored included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout, so that its files are not known")
    paths = [repository / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="session")
def documents(tracked) -> dict[Path, str]:
    """All Markdown documents, by path."""
    return {path: path.read_text("utf-8") for path in tracked if path.suffix == ".md"}


@pytest.fixture(scope="session")
def modules(tracked) -> list[Path]:
    """All modules of the distributions."""
    return [path for path in tracked if path.suffix == ".py" and "src" in path.parts]


@pytest.fixture(scope="session")
def suites(tracked) -> list[Path]:
    """All modules with tests."""
    return [path for path in tracked if path.name.startswith("test_") and path.suffix == ".py"]
