"""The distributions of the repository, and their wheels."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Member:
    """One distribution: its folder and what its pyproject says."""

    folder: Path
    settings: Any

    @property
    def project(self):
        """The project table."""
        return self.settings["project"]

    @property
    def package(self):
        """The folder of the import package."""
        (package,) = self.settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        return self.folder / package

    def __str__(self):
        return self.project["name"]


def find_members():
    """Find all distributions as the workspace does."""
    hatch = tomllib.loads((REPOSITORY / "hatch.toml").read_text("utf-8"))
    patterns = hatch["envs"]["default"]["workspace"]["members"]
    files = [path for pattern in patterns for path in REPOSITORY.glob(f"{pattern}/pyproject.toml")]
    return [Member(path.parent, tomllib.loads(path.read_text("utf-8"))) for path in sorted(files)]


MEMBERS = find_members()


@pytest.fixture(params=MEMBERS, ids=str)
def member(request):
    """Each distribution in turn."""
    return request.param


@pytest.fixture(scope="session")
def members():
    """All distributions by name."""
    return {str(member): member for member in MEMBERS}


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Build the wheel or the source distribution of a member, once; nothing is downloaded."""
    built = {}

    def run(member, target="wheel"):
        if (str(member), target) not in built:
            place = tmp_path_factory.mktemp(f"{member}-{target}")
            command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(place)]
            done = subprocess.run(
                command, cwd=member.folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            (built[str(member), target],) = place.iterdir()
        return built[str(member), target]

    return run
