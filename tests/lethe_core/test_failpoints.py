"""Failpoints: what the environment asks for, and nothing without it."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from lethe_core import failpoints
from lethe_core.failpoints import failpoint


@pytest.fixture
def plan(monkeypatch):
    """Set a plan as the environment does, for one test."""

    def set_plan(setting):
        monkeypatch.setattr(failpoints, "_plan", lambda: failpoints._parse(setting))
        failpoints._passed.clear()

    yield set_plan
    failpoints._passed.clear()


def test_nothing_happens_without_a_plan(plan):
    """A place that is not named is passed."""
    plan("other.place=error")
    failpoint("cursor.commit.before")


@pytest.mark.parametrize(("action", "code"), [("error", errno.EIO), ("full", errno.ENOSPC)])
def test_errors_are_those_of_the_system(plan, action, code):
    """`error` is an I/O error, `full` a full disk, each time the place is passed."""
    plan(f" outbox.put = {action} ")
    for _ in range(2):
        with pytest.raises(OSError, match="failpoint") as caught:
            failpoint("outbox.put")
        assert caught.value.errno == code


def test_count_names_one_passage(plan):
    """With a count, the place fails at that passage alone."""
    plan("a=error@2,b=full")
    failpoint("a")
    with pytest.raises(OSError, match="failpoint"):
        failpoint("a")
    failpoint("a")


def test_unknown_action_is_told(plan):
    """A misspelt action is an error, not a test that proves nothing."""
    plan("a=explode")
    with pytest.raises(ValueError, match="explode"):
        failpoint("a")


def test_kill_is_not_caught():
    """`kill` ends the process as the kernel would, at the passage that was named."""
    program = "from lethe_core.failpoints import failpoint as f\nf('x'); f('x'); print('alive')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"LETHE_FAIL": "x=kill@2"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b""
