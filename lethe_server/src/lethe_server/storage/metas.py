"""Merging of what events say of their session, whatever the order of their arrival.

Each field is a *register*: its value and the rank of the statement that it came from. Of two
statements the one of greater rank stays, of equal ranks the greater JSON; so that any order, and
any repetition, ends in the same state (P4). The ranks follow `lethe_core.events.SessionMeta`:

* `working_dir`: the smallest `seq`, where the session began;
* `title`: the strongest source, and of one source the greatest `seq`, but of ``prompt`` the
  smallest: the first prompt names a session;
* all others, and each key of `metadata`: the greatest `seq`. A key whose value is ``null`` is not
  shown: it takes back what was said before.

Of statements that are equal so far, that of the greater parser version stays.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_core.wire import IncomingMeta
    from lethe_server.storage.records import Record

#: Titles are folded to one line of at most so many characters.
MAX_TITLE: Final = 300

_TITLE_RANK: Final = {"prompt": 1, "summary": 2, "generated": 3, "custom": 4}
_LATEST: Final = ("source_file", "git_branch", "parent_session_id", "relation")
_encode = msgspec.json.Encoder(order="deterministic").encode


class Register(msgspec.Struct, array_like=True):
    """The value of one field and the rank of the statement that it came from.

    Args:
        rank: source of a title (0 for other fields), place, parser version.
        value: as JSON.
    """

    rank: tuple[int, int, int]
    value: msgspec.Raw

    @property
    def text(self) -> str:
        """The value of a field that holds text."""
        return msgspec.json.decode(self.value, type=str)


class Registers(msgspec.Struct):
    """All that is known of a session from its events.

    Args:
        fields: by the name of the field.
        metadata: by key.
    """

    fields: dict[str, Register] = {}
    metadata: dict[str, Register] = {}

    def merge(self, meta: IncomingMeta, *, seq: int, version: int) -> bool:
        """Take in what an event says.

        Args:
            meta: what it says.
            seq: its place.
            version: of the parser that made it.

        Returns:
            Whether anything changed.
        """
        changed = False
        latest = (0, seq, version)
        for name in _LATEST:
            value = getattr(meta, name)
            if value is not None:
                changed |= _take(self.fields, name, latest, value)
        if meta.working_dir is not None:
            changed |= _take(self.fields, "working_dir", (0, -seq, version), meta.working_dir)
        if meta.title and (title := fold_text(meta.title, MAX_TITLE)):
            source = _TITLE_RANK[meta.title_source or "prompt"]
            place = -seq if source == _TITLE_RANK["prompt"] else seq
            changed |= _take(self.fields, "title", (source, place, version), title)
        for key, value in meta.metadata.items():
            changed |= _take(self.metadata, key, latest, value)
        return changed

    def get(self, name: str) -> str | None:
        """Return the value of a field, or `None` if no event told it."""
        register = self.fields.get(name)
        return None if register is None else register.text

    def metadata_json(self) -> bytes:
        """Return `metadata` as a JSON object, its keys in order."""
        values = {key: self.metadata[key].value for key in sorted(self.metadata)}
        return msgspec.json.encode(
            {key: value for key, value in values.items() if bytes(value) != b"null"}
        )


def outermost(records: Iterable[Record]) -> Iterator[tuple[IncomingMeta, int, int]]:
    """Give what events say of their session, as far as it may matter.

    Most turns repeat what the turn before has said. Of such a run only the first and the last
    place can win a register: the others are left out (measured: 97 of 100).

    Args:
        records: of one session.

    Returns:
        What `Registers.merge` takes: what is said, its place, and the version of its parser.
    """
    for (meta, version, _), run in itertools.groupby(records, _statement):
        if meta is not None:
            places = [record.seq for record in run]
            for seq in {min(places), max(places)}:
                yield meta, seq, version


def fold_text(text: str, length: int) -> str:
    """Make one line of a text: blanks folded, unprintable characters left out, cut to a length.

    Args:
        text: any text.
        length: most characters that are kept; a cut is shown by an ellipsis.
    """
    head = text[: length * 8]  # enough of a long text, whatever blanks it holds
    line = " ".join(head.split())
    if not line.isprintable():
        line = " ".join("".join(char if char.isprintable() else " " for char in line).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _statement(record: Record) -> tuple[IncomingMeta | None, int, bytes]:
    meta = record.meta
    # To Python 1, 1.0 and true are the same; as JSON they are not.
    written = _encode(meta.metadata) if meta is not None and meta.metadata else b""
    return meta, record.parser_version, written


def _take(
    registers: dict[str, Register], name: str, rank: tuple[int, int, int], value: object
) -> bool:
    known = registers.get(name)
    if known is not None and known.rank > rank:
        return False
    data = _encode(value)
    if known is not None and known.rank == rank and bytes(known.value) >= data:
        return False
    registers[name] = Register(rank, msgspec.Raw(data))
    return True
