"""A page of the list of sessions, made in the thread of a reader.

Whoever looks at the list gets mostly what they got before: of fifty sessions one or two have
changed. So answers for sessions are kept encoded, by the version of each, and a page is put
together of them; only those that are not at hand are read (measured: a third less for a page).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from lethe_server.sessions.answers import answer_session
from lethe_server.storage.sessions import find_sessions, list_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lethe_server.storage import Connection, SessionFilter
    from lethe_server.storage.sessions import ListedSession

#: Sessions whose answers are at hand, about 1 KiB each; larger ones are read each time.
AT_HAND: Final = 4096
MAX_BYTES: Final = 4096

#: A session by its number, its version, and whether the answer tells whose it is.
_Key = tuple[int, int, bool]

_encode = msgspec.json.Encoder().encode


class SessionListing:
    """Makes pages of the list of sessions; for all threads of readers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[_Key, bytes] = OrderedDict()

    def page(self, connection: Connection, owner: str | None, wanted: SessionFilter) -> bytes:
        """Return the answer for a page.

        Args:
            connection: that reads.
            owner: whose sessions; everybody's if `None`.
            wanted: which.

        Raises:
            InvalidRequest: the cursor belongs to another list.
        """
        page = list_sessions(connection, owner, wanted)
        told = page.owners if owner is None else {}
        sessions = self._answers_of(connection, page.sessions, told)
        tail = {
            "limit": wanted.limit,
            "offset": wanted.offset,
            "total": page.total,
            "next_cursor": page.next_cursor,
        }
        return b"".join((b'{"sessions":[', b",".join(sessions), b"],", _encode(tail)[1:]))

    def _answers_of(
        self, connection: Connection, listed: Sequence[ListedSession], told: dict[int, str]
    ) -> list[bytes]:
        keys: list[_Key] = [(each.id, each.version, bool(told)) for each in listed]
        answers: list[bytes | None] = []
        missing: defaultdict[int, list[int]] = defaultdict(list)
        with self._lock:
            for key, each in zip(keys, listed, strict=True):
                answer = self._answers.get(key)
                answers.append(answer)
                if answer is None:
                    missing[each.owner].append(each.id)
                else:
                    self._answers.move_to_end(key)
        if not missing:
            return [answer for answer in answers if answer is not None]
        read = self._read(connection, missing, told)
        return [answer or read[each.id] for answer, each in zip(answers, listed, strict=True)]

    def _read(
        self, connection: Connection, missing: dict[int, list[int]], told: dict[int, str]
    ) -> dict[int, bytes]:
        """Read sessions, and keep the answers by the version that they have by now."""
        read: dict[int, bytes] = {}
        kept: dict[_Key, bytes] = {}
        for owner, numbers in missing.items():
            for row in find_sessions(connection, owner, numbers):
                answer = _encode(answer_session(row, told.get(owner)))
                read[row.id] = answer
                if len(answer) <= MAX_BYTES:
                    kept[row.id, row.version, bool(told)] = answer
        with self._lock:
            self._answers.update(kept)
            while len(self._answers) > AT_HAND:
                self._answers.popitem(last=False)
        return read
