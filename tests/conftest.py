"""What holds for all tests: no network but loopback, no thread left behind, known data."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).parent.parent

#: How long a thread may take to end after its test, in seconds.
_PATIENCE = 60.0

# Built on Hypothesis's own profile: with CI in the environment, each run draws the same examples,
# so that a change is judged by what it changed. New ones are drawn on the machines of people.
# How long a machine takes to draw them says nothing of lethe.
settings.register_profile(
    "lethe",
    settings.default,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lethe")


class NetworkBlocked(RuntimeError):
    """A test tried to leave the machine."""


def _is_local(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_network(event: str, args: tuple) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        endpoint, address = args[0], args[1]
        if endpoint.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise NetworkBlocked(f"{event} to {address[0]}")
    elif event == "socket.getaddrinfo" and not _is_local(args[0]):
        raise NetworkBlocked(f"look-up of {args[0]}")


def pytest_configure():
    """Block the network for the whole run; an audit hook sees each call, whoever makes it."""
    sys.addaudithook(_refuse_network)


@pytest.fixture(autouse=True)
def _no_leaked_threads():
    """Fail a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    left = []
    for thread in set(threading.enumerate()) - before:
        thread.join(_PATIENCE)
        if thread.is_alive():
            left.append(thread.name)
    assert left == [], "threads still run"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus of transcripts: ``LETHE_CORPUS``, or ``shared/corpus`` beside the repository."""
    place = os.environ.get("LETHE_CORPUS")
    path = Path(place) if place else REPOSITORY.parent / "shared" / "corpus"
    if not path.is_dir():
        pytest.skip(f"there is no corpus at {path}; LETHE_CORPUS names one")
    return path
