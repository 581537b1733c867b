"""``GET /api/v1/sessions/{tool}/{host}/{session_id}/export``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.encodings import EncodedStream
from lethe_server.exports.html import HtmlExport
from lethe_server.exports.json import JsonExport, JsonlExport
from lethe_server.exports.markdown import MarkdownExport
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import Choice, OwnedParameters, load_parameters, whose
from lethe_server.sessions.finding import find_asked_session
from lethe_server.storage import TurnPlace, read_turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lethe_server.exports.form import Export
    from lethe_server.storage import Connection, SessionRow, Store, TurnRow, TurnSlice

#: Turns that are read by one query.
_SLICE_TURNS: Final = 200

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
    await stream.write(form.head() + await _turns(form, first))
    async for part in slices:
        await stream.write(await _turns(form, part))
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


async def _turns(form: Export, turns: list[TurnRow]) -> bytes:
    """Write turns in another thread: odd Markdown takes a while to be understood."""
    return await asyncio.to_thread(lambda: b"".join(map(form.turn, turns)))
