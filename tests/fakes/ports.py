"""A port of loopback that stays one's own from its choice on, also while nobody listens there."""

from __future__ import annotations

import socket
import sys


class HeldPort:
    """A free port, for a server that begins to listen later, or again and again.

    A port that is only looked up is anybody's until it is bound: another test's connection or
    server may be given it meanwhile. Linux gives a port that is bound with ``SO_REUSEADDR`` to
    nobody who does not name it, and lets a server that sets the option as well listen there.

    Attributes:
        number: of the port.
    """

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number = self._socket.getsockname()[1]
        if not sys.platform.startswith("linux"):  # elsewhere nobody could listen beside it
            self._socket.close()

    def release(self):
        """Give it back."""
        self._socket.close()
