"""The running server: listens, tells where, and ends in order on SIGTERM or SIGINT (P14)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web
from loguru import logger

from lethe_core.errors import ConfigInvalid
from lethe_server.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_server.config import Config, Listen

#: Requests that are being handled have so long to end (seconds); then they are broken off.
DRAIN_SECONDS: Final = 12.0

_BACKLOG: Final = 512


async def serve(
    config: Config, *, port_file: Path | None = None, ready_fd: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT; a second one breaks off what is being handled.

    Args:
        config: the configuration.
        port_file: where to write, as JSON and for this user alone, where it listens.
        ready_fd: an open descriptor to which the same is written.

    Raises:
        ConfigInvalid: it cannot listen there, or the data directory cannot be used.
        Unavailable: the database cannot be opened now.
    """
    listener = _listen(config.listen)
    runner = web.AppRunner(create_app(config), shutdown_timeout=DRAIN_SECONDS)
    stop = _stop_event()
    try:
        await runner.setup()
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        host, port = listener.getsockname()[:2]
        logger.bind(host=host, port=port).info("listening")
        _tell(json.dumps({"host": host, "port": port, "pid": os.getpid()}), port_file, ready_fd)
        await stop.wait()
        logger.info("stopping")
    finally:
        await runner.cleanup()
        listener.close()
        if port_file is not None:
            port_file.unlink(missing_ok=True)  # noqa: ASYNC240 - nothing is served any more
    logger.info("stopped")


def _listen(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listen.host, listen.port))
    except OSError as error:
        listener.close()
        raise ConfigInvalid(
            f"listen: cannot listen on {listen.host} port {listen.port}: {error.strerror}",
            hint="stop the other program, or choose another port (0 takes a free one)",
        ) from error
    listener.setblocking(False)
    return listener


def _stop_event() -> asyncio.Event:
    """Return an event that the first signal sets; the second ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        if stop.is_set():
            # P1 holds all the same: what was acknowledged is on the disk.
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask, number)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # a terminal that closes is no reason
    return stop


def _tell(place: str, port_file: Path | None, ready_fd: int | None) -> None:
    if port_file is not None:
        fresh = port_file.with_name(f".{port_file.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, 0o600), "w") as file:
            file.write(place)
        fresh.replace(port_file)  # whoever sees it sees it whole
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as file:
            file.write(place + "\n")
