"""The running server: listens, tells where, and ends in order on SIGTERM or SIGINT (P14)."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from loguru import logger

from lethe_core.service import ServiceManager
from lethe_server.app import create_app
from lethe_server.edge import EdgeSite
from lethe_server.keys import STORE
from lethe_server.listening import open_listener
from lethe_server.private_files import write_private

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from lethe_server.config import Config
    from lethe_server.listening import Listen

#: Requests that are being handled have so long to end (seconds); then they are broken off.
DRAIN_SECONDS: Final = 12.0


async def serve(
    config: Config,
    *,
    port_file: Path | None = None,
    ready_fd: int | None = None,
    manager: ServiceManager | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; a second one breaks off what is being handled.

    Args:
        config: the configuration.
        port_file: where to write, as JSON and for this user alone, where it listens.
        ready_fd: an open descriptor to which the same is written.
        manager: is told that the server is ready, lives and stops.

    Raises:
        ConfigInvalid: it cannot listen there, or the data directory cannot be used.
        Unavailable: the database cannot be opened now.
    """
    listener = open_listener(config.listen)
    app = create_app(config)
    runner = web.AppRunner(app, shutdown_timeout=DRAIN_SECONDS)
    manager = manager or ServiceManager({})
    stop = _stop_event()
    try:
        await runner.setup()
        gc.freeze()  # what was loaded to begin with stays: nobody needs to look for garbage in it
        await EdgeSite(runner, listener).start()
        place = _place(config.listen, listener)
        logger.bind(**place).info("listening")
        gc.freeze()  # what is there now stays, and need not be looked at by each collection
        gc.enable()
        _tell(json.dumps(place | {"pid": os.getpid()}), port_file, ready_fd)
        store = app[STORE]
        async with manager.serving(lambda: store.writer_state.running):
            await stop.wait()
            logger.info("stopping")
    finally:
        await runner.cleanup()
        listener.close()
        for left in (port_file, config.listen.path):
            if left is not None:
                left.unlink(missing_ok=True)  # nothing is served any more
    logger.info("stopped")


def _place(listen: Listen, listener: socket.socket) -> dict[str, Any]:
    """Say where it listens: the port that was taken, or the unix socket."""
    if listen.path is not None:
        return {"socket": str(listen.path)}
    host, port = listener.getsockname()[:2]
    return {"host": host, "port": port}


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
        write_private(port_file, place)
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as file:
            file.write(place + "\n")
