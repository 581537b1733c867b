"""``GET /api/v1/sessions/{tool}/{host}/{session_id}/digest``: which turns are there?

For collectors that compare what is on their disk with the archive. The digest is enough where
both have the same; where not, ``hashes=1`` lists the turns by their hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from marshmallow import fields, validate

from lethe_core.digests import digest_turns, hash_turn
from lethe_core.removals import MISSING, PREFIX
from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import Parameters, load_parameters
from lethe_server.sessions.finding import find_asked_session
from lethe_server.storage.turnids import read_turn_ids

if TYPE_CHECKING:
    from aiohttp import web

#: The key in the metadata of a session of which turns were found to be deleted.
_MISSING_KEY: Final = f'"{PREFIX}{MISSING}"'.encode()
#: Seconds that an answer may take.
SECONDS: Final = 4.0


class DigestParameters(Parameters):
    """Query of a digest."""

    hashes = fields.String(
        load_default=None,
        validate=validate.Equal("1", error="must be 1 or left out"),
        metadata={"description": "`1` to list the hashes of all turns."},
    )


DIGEST_PARAMETERS: Final = DigestParameters()


class DigestAnswer(msgspec.Struct, omit_defaults=True):
    """Which turns of a session are there."""

    turns: int
    digest: str
    marked: bool = False
    hashes: list[str] | None = None
    places: list[int] | None = None


async def show_digest(request: web.Request) -> web.Response:
    """Answer which turns of a session are there."""
    listed = load_parameters(request, DIGEST_PARAMETERS)["hashes"]
    owner = request[IDENTITY].user
    _, session = await find_asked_session(request, owner)
    turns = await request.app[STORE].query(
        lambda connection: sorted(
            (hash_turn(turn_id), seq)
            for turn_id, seq in read_turn_ids(connection, owner, session.id)
        ),
        SECONDS,
    )
    hashes = [each for each, _ in turns]
    answer = DigestAnswer(
        len(turns), digest_turns(hashes), marked=_MISSING_KEY in (session.metadata or b"")
    )
    if listed:
        answer.hashes, answer.places = hashes, [seq for _, seq in turns]
    return answer_json(answer)
