"""A TCP proxy that forwards, and cuts, resets, delays or dribbles as a test tells it.

It runs in a thread of its own. Each new connection takes the next plan; without one it is forwarded
as it is.

    with CutProxy(server.port) as proxy:
        proxy.plans.append(Plan(down=20))       # cut after 20 bytes of the answer
        proxy.drop()                            # so that a new connection must be made
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass


@dataclass
class Plan:
    """What becomes of a connection.

    Args:
        up: it is cut after so many bytes to the server.
        down: it is cut after so many bytes from the server.
        reset: with a reset, not in order.
        chunk: so many bytes go at once.
        pause: seconds between two of them.
    """

    up: int | None = None
    down: int | None = None
    reset: bool = False
    chunk: int = 65536
    pause: float = 0.0


class CutProxy:
    """See the module.

    Args:
        port: of the server, on loopback.

    Attributes:
        plans: of the connections to come, in order.
        cuts: how many connections were cut by a plan.
    """

    def __init__(self, port):
        self.plans = deque()
        self.cuts = 0
        self.port = 0
        self._target = port
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")

    @property
    def url(self):
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Listen."""
        self._thread.start()
        self._run(self._listen())

    def stop(self):
        """Cut everything, and end."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def drop(self):
        """Cut all connections that there are."""
        self._run(self._drop())

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _listen(self):
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _drop(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _stop(self):
        await self._drop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, reader, writer):
        plan = self.plans.popleft() if self.plans else Plan()
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(far_writer)
            ways = (
                asyncio.ensure_future(_forward(reader, far_writer, plan, plan.up)),
                asyncio.ensure_future(_forward(far_reader, writer, plan, plan.down)),
            )
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            self.cuts += any(way.result() for way in done)
            if plan.reset:
                linger = struct.pack("ii", 1, 0)  # closing sends a reset
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
            for way in ways:
                way.cancel()
            far_writer.transport.abort()
            self._writers.discard(far_writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)


async def _forward(reader, writer, plan, left):
    """Forward one way until its end, or its cut; tell whether it was cut."""
    try:
        while data := await reader.read(plan.chunk):
            if left is not None:
                data, left = data[:left], left - len(data)
            writer.write(data)
            await writer.drain()
            if left is not None and left <= 0:
                return True
            await asyncio.sleep(plan.pause)
    except OSError:
        pass
    return False
