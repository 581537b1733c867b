"""What somebody typed, as a tree of words.

    query     word* ; all of them must be found
    word      ["-"] (TEXT | '"' phrase '"' | key ":" value) ; "-" excludes
    key       tool | host | project | role | session | before | after

Nothing is FTS5 syntax, and nothing is an error but an empty query, too many words, and a date or
role that is none. A sign belongs to the word that it touches: ``--no-verify`` and ``multi-agent``
are words, ``-agent`` excludes one. A quotation mark that is not closed reaches to the end. The
last word is a prefix unless a blank or a quotation mark follows it. An unknown key, such as in
``http://host``, is part of the word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from lethe_core.events import ROLES
from lethe_server.errors import InvalidRequest
from lethe_server.search.dates import parse_moment
from lethe_server.search.terms import clean_query, has_words, is_lone_cjk, query_text

if TYPE_CHECKING:
    from datetime import datetime

#: Longest query, in characters.
MAX_LENGTH: Final = 512
#: Most words of a query.
MAX_WORDS: Final = 32
#: A shorter word is no prefix: it would stand for too many others.
MIN_PREFIX: Final = 3

_FIELDS: Final = ("tool", "host", "project", "role", "session")
_KEYS: Final = (*_FIELDS, "before", "after")

_ITEM: Final = re.compile(
    rf"""
    (?P<minus>-(?=[^\s-]))?
    (?:
        (?P<key>(?i:{"|".join(_KEYS)})):(?P<value>"[^"]*"?|[^\s"]\S*)
      | "(?P<phrase>[^"]*)"?
      | (?P<text>\S+)
    )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One word, or several that must follow each other.

    Args:
        text: the words, from `terms.query_text`.
        typed: as they were typed; for snippets and for the parts of identifiers.
        exact: whether it was quoted: an identifier's part is no match then.
        prefix: whether the last word may go on.
        initial: whether it must stand at the beginning of the turn.
    """

    text: str
    typed: str
    exact: bool = False
    prefix: bool = False
    initial: bool = False

    @property
    def length(self) -> int:
        """How many words were typed."""
        return len(self.typed.split())


@dataclass(frozen=True, slots=True)
class Near:
    """Phrases that stand near each other."""

    phrases: tuple[Phrase, ...]
    distance: int


@dataclass(frozen=True, slots=True)
class All:
    """All of these."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these or several."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """The first, where the second is not."""

    node: Node
    excluded: Node


Node = Phrase | Near | All | Either | Without


