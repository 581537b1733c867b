"""Telling systemd how a service is: ready, alive, stopping.

The protocol is one datagram to the socket that ``NOTIFY_SOCKET`` names. Where nobody listens,
nothing is sent and nothing fails: a service manager is never needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

#: A sign of life is sent so many times within the time that systemd allows.
_SIGNS: Final = 3
_MICROSECONDS: Final = 1e6


class ServiceManager:
    """What started this process, if it wants to know.

    Args:
        environ: of the process; tells where to send to, and how often.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        limit = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        seconds = int(limit) / _MICROSECONDS if limit.isdigit() and meant else 0.0
        #: Seconds between two signs of life; 0 if nobody waits for them.
        self.interval = seconds / _SIGNS if self._address else 0.0

    def tell(self, message: str) -> None:
        """Send a message, such as ``READY=1``; what cannot be sent is nobody's trouble.

        Args:
            message: assignments, one a line.
        """
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto(message.encode(), address)

    @contextlib.asynccontextmanager
    async def serving(self, is_alive: Callable[[], bool] = lambda: True) -> AsyncIterator[None]:
        """Tell that the service is ready, that it lives, and in the end that it stops.

        Args:
            is_alive: whether it does its work; if not, systemd is left to restart it.
        """
        self.tell("READY=1")
        living = asyncio.create_task(self._live(is_alive))
        try:
            yield
        finally:
            living.cancel()
            self.tell("STOPPING=1")

    async def _live(self, is_alive: Callable[[], bool]) -> None:
        while self.interval:
            if is_alive():
                self.tell("WATCHDOG=1")
            await asyncio.sleep(self.interval)
