"""The plainest server of the same framework: what a trivial request of lethe is compared with.

`python -m benchmarks.bare FILE` answers each request with the bytes of standard input, on a port
of loopback that it writes to the file. There is no sign-in, no log, no middleware.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web


async def serve(body: bytes, port_file: Path) -> None:
    """Answer until the process is ended.

    Args:
        body: of each answer.
        port_file: gets the port.
    """

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    partial = port_file.with_suffix(".partial")
    partial.write_text(str(runner.addresses[0][1]))
    partial.rename(port_file)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.stdin.buffer.read(), Path(sys.argv[1])))