@dataclass(frozen=True, slots=True)
class Condition:
    """A field of a turn has one of these values, or none of them.

    Args:
        field: tool, host, project, role or session.
        values: of the field.
        negated: whether the field must have none of them.
    """

    field: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query, read.

    Args:
        wanted: what must be found; `None` if any turn will do.
        excluded: what must not be found.
        conditions: all of them must hold.
        since: Unix seconds; not before.
        until: Unix seconds; before.
        hopeless: whether something must be found that no turn can hold.
    """

    wanted: Node | None = None
    excluded: tuple[Phrase, ...] = ()
    conditions: tuple[Condition, ...] = ()
    since: float | None = None
    until: float | None = None
    hopeless: bool = False

    @property
    def is_narrowed(self) -> bool:
        """Whether not all turns with the words will do."""
        return bool(self.conditions) or self.since is not None or self.until is not None

    def narrowed(
        self,
        conditions: tuple[Condition, ...] = (),
        since: float | None = None,
        until: float | None = None,
    ) -> Query:
        """Add conditions to those that were typed.

        Args:
            conditions: must hold as well.
            since: the later of both counts.
            until: the earlier of both counts.
        """
        return replace(
            self,
            conditions=self.conditions + conditions,
            since=max((time for time in (self.since, since) if time is not None), default=None),
            until=min((time for time in (self.until, until) if time is not None), default=None),
        )


def parse_query(typed: str, now: datetime) -> Query:
    """Read what somebody typed.

    Args:
        typed: at most `MAX_LENGTH` characters.
        now: aware; dates are of its time zone.

    Raises:
        InvalidRequest: it is empty or too long, or a date or role in it is none.
    """
    reader = _Reader(now)
    for match in _ITEM.finditer(checked_length(typed)):
        reader.take(match, last=match.end() == len(typed))
    return reader.query()


def checked_length(typed: str) -> str:
    """Return a query that is neither empty nor too long.

    Raises:
        InvalidRequest: it is.
    """
    if not typed.strip():
        raise InvalidRequest("is empty", parameter="q", hint="type a word to look for")
    if len(typed) > MAX_LENGTH:
        raise InvalidRequest(
            f"has {len(typed)} characters, {MAX_LENGTH} are allowed", parameter="q"
        )
    return typed


def check_words(count: int) -> None:
    """Refuse a query of too many words.

    Raises:
        InvalidRequest: it has more than `MAX_WORDS`.
    """
    if count > MAX_WORDS:
        raise InvalidRequest(f"has {count} words, {MAX_WORDS} are allowed", parameter="q")


def phrase_of(typed: str, *, exact: bool = False, prefix: bool = False) -> Phrase | None:
    """Make a phrase; `None` if the text holds nothing that is indexed.

    Args:
        typed: a word or several.
        exact: whether it was quoted.
        prefix: whether the last word may go on; it must be long enough.
    """
    cleaned = clean_query(typed).strip()
    if not has_words(cleaned):
        return None
    words = query_text(cleaned)
    last = re.split(r"[\W_]+", words.rstrip())[-1]
    # A character alone is only indexed as the beginning of a pair, or at the end of a run.
    goes_on = is_lone_cjk(last) or (prefix and len(last) >= MIN_PREFIX)
    return Phrase(words, cleaned, exact=exact, prefix=goes_on)


@dataclass(slots=True)
class _Reader:
    """Collects the words and conditions of a query."""

    now: datetime
    wanted: list[Node] = field(default_factory=list)
    excluded: list[Phrase] = field(default_factory=list)
    values: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    since: list[float] = field(default_factory=list)
    until: list[float] = field(default_factory=list)
    words: int = 0
    passed_over: bool = False

    def take(self, match: re.Match[str], *, last: bool) -> None:
        """Take a word, phrase or condition; the last word is a prefix."""
        negated = match["minus"] is not None
        value = (match["value"] or "").strip('"').strip()
        if match["key"] and value:
            self._take_condition(match["key"].lower(), value, negated=negated)
            return
        quoted = match["phrase"] is not None
        typed = match["phrase"] if quoted else match[0].removeprefix("-" if negated else "")
        self._take_words(typed, exact=quoted, prefix=last and not quoted, negated=negated)

    def query(self) -> Query:
        """Return what was collected."""
        check_words(self.words)
        conditions = tuple(
            Condition(name, tuple(values), negated)
            for (name, negated), values in self.values.items()
        )
        wanted: Node | None = None
        if self.wanted:
            wanted = self.wanted[0] if len(self.wanted) == 1 else All(tuple(self.wanted))
        anything = wanted or self.excluded or conditions or self.since or self.until
        return Query(
            wanted=wanted,
            excluded=tuple(self.excluded),
            conditions=conditions,
            since=max(self.since, default=None),
            until=min(self.until, default=None),
            # Signs that are not indexed mean nothing among words, but alone they are asked for.
            hopeless=not anything or (self.passed_over and wanted is None and not self.excluded),
        )

    def _take_words(self, typed: str, *, exact: bool, prefix: bool, negated: bool) -> None:
        phrase = phrase_of(typed, exact=exact, prefix=prefix and not negated)
        if phrase is None:
            # Nothing has a sign that is not indexed: to exclude it in quotation marks excludes
            # nothing. A lone minus is the beginning of an exclusion; `-->` is none.
            self.passed_over |= not (negated and exact) and typed != "-"
            return
        self.words += phrase.length if exact else 1
        if negated:
            self.excluded.append(phrase)
        else:
            self.wanted.append(phrase)

    def _take_condition(self, key: str, value: str, *, negated: bool) -> None:
        if key in ("before", "after"):
            if negated:
                raise InvalidRequest(
                    f"-{key}: cannot be excluded", parameter="q", hint="use before: or after:"
                )
            try:
                moment = parse_moment(value, self.now)
            except InvalidRequest as error:
                raise InvalidRequest(
                    f"{key}: {error.message}", parameter="q", hint=error.hint
                ) from error
            (self.since if key == "after" else self.until).append(moment)
            return
        if key == "role" and value.lower() not in ROLES:
            raise InvalidRequest(
                f"role: is none of {', '.join(ROLES)}",
                parameter="q",
                hint="quote it to look for it",
            )
        value = value.lower() if key == "role" else value
        self.values.setdefault((key, negated), []).append(value)
