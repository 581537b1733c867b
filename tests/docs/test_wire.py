"""docs/wire.md says what the contract says.

The tables are made from the schemas: run once with ``LETHE_GOLDEN=refresh`` after a change.
"""

from __future__ import annotations

import os
import re

import pytest

from lethe_core import limits
from lethe_core.json_schema import make_json_schema

BLOCK = re.compile(
    r"(<!-- (?P<what>limits|fields: [a-z_]+) -->\n)(?P<body>.*?)(?=<!-- end -->)", re.DOTALL
)

#: Ends each pattern: `$` alone would allow a newline behind it.
LAST = r"(?!\n)"


def kind_of(made):
    """Name the type of a field for people."""
    match made:
        case {"not": _}:
            return "refused"
        case {"enum": words}:
            known = ", ".join(f"`{word}`" for word in words if word)
            return f"{known} or null" if None in words else known
        case {"anyOf": [{"$ref": name}, _]}:
            return f"`{name.rpartition('/')[2]}` or null"
        case {"$ref": name}:
            return f"`{name.rpartition('/')[2]}`"
        case {"items": {"$ref": name}}:
            return f"list of `{name.rpartition('/')[2]}`"
        case _:
            return simple_kind_of(made)


def simple_kind_of(made):
    """Name the type and the bounds of a plain value."""
    if "const" in made:
        return f"`{made['const']}`"
    kind = made.get("type", "any")
    text = kind if isinstance(kind, str) else " or ".join(kind)
    if pattern := made.get("pattern"):
        text += f", `{pattern.removesuffix(LAST)}`"
    if "minimum" in made:
        text += f", from {made['minimum']}"
    if "maximum" in made:
        text += f" to {bound(made['maximum'])}"
    return text


def bound(number):
    """Write a bound as people know it."""
    exponent = int(number + 1).bit_length() - 1
    if number + 1 == 2**exponent and exponent > 20:
        return f"2^{exponent}-1"
    return f"{number:,.0f}".replace(",", " ")


def fields_table(name):
    """Write the fields of one definition as a table."""
    definition = make_json_schema()["$defs"][name]
    rows = ["| field | type | required | meaning |", "| --- | --- | --- | --- |"]
    for field, made in sorted(
        definition["properties"].items(), key=lambda item: item[0] not in definition["required"]
    ):
        needed = "yes" if field in definition["required"] else ""
        kind = kind_of(made).replace("|", "\\|")
        rows.append(f"| `{field}` | {kind} | {needed} | {made['description']} |")
    return "\n".join(rows)


def limits_table():
    """Write the bounds that both ends share as a table."""
    meaning = {
        "MAX_LINE_BYTES": "a line of a transcript that is read; a longer one is an `unmapped` turn",
        "MAX_DOCUMENT_BYTES": "a document of a transcript that is rewritten whole",
        "MAX_RECORD_EVENTS": "events of one record; one that gives more is an `unmapped` turn",
        "MAX_EVENT_BYTES": "an event on the wire",
        "MAX_BATCH_LINES": "lines that the collector sends at once",
        "MAX_BATCH_BYTES": "bytes that the collector sends at once, before compression",
        "MAX_REQUEST_BYTES": "a request, after decompression",
        "MAX_REQUEST_LINES": "lines in a request",
        "MAX_UNMAPPED_RAW_BYTES": "what is kept of a part that cannot be mapped",
        "MAX_TOKEN_BYTES": "a bearer token",
    }
    rows = ["| limit | is the most of |", "| --- | --- |"]
    for name, text in meaning.items():
        value = getattr(limits, name)
        shown = (
            f"{value // limits.MIB} MiB"
            if value % limits.MIB == 0
            else f"{value // limits.KIB} KiB"
            if name.endswith("BYTES")
            else f"{value:,}".replace(",", " ")
        )
        rows.append(f"| {shown} | {text} |")
    return "\n".join(rows)


def filled(text):
    """Fill the marked places of the document."""

    def fill(match):
        what = match["what"]
        made = limits_table() if what == "limits" else fields_table(what.removeprefix("fields: "))
        return f"{match[1]}\n{made}\n\n"

    return BLOCK.sub(fill, text)


def test_tables_are_those_of_the_schemas(repository):
    """Each field stands in the document with its type and bounds, and so does each limit."""
    path = repository / "docs" / "wire.md"
    text = path.read_text(encoding="utf-8")
    if os.environ.get("LETHE_GOLDEN") == "refresh":
        path.write_text(filled(text), encoding="utf-8")
        text = path.read_text(encoding="utf-8")

    assert text == filled(text)


@pytest.mark.parametrize("name", ["turn", "session", "session_meta", "tool_call", "usage"])
def test_every_definition_has_its_place(repository, name):
    """No definition of the contract is left out."""
    assert f"<!-- fields: {name} -->" in (repository / "docs" / "wire.md").read_text()


def test_every_limit_is_told(repository):
    """Each size and count that both ends share is in the table."""
    shared = {name for name in vars(limits) if name.startswith("MAX_")}
    elsewhere = {"MAX_INTEGER", "MAX_SEQ", "MAX_TIMESTAMP", "MAX_BATCH_AGE_SECONDS"}
    listed = set(re.findall(r'"(MAX_\w+)":', (repository / "tests/docs/test_wire.py").read_text()))

    assert shared - elsewhere == listed
