"""Fixtures for runs of the installed `lethe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from end_to_end.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with nothing on it."""
    return Machine(tmp_path)
