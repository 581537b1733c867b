"""FTS5's own syntax, for those who ask for it (``syntax=fts5``).

    either   all ("OR" all)*
    all      without ("AND" without)*
    without  group ("NOT" group)*
    group    item+                          all of them
    item     ["text" ":"] ("(" either ")" | near | phrase)
    near     "NEAR" "(" phrase+ ["," number] ")"
    phrase   ["^"] string ("+" string)* ["*"]
    string   bareword | '"' anything, a quotation mark doubled '"'

It is read here and not handed to FTS5, so that an error has a position, no column but `text` can
be named, every bound is checked before anything runs, and the words are transformed like all
others. What is handed on is made by `lethe_server.search.expressions`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_server.errors import InvalidRequest
from lethe_server.search.query import (
    MAX_WORDS,
    MIN_PREFIX,
    All,
    Either,
    Near,
    Node,
    Phrase,
    Query,
    Without,
    check_words,
    checked_length,
    phrase_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

#: Most words between the phrases of a NEAR.
MAX_DISTANCE: Final = 100
#: FTS5's own distance where none is written.
DEFAULT_DISTANCE: Final = 10
#: Most parentheses within each other.
MAX_DEPTH: Final = 16

# A word is of ASCII's letters, digits and underline and of all that is beyond ASCII. It is told by
# what it is not: a range to the end of Unicode takes 2 ms of each start to compile.
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<string>"(?:[^"]|"")*")|(?P<word>[^\x00-/:-@\[-^`{-\x7f]+)|(?P<sign>[()+*,:^]))'
)
_OPERATORS: Final = frozenset({"AND", "OR", "NOT"})


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse_fts5(typed: str) -> Query:
    """Read an expression in FTS5's syntax.

    Args:
        typed: at most `query.MAX_LENGTH` characters.

    Raises:
        InvalidRequest: it is wrong, and where.
    """
    parser = _Parser(_tokens(checked_length(typed)))
    wanted = parser.either(0)
    parser.end()
    return Query(wanted=wanted, hopeless=wanted is None)


def _tokens(typed: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    end = len(typed.rstrip())
    while place < end:
        match = _TOKEN.match(typed, place)
        if match is None:
            start = place + len(typed[place:]) - len(typed[place:].lstrip())
            raise _refused("this is no word, string or operator", start)
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        place = match.end()
    tokens.append(_Token("end", "", end))
    return tokens


def _refused(problem: str, position: int) -> InvalidRequest:
    return InvalidRequest(
        f"{problem}, at character {position + 1}",
        parameter="q",
        hint="leave out syntax=fts5 to look for the words as they are",
    )


class _Parser:
    """Reads the tokens by recursive descent; a node is `None` if no turn can match it."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._words = 0
        self._exact = False

    def either(self, depth: int) -> Node | None:
        nodes = [self._all(depth)]
        while self._takes("word", "OR"):
            nodes.append(self._all(depth))
        return _joined(Either, [node for node in nodes if node is not None])

    def end(self) -> None:
        """Refuse what is left."""
        token = self._tokens[self._next]
        if token.kind != "end":
            raise _refused(f"{token.text!r} is not expected here", token.position)
        check_words(self._words)

    def _all(self, depth: int) -> Node | None:
        nodes = [self._without(depth)]
        while self._takes("word", "AND"):
            nodes.append(self._without(depth))
        return None if None in nodes else _joined(All, [node for node in nodes if node])

    def _without(self, depth: int) -> Node | None:
        node = self._group(depth)
        while self._takes("word", "NOT"):
            excluded = self._group(depth)
            if node is not None and excluded is not None:
                node = Without(node, excluded)
        return node

    def _group(self, depth: int) -> Node | None:
        nodes = [self._item(depth)]
        while self._begins_item():
            nodes.append(self._item(depth))
        return None if None in nodes else _joined(All, [node for node in nodes if node])

    def _item(self, depth: int) -> Node | None:
        token, after = (
            self._tokens[self._next],
            self._tokens[min(self._next + 1, len(self._tokens) - 1)],
        )
        if token.kind == "word" and after.text == ":":
            if token.text.lower() != "text":
                raise _refused("there is no such column, only `text`", token.position)
            self._next += 2
            return self._in_text(lambda: self._item(depth))
        if self._takes("sign", "("):
            if depth >= MAX_DEPTH:
                raise _refused("there are too many parentheses", token.position)
            node = self.either(depth + 1)
            self._expect(")")
            return node
        if token.text == "NEAR" and after.text == "(":
            self._next += 2
            return self._in_text(self._near)
        return self._phrase()

    def _in_text(self, read: Callable[[], Node | None]) -> Node | None:
        """Read what is looked for in the column `text` alone."""
        outside, self._exact = self._exact, True
        node = read()
        self._exact = outside
        return node

    def _near(self) -> Node | None:
        phrases = [self._phrase()]
        while self._begins_item():
            phrases.append(self._phrase())
        distance = DEFAULT_DISTANCE
        if self._takes("sign", ","):
            token = self._tokens[self._next]
            if not re.fullmatch(r"[0-9]{1,3}", token.text) or int(token.text) > MAX_DISTANCE:
                raise _refused(f"a number from 0 to {MAX_DISTANCE} is expected", token.position)
            distance = int(token.text)
            self._next += 1
        self._expect(")")
        found = tuple(phrase for phrase in phrases if phrase is not None)
        return Near(found, distance) if len(found) == len(phrases) else None

    def _phrase(self) -> Phrase | None:
        initial = self._takes("sign", "^")
        strings = [self._string()]
        while self._takes("sign", "+"):
            strings.append(self._string())
        token = self._tokens[self._next]
        prefix = self._takes("sign", "*")
        quoted = len(strings) > 1 or strings[0].kind == "string"
        typed = " ".join(_unquoted(string) for string in strings)
        phrase = phrase_of(typed, exact=self._exact or quoted, prefix=prefix)
        if phrase is None:
            return None
        if prefix and not phrase.prefix:
            raise _refused(f"a prefix needs {MIN_PREFIX} characters", token.position)
        self._words += phrase.length
        if self._words > MAX_WORDS:
            check_words(self._words)
        return replace(phrase, initial=initial)

    def _string(self) -> _Token:
        token = self._tokens[self._next]
        if token.kind == "string" or (token.kind == "word" and token.text not in _OPERATORS):
            self._next += 1
            return token
        raise _refused("a word or a string is expected", token.position)

    def _begins_item(self) -> bool:
        token = self._tokens[self._next]
        return (
            token.kind == "string"
            or token.text in ("(", "^")
            or (token.kind == "word" and token.text not in _OPERATORS)
        )

    def _takes(self, kind: str, text: str) -> bool:
        token = self._tokens[self._next]
        taken = token.kind == kind and token.text == text
        self._next += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._takes("sign", sign):
            raise _refused(f"{sign!r} is expected", self._tokens[self._next].position)


def _joined(kind: type[All | Either], nodes: list[Node]) -> Node | None:
    if not nodes:
        return None
    return nodes[0] if len(nodes) == 1 else kind(tuple(nodes))


def _unquoted(token: _Token) -> str:
    return token.text[1:-1].replace('""', '"') if token.kind == "string" else token.text
