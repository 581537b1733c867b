"""What became of one record of a source: the part that the three base classes have in common.

A mapping is foreign code. Whatever it raises or returns costs the record alone that it was given
(P9), and so all that it may do wrong is found here, while that record can still be named.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from traceback import walk_tb
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from lethe_core.errors import PluginError
from lethe_core.events import Event, SessionEvent, TurnEvent
from lethe_core.limits import MAX_RECORD_EVENTS
from lethe_core.sources import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_core.parser import Parser

_T = TypeVar("_T")

_MOST_TEXT: Final = 500

#: What a mapping fails with. `SystemExit` is among it: a library may call `sys.exit`.
FAILURES: Final = (Exception, SystemExit)
_EVENTS: Final = (TurnEvent, SessionEvent)


class Outcome(msgspec.Struct, gc=False):
    """What became of one record.

    Args:
        events: in order.
        skipped: why there is none, in a word; empty if there is one.
        unmapped: whether an event stands for what could not be mapped.
        failure: what the mapping failed with, from `tell_failure`.
    """

    events: tuple[Event, ...] = ()
    skipped: str = ""
    unmapped: bool = False
    failure: str = ""


@dataclass(slots=True, kw_only=True)
class MappedRecord(Record):
    """A record of a base class, which knows why it could not be mapped.

    Args:
        failure: what the mapping failed with, for `parse` alone: it may quote the transcript.
    """

    failure: str = ""


def take(mapped: object, method: str, *, damaged: bool = False) -> Outcome:
    """Take what a mapping has returned.

    What it raises while it is iterated over goes through.

    Args:
        mapped: the events, or the word for a record that is no turn.
        method: the name of the mapping, for its author.
        damaged: whether the record held bytes that are no UTF-8; its turns tell.

    Raises:
        PluginError: it is neither events nor a word, or more than `MAX_RECORD_EVENTS`.
    """
    if isinstance(mapped, str):
        return Outcome(skipped=mapped)
    if not hasattr(mapped, "__iter__"):
        raise PluginError(f"`{method}` returned {_kind(mapped)}; return a list or a word")
    events = tuple(islice(mapped, MAX_RECORD_EVENTS + 1))  # P10: a generator may never end
    if len(events) > MAX_RECORD_EVENTS:
        raise PluginError(f"`{method}` gave more than {MAX_RECORD_EVENTS} events for one record")
    for event in events:
        if not isinstance(event, _EVENTS):
            raise PluginError(f"`{method}` returned {_kind(event)} among the events")
        if damaged and isinstance(event, TurnEvent):
            event.metadata["encoding_error"] = True
    return Outcome(events, skipped="" if events else "no turn")


def until_failure(items: Iterable[_T], failures: list[BaseException]) -> Iterator[_T]:
    """Give what code of a plugin gives, and note why there is no more.

    Args:
        items: from a plugin.
        failures: gets what it raised, if it was one of `FAILURES`.
    """
    try:
        yield from items
    except FAILURES as error:
        failures.append(error)


def describe_failure(error: BaseException, what: str = "the parser") -> str:
    """Say what code of a plugin failed with, for the turn that stands for a record, or `status`.

    Args:
        error: one of `FAILURES`. The text of a foreign one may quote anything; its type does not,
            and what is missing says no more than the record that the turn holds.
        what: what failed.
    """
    match error:
        case PluginError():
            return f"{what} failed: {error.message}"
        case KeyError() if type(error) is KeyError:
            return f"{what} failed with KeyError: {error}"
    return f"{what} failed with {type(error).__name__}"


def tell_failure(error: BaseException, parser: Parser) -> str:
    """Say what a parser failed with, and where, to its author at a terminal.

    It may quote the transcript: it is no text for a log or for the archive.

    Args:
        error: one of `FAILURES`.
        parser: which failed; the innermost place in its own package is named.
    """
    try:
        text = " ".join(str(error).split())
    except FAILURES:
        text = ""  # an error that cannot be worded
    if not isinstance(error, PluginError):
        text = ": ".join(filter(None, (type(error).__name__, text)))
    text = "".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_TEXT])
    package = _package(type(parser).__module__)
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        if _package(frame.f_globals.get("__name__", "")) == package:
            place = f" ({frame.f_code.co_filename}:{line} in {frame.f_code.co_name})"
    return f"{text}{place}"


def _package(module: str) -> str:
    return module.partition(".")[0]


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
