"""The messages of a stream, in the form of server-sent events.

| event     | data                                                            | id         |
| --------- | --------------------------------------------------------------- | ---------- |
| `ready`   | ``{}``: all that is stored from now on comes                    | place      |
| `session` | a session as it is listed, and which of its turns changed       | of a page's last |
| `reset`   | ``{}``: changes are missing; look at everything again           | place      |
| (comment) | nothing happened for a while                                    |            |

An `id` is written once all up to it was told: the browser sends the last one it saw when it
connects again. It is ``NUMBER-NONCE``, and where an admin follows everybody one of each owner with
commas; see `lethe_server.storage.changes`. Of very many owners it says nothing: who comes back with
it has missed everything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from lethe_server.sessions.answers import SessionAnswer, answer_session
from lethe_server.storage import Place

if TYPE_CHECKING:
    from lethe_server.storage import ChangedSession, ChangePage, Places

#: What a browser waits before it connects again (milliseconds).
RETRY_MS: Final = 2000
#: Keeps proxies and browsers from taking the stream for dead.
HEARTBEAT: Final = b":\n\n"
#: A place that no log holds: whoever sends what is no place has missed everything.
NOWHERE: Final = (Place(0, 1),)
#: Owners whose places an id holds: it comes back in a header.
MAX_OWNERS: Final = 300

_ID: Final = re.compile(r"([0-9]{1,16})-([0-9a-f]{1,14})")
_encode = msgspec.json.Encoder().encode


class TurnMark(msgspec.Struct):
    """A turn that is new or another, or stands between such turns."""

    turn_id: str
    seq: int
    role: str
    timestamp: float | None


class SessionEvent(msgspec.Struct):
    """The data of an event `session`; `more` tells that further turns changed behind these."""

    session: SessionAnswer
    turns: list[TurnMark]
    more: bool


def parse_id(text: str) -> Places:
    """Read the id of a message.

    Args:
        text: the header `Last-Event-ID`; anything.

    Returns:
        The places; `NOWHERE` if it holds none.
    """
    matches = [_ID.fullmatch(part) for part in text.split(",", MAX_OWNERS)]
    places = tuple(Place(int(match[1]), int(match[2], 16)) for match in matches if match)
    return places if len(places) == len(matches) else NOWHERE


def ready_message(places: Places) -> bytes:
    """Make the first message of a stream.

    Args:
        places: behind which it goes on.
    """
    return b"retry: %d\n" % RETRY_MS + _message(b"ready", b"{}", places)


def reset_message(places: Places) -> bytes:
    """Make the message that changes are missing.

    Args:
        places: behind which it goes on.
    """
    return _message(b"reset", b"{}", places)


def page_messages(page: ChangePage) -> bytes:
    """Make the messages for a page of changes; the last one carries its place.

    Args:
        page: that was read.
    """
    events = [_encode(_event_of(changed)) for changed in page.sessions]
    last = len(events) - 1
    return b"".join(
        _message(b"session", event, page.places if index == last else None)
        for index, event in enumerate(events)
    )


def _id_of(places: Places) -> bytes:
    return b",".join(b"%d-%x" % place for place in places) if len(places) <= MAX_OWNERS else b"*"


def _event_of(changed: ChangedSession) -> SessionEvent:
    turns = [TurnMark(*turn) for turn in changed.turns]
    return SessionEvent(answer_session(changed.session, changed.owner), turns, changed.more)


def _message(event: bytes, data: bytes, places: Places | None) -> bytes:
    # JSON holds no line break, so that the data is always one line.
    name = b"" if places is None else b"id: %b\n" % _id_of(places)
    return b"event: %b\n%bdata: %b\n\n" % (event, name, data)
