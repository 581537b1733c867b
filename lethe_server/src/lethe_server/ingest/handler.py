"""``POST /api/v1/ingest``: reads NDJSON, answers when it is on the disk.

| request                                            | answer                           |
| -------------------------------------------------- | -------------------------------- |
| `Lethe-Wire` is there and not 1                     | 400 WIRE_VERSION                 |
| content type other than application/x-ndjson        | 415                              |
| encoding other than gzip, zstd or none               | 415                              |
| damaged, cut off or doubly compressed body           | 400 INVALID                      |
| more bytes or lines than `lethe_core.limits` allows  | 413, nothing stored              |
| body not there after 30 s                            | 408, nothing stored              |
| no room, no write now                                | 503 with Retry-After             |
| else                                                 | 200, with an error for each line |
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from lethe_core.errors import TooLarge, WireVersionUnknown
from lethe_core.limits import MAX_REQUEST_BYTES
from lethe_core.wire import CONTENT_TYPE, MARK_HEADER, WIRE_HEADER, WIRE_VERSION
from lethe_server.answering import answer_json
from lethe_server.errors import UnsupportedMedia
from lethe_server.ingest.reader import BodyReader
from lethe_server.keys import DECODERS, FEED, IDENTITY, INGEST, STORE
from lethe_server.parameters import NO_PARAMETERS, load_parameters

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.ingest.service import Reservation

#: Bytes that are gathered before they are handed to another thread.
_BLOCK_BYTES: Final = 256 * 1024

#: A body up to this size is decoded at once: handing it over would cost more.
_INLINE_BYTES: Final = 16 * 1024


async def ingest(request: web.Request) -> web.Response:
    """Store the events in the body."""
    load_parameters(request, NO_PARAMETERS)
    _check_headers(request)
    owner = request[IDENTITY].user
    packer = await request.app[STORE].packer(owner)
    reader = BodyReader(",".join(request.headers.getall("Content-Encoding", [])), packer)
    service = request.app[INGEST]
    with service.reservation(owner) as share:
        await _read_body(request, reader, share)
        answer = await service.store(owner, reader, request.headers.get(MARK_HEADER))
    request.app[FEED].notify(owner)
    return answer_json(answer)


def _check_headers(request: web.Request) -> None:
    versions = request.headers.getall(WIRE_HEADER, [])
    if any(version.strip() != str(WIRE_VERSION) for version in versions):
        raise WireVersionUnknown(f"this server speaks version {WIRE_VERSION} of the wire")
    if request.content_type != CONTENT_TYPE:
        raise UnsupportedMedia(f"the content type must be {CONTENT_TYPE}")
    if (request.content_length or 0) > MAX_REQUEST_BYTES:
        raise TooLarge(f"the body has more than {MAX_REQUEST_BYTES} bytes")


async def _read_body(request: web.Request, reader: BodyReader, share: Reservation) -> None:
    loop = asyncio.get_running_loop()
    threads = request.app[DECODERS]
    waiting = bytearray()
    async for chunk in request.content.iter_any():
        waiting += chunk
        if len(waiting) >= _BLOCK_BYTES:
            share.resize(reader.memory_bytes + len(waiting))
            block, waiting = bytes(waiting), bytearray()
            await loop.run_in_executor(threads, reader.feed, block)
    if len(waiting) + reader.wire_bytes <= _INLINE_BYTES:
        reader.feed(bytes(waiting))
        reader.finish()
    else:
        await loop.run_in_executor(threads, reader.feed, bytes(waiting))
        await loop.run_in_executor(threads, reader.finish)
    share.resize(reader.memory_bytes)
