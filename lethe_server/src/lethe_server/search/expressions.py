"""Expressions of FTS5, made of the tree of a query.

Every word stands between quotation marks: nothing that somebody typed is syntax. A phrase gives
one string of FTS5, or several, where the parts of an identifier or longer words count as well:

    bar           {text parts} : "bar"
    getUser       {text parts} : "getUser" OR parts : "get User"
    getUs         {text parts} : "getUs" OR {text parts} : "getUs"*    as a prefix
    foo_bar       {text parts} : "foo_bar"      (FTS5 reads the two words as a phrase)
    "foo bar"     text : "foo bar"

Conditions are words of a third column, `facets`, that no query of a person can reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_server.search.query import MIN_PREFIX, All, Either, Near, Phrase, Without
from lethe_server.search.terms import split_identifier, split_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from lethe_server.search.query import Node

#: The word that every row has in `facets`.
FACET_ANY: Final = "a"
#: What a longer word counts where its beginning was typed.
_PREFIX_WORTH: Final = 0.5
#: Strings of a word that may go on and has no parts.
_WORD_AND_LONGER: Final = 2


class String(NamedTuple):
    """A string of FTS5.

    Args:
        leaf: the word or phrase that it stands for, by index; -1 if it only excludes.
        worth: what a hit counts; a whole word counts 1.
    """

    leaf: int
    worth: float


class Match(NamedTuple):
    """What to look for in one index.

    Args:
        expression: of FTS5.
        leaves: the words and phrases to count and to mark.
        strings: the strings of FTS5 in the expression, in its order.
        prefixes: words, or phrases, whose last word stands for all that begin so.
        is_word: whether it is one word alone, whose hits are read from its postings.
    """

    expression: str
    leaves: tuple[Phrase, ...]
    strings: tuple[String, ...]
    prefixes: tuple[str, ...] = ()
    is_word: bool = False


def facet(field: str, value: str) -> str:
    """Return the word of `facets` that says that a field has a value.

    Args:
        field: tool, host, role or session.
        value: names are written in hexadecimal: FTS5 would fold their case and split them.
    """
    return f"{field[0]}{value.encode().hex()}"


def compile_match(
    wanted: Node | None,
    excluded: Iterable[Phrase] = (),
    facets: Sequence[tuple[bool, tuple[str, ...]]] = (),
    whole: Collection[Phrase] = (),
) -> Match:
    """Make the expression of a query.

    Args:
        wanted: what must be found; `None` if any turn will do.
        excluded: what must not be found.
        facets: of each pair, one of the words must stand in `facets`, or none if it is negated.
        whole: prefixes that count as whole words.
    """
    compiler = _Compiler(whole)
    found = None if wanted is None else compiler.node(wanted)
    counted = tuple(compiler.strings)
    is_word = (
        isinstance(wanted, Phrase) and len(counted) == 1 and len(split_words(wanted.text)) == 1
    )
    expression = _narrowed(compiler, found, excluded, facets)
    prefixes = tuple(compiler.prefixes)
    return Match(expression, tuple(compiler.leaves), counted, prefixes, is_word)


def compile_matches(
    wanted: Node | None,
    excluded: Iterable[Phrase] = (),
    facets: Sequence[tuple[bool, tuple[str, ...]]] = (),
    whole: Collection[Phrase] = (),
) -> tuple[Match, ...]:
    """Make the expressions of a query: each of its hits is a hit of one of them.

    A word alone that may go on gives two, for the word and for longer ones: hits of the word are
    counted and scored from its postings, for a fifth of what they cost among those of a prefix.

    Args:
        wanted: what must be found; `None` if any turn will do.
        excluded: what must not be found.
        facets: as `compile_match` takes them.
        whole: prefixes that count as whole words.
    """
    if isinstance(wanted, Phrase) and wanted.prefix and wanted not in whole:
        strings = _strings_of(wanted, prefix=True)
        if len(strings) == _WORD_AND_LONGER:
            (word, _), (longer, worth) = strings
            compiler = _Compiler(())
            expression = _narrowed(compiler, f"({longer}) NOT ({word})", excluded, facets)
            match = Match(expression, (wanted,), (String(0, worth),), (wanted.text,))
            return compile_match(wanted, excluded, facets, {wanted}), match
    return (compile_match(wanted, excluded, facets, whole),)


def _narrowed(
    compiler: _Compiler,
    found: str | None,
    excluded: Iterable[Phrase],
    facets: Sequence[tuple[bool, tuple[str, ...]]],
) -> str:
    """Add to what is looked for what must stand beside it, or must not."""
    required = [] if found is None else [found]
    required += [_any_facet(words) for negated, words in facets if not negated]
    refused = [_any_facet(words) for negated, words in facets if negated]
    refused += [compiler.excluded(phrase) for phrase in excluded]
    expression = " AND ".join(f"({part})" for part in required or [_any_facet((FACET_ANY,))])
    for part in refused:
        expression = f"({expression}) NOT ({part})"
    return expression


def leaf_expression(leaf: Phrase) -> str:
    """Make an expression that finds the turns with a word, as it is.

    Args:
        leaf: a word or phrase; a prefix counts as a whole word.
    """
    return " OR ".join(text for text, _ in _strings_of(leaf, prefix=False))


def prefixes_of(phrase: Phrase) -> list[str]:
    """Return what is looked for as the beginning of words, where a phrase may go on.

    Args:
        phrase: a prefix.
    """
    return [phrase.text, *_parts_of(phrase)[-1:]]


def _any_facet(words: tuple[str, ...]) -> str:
    return f"facets : ({' OR '.join(map(_quoted, words))})"


def _quoted(words: str) -> str:
    doubled = words.replace('"', '""')
    return f'"{doubled}"'


class _Compiler:
    """Walks a tree and notes the strings of FTS5 in the order in which FTS5 counts them."""

    def __init__(self, whole: Collection[Phrase]) -> None:
        self._whole = whole
        self.leaves: list[Phrase] = []
        self.strings: list[String] = []
        self.prefixes: list[str] = []
        self._excluding = False

    def node(self, node: Node) -> str:
        match node:
            case Phrase():
                return self._phrase(node)
            case Near():
                words = " ".join(self._near(phrase) for phrase in node.phrases)
                return f"text : NEAR({words}, {node.distance})"
            case All():
                return " AND ".join(f"({self.node(child)})" for child in node.nodes)
            case Either():
                return " OR ".join(f"({self.node(child)})" for child in node.nodes)
            case Without():
                wanted = self.node(node.node)
                return f"({wanted}) NOT ({self.excluded(node.excluded)})"

    def excluded(self, node: Node) -> str:
        """Compile what must not be found: it counts for nothing."""
        before, self._excluding = self._excluding, True
        expression = self.node(node)
        self._excluding = before
        return expression

    def _phrase(self, phrase: Phrase) -> str:
        leaf = self._leaf(phrase)
        prefix = phrase.prefix and phrase not in self._whole
        strings = _strings_of(phrase, prefix=prefix)
        self.prefixes += prefixes_of(phrase) if prefix else []
        self.strings += (String(leaf, worth) for _, worth in strings)
        return " OR ".join(text for text, _ in strings)

    def _near(self, phrase: Phrase) -> str:
        self.strings.append(String(self._leaf(phrase), 1.0))
        self.prefixes += [phrase.text] if phrase.prefix else []
        return _quoted(phrase.text) + ("*" if phrase.prefix else "")

    def _leaf(self, phrase: Phrase) -> int:
        if self._excluding:
            return -1
        if phrase not in self.leaves:
            self.leaves.append(phrase)
        return self.leaves.index(phrase)


def _strings_of(phrase: Phrase, *, prefix: bool) -> list[tuple[str, float]]:
    """Return the strings that a phrase is looked for by, and what a hit of each counts."""
    columns = "text" if phrase.exact or phrase.initial else "{text parts}"
    word = f"{columns} : {'^' if phrase.initial else ''}{_quoted(phrase.text)}"
    strings = [(word, 1.0)]
    if prefix:
        strings.append((f"{word}*", _PREFIX_WORTH))
    if parts := _parts_of(phrase):
        star = "*" if prefix and len(parts[-1]) >= MIN_PREFIX else ""
        strings.append((f"parts : {_quoted(' '.join(parts))}{star}", 1.0))
    return strings


def _parts_of(phrase: Phrase) -> list[str]:
    if phrase.exact or phrase.initial:
        return []
    return split_identifier(phrase.typed)
