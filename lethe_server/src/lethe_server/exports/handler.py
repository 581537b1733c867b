"""``GET /api/v1/sessions/{tool}/{host}/{session_id}/export``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.encodings import EncodedStream
from lethe_server.exports.html import HtmlExport
from lethe_server.exports.json import JsonExport, JsonlExport
from lethe_server.exports.markdown import MarkdownExport
from lethe_server.keys import EXPORTERS, IDENTITY, STORE
from lethe_server.parameters import Choice, OwnedParameters, load_parameters, whose
from lethe_server.sessions.finding import find_asked_session
from lethe_server.storage import TurnPlace, read_turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from concurrent.futures import ThreadPoolExecutor

    from lethe_server.exports.form import Export
    from lethe_server.storage import Connection, SessionRow, Store, TurnRow, TurnSlice

#: Turns that are read by one query.
_SLICE_TURNS: Final = 200
#: Characters of turns that are written without a pause.
_PORTION_CHARACTERS: Final = 64 * 1024

FORMS: Final[dict[str, type[Export]]] = {
    "json": JsonExport,
    "jsonl": JsonlExport,
    "md": MarkdownExport,
    "html": HtmlExport,
}


class ExportParameters(OwnedParameters):
    """Query of an export."""

    format = Choice(*FORMS, load_default="json", metadata={"description": "Of the file."})


EXPORT_PARAMETERS: Final = ExportParameters()


async def export_session(request: web.Request) -> web.StreamResponse:
    """Answer a whole session as a file, streamed."""
    asked = load_parameters(request, EXPORT_PARAMETERS)
    owner, session = await find_asked_session(request, whose(asked, request[IDENTITY]))
    form = FORMS[asked["format"]](session)
    slices = _slices(request.app[STORE], owner, session)
    first = await anext(slices)  # an error is still a problem here, and half a file later
    name = f"{session.tool}-{session.session_id}.{asked['format']}"
    response = web.StreamResponse(
        headers={
            "Content-Type": form.content_type,
            "Content-Disposition": f'attachment; filename="{name}"',
        }
    )
    stream = EncodedStream(request, response)
    await stream.begin()
    await stream.write(form.head())
    threads = request.app[EXPORTERS]
    async for piece in _pieces(threads, form, first):
        await stream.write(piece)
    async for part in slices:
        async for piece in _pieces(threads, form, part):
            await stream.write(piece)
    await stream.write(form.tail())
    await stream.end()
    return response


async def _slices(store: Store, owner: str, session: SessionRow) -> AsyncIterator[list[TurnRow]]:
    """Give all turns of a session in their order; at least one slice."""
    place = TurnPlace.after(-1)

    def read(connection: Connection) -> TurnSlice:
        return read_turns(connection, owner, session.id, place, _SLICE_TURNS)

    more = True
    while more:
        part = await store.query(read)
        if part.turns:
            place = TurnPlace(part.turns[-1].seq, part.turns[-1].turn_id)
        more = part.more
        yield part.turns


async def _pieces(
    threads: ThreadPoolExecutor, form: Export, turns: list[TurnRow]
) -> AsyncIterator[bytes]:
    """Write turns in another thread, some at a time: odd Markdown takes seconds to be understood.

    What others export meanwhile comes in between, and whoever stops waits for no more than these.
    """
    loop = asyncio.get_running_loop()
    for some in _portions(turns):
        yield await loop.run_in_executor(threads, _write, form, some)


def _write(form: Export, turns: list[TurnRow]) -> bytes:
    return b"".join(map(form.turn, turns))


def _portions(turns: list[TurnRow]) -> Iterator[list[TurnRow]]:
    """Give turns in their order, as many at a time as have `_PORTION_CHARACTERS`."""
    portion: list[TurnRow] = []
    length = 0
    for turn in turns:
        portion.append(turn)
        length += len(turn.content) + len(turn.tool_calls)
        if length >= _PORTION_CHARACTERS:
            yield portion
            portion, length = [], 0
    if portion:
        yield portion
