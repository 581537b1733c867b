"""Code of plugins that may never return."""

from __future__ import annotations

import threading

import pytest

from lethe_core.patience import call_within


def test_what_returns_is_returned():
    """The caller notices nothing of the thread."""
    assert call_within(60, lambda: "found") == "found"


def test_what_raises_is_raised():
    """An error reaches the caller as if there were no thread."""
    with pytest.raises(ZeroDivisionError):
        call_within(60, lambda: 1 // 0)


@pytest.mark.promise("C40")
def test_c40_what_hangs_is_given_up():
    """The caller goes on, and nothing waits for the thread that is left behind."""
    release = threading.Event()
    with pytest.raises(TimeoutError, match="no answer within"):
        call_within(0.01, release.wait)

    left = [thread for thread in threading.enumerate() if thread.name == "plugin"]
    release.set()
    assert all(thread.daemon for thread in left)
    assert left
