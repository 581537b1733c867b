"""The contract of a parser: four methods and three names.

This is the manual page; docs/writing-a-parser.md is the tutorial. A parser reads the transcripts
of one tool and gives events. It is *stateless*: all that it must remember between two reads is in
the cursor, so that the collector may stop and go on at any record.

A parser

* never writes to a source and holds no lock on it;
* never raises on content: what it cannot map becomes a system turn (`unmapped_turn`);
* never guesses: what the tool did not write stays empty;
* reads lazily, in the order of the source, and holds no more than a few records in memory;
* gives the same events whenever it reads the same bytes, from whichever cursor it began.

`JsonlParser` (files of JSON lines that grow), `SnapshotParser` (JSON files that are rewritten
whole) and `SqliteParser` (databases) take the hard parts over. `lethe_core.testing` holds a
conformance suite that checks all of the above.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_core.events import SessionMeta, TurnEvent
from lethe_core.limits import MAX_UNMAPPED_RAW_BYTES
from lethe_core.sources import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lethe_core.sources import Cursor, Record, Source

#: Major and minor version of this contract, and of the hook. The minor version rises when
#: something is added, the major version when something changes. A parser is loaded if it was
#: written for this major version and for no later minor version.
API_VERSION: Final = (1, 0)


class Parser(ABC):
    """Reads the transcripts of one tool.

    Attributes:
        tool: the tool's name on the wire, such as ``claude-code``.
        label: the tool's name for people, such as ``Claude Code``.
        version: of the mapping; raise it when the mapping improves, and history is read again.
        api: the version of this contract that the parser was written for; the first one if it
            does not say.
    """

    tool: ClassVar[str]
    label: ClassVar[str]
    version: ClassVar[int]
    api: ClassVar[tuple[int, int]] = (1, 0)

    @abstractmethod
    def default_roots(self) -> Iterable[Path]:
        """Name the places where the tool keeps its transcripts on this machine.

        The tool's own environment variables are honoured. A place need not exist yet, but its path
        is absolute: one that is not is refused.
        """

    @abstractmethod
    def discover(self, root: Path) -> Iterable[Source]:
        """Find the sources below a root by `stat` alone; open none.

        Args:
            root: a directory from `default_roots` or from the user, or a single source.

        Raises:
            OSError: the root itself cannot be listed; or, after all else was found, a directory
                below it.
        """

    @abstractmethod
    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read the complete records after a cursor, lazily and in source order.

        Each record is an object of its own, and stays as it is when it was given.

        Args:
            source: what to read.
            cursor: where an earlier read stopped, or `None` for the beginning.

        Raises:
            SourceReplaced: the source is not the one that the cursor was made for.
            SourceUnsupported: the source is of a form that this parser does not know.
            OSError: the source cannot be read now.
        """

    def identify(self, source: Source) -> Identity:
        """Tell what recognises the source when its path changes.

        Raises:
            OSError: the source cannot be read now.
        """
        return Identity.of_file(source.path)

    def deletes_after(self, root: Path) -> float | None:
        """Tell after how many seconds without a change the tool deletes a transcript.

        What will be deleted soon is archived first. `None` means that nothing is deleted.

        Args:
            root: the place of the transcripts; the tool's settings may lie beside it.
        """
        del root
        return None

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the shell command that resumes a session in its tool, or `None` if there is none.

        Args:
            session_id: the session as the parser named it.
            working_dir: where the session was held, if known.
        """
        del session_id, working_dir
        return None


def unmapped_turn(
    parser: Parser,
    *,
    session_id: str,
    seq: int,
    raw: bytes,
    start: int,
    end: int,
    code: str,
    reason: str,
    sha256: str = "",
    places: int = 1,
    revision: int = 0,
    source_file: Path | None = None,
) -> TurnEvent:
    """Make the system turn that stands for a part of a source that cannot be mapped.

    It is archived and shown in its session, never indexed, and counted in `status`. When a later
    version of the parser can map the part, the turns that it gives take its places, and the
    archive drops it (docs/decisions/0011-stand-ins.md).

    Args:
        parser: whose source it is.
        session_id: the session that the part belongs to.
        seq: the place that its turn would have had.
        raw: the bytes; the first 64 KiB are kept.
        start: first byte of the part in the source.
        end: first byte after it.
        code: stable word for the reason, such as ``MALFORMED``.
        reason: the reason for people, without content.
        sha256: hexadecimal digest of the whole part; computed from `raw` if empty.
        places: how many places from `seq` on the turns of the part, and no others, can have.
        revision: of the turn.
        source_file: where the part stands.
    """
    return TurnEvent(
        tool=parser.tool,
        session_id=session_id,
        turn_id=f"unmapped-{seq}",
        seq=seq,
        role="system",
        metadata={
            "kind": "unmapped",
            "unmapped": {
                "code": code,
                "reason": reason,
                "bytes": [start, end],
                "places": places,
                "sha256": sha256 or hashlib.sha256(raw).hexdigest(),
                "raw": raw[:MAX_UNMAPPED_RAW_BYTES].decode("utf-8", "replace"),
            },
        },
        revision=revision,
        parser_version=parser.version,
        session_meta=SessionMeta(source_file=str(source_file)) if source_file else None,
    )
