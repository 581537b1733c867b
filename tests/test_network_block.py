"""The block of the network that the test run itself relies on."""

from __future__ import annotations

import socket

import pytest


def test_leaving_the_machine_is_refused():
    """A connection to anything but loopback fails at once."""
    with socket.socket() as endpoint, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        endpoint.connect(("192.0.2.1", 80))


def test_names_are_not_looked_up():
    """A name is not asked for at a name server."""
    with pytest.raises(RuntimeError, match=r"archive\.example"):
        socket.getaddrinfo("archive.example", 443)


def test_loopback_works():
    """Loopback is open, since most of lethe's tests talk over it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            peer, _ = server.accept()
        peer.close()
