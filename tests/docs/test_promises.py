"""docs/promises.md and the marks of the tests speak of the same ids.

The list of proofs in the document is made from the marks: run once with ``LETHE_GOLDEN=refresh``
after a file has got its first test of an id, or lost its last one.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter, defaultdict

import pytest

ID = re.compile(r"^\| ([A-Z]\d{1,2}) \|", re.MULTILINE)
ROW = re.compile(r"test_([a-z]\d\d)_")
BLOCK = re.compile(r"(?<=<!-- proofs -->\n).*?(?=<!-- end -->)", re.DOTALL)


@pytest.fixture(scope="module")
def known(repository):
    """The ids in the document, in its order."""
    return ID.findall((repository / "docs" / "promises.md").read_text(encoding="utf-8"))


def proofs_in(path):
    """Give each test of a module with the ids that it, its class or its module is marked with."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                inner.outer = node
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test_"
        ):
            owners = [node, *([node.outer] if hasattr(node, "outer") else [])]
            yield node, {name for owner in owners for name in ids_of(owner)}


def ids_of(node):
    """List the ids of the promise marks of a function or class."""
    return [
        argument.value
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("mark.promise")
        for argument in decorator.args
    ]


def test_ids_stand_once(known):
    """Each id has one meaning; A10 alone is a promise and the row beside it."""
    assert [name for name, count in Counter(known).items() if count > 1] == ["A10"]
    assert len(known) > 150


def test_marks_name_known_ids(known, suites, repository):
    """A test proves a promise that there is."""
    unknown = [
        f"{path.relative_to(repository)}: {node.name}: {name}"
        for path in suites
        for node, names in proofs_in(path)
        for name in names - set(known)
    ]

    assert unknown == []


def test_names_carry_the_row_that_is_marked(known, suites, repository):
    """A test that is named after a row is marked with it."""
    wrong = []
    for path in suites:
        for node, names in proofs_in(path):
            row = ROW.match(node.name)
            if row and row[1].upper() in known and row[1].upper() not in names:
                wrong.append(f"{path.relative_to(repository)}: {node.name}")

    assert wrong == []


def test_every_test_states_its_contract(suites, repository):
    """Each test has a docstring whose first line is the contract."""
    silent = [
        f"{path.relative_to(repository)}: {node.name}"
        for path in suites
        for node, _ in proofs_in(path)
        if not (ast.get_docstring(node) or "").strip()
    ]

    assert silent == []


def state_machines_in(path):
    """Give the classes of a module whose test is a whole state machine, with their ids."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).endswith(".TestCase") for base in node.bases
        ):
            yield node, set(ids_of(node))


def listed(known, suites, repository):
    """Write for each id in which files the tests are that carry it."""
    where = defaultdict(set)
    for path in suites:
        for _, names in [*proofs_in(path), *state_machines_in(path)]:
            for name in names:
                where[name].add(f"`{path.relative_to(repository).as_posix()}`")
    lines = [
        f"* {name}: {', '.join(sorted(where[name])) or 'not proved yet'}"
        for name in dict.fromkeys(known)
    ]
    return "\n" + "\n".join(lines) + "\n\n"


def test_proofs_are_listed(known, suites, repository):
    """The document says of each promise and row where the tests are that prove it."""
    path = repository / "docs" / "promises.md"
    text = path.read_text(encoding="utf-8")
    wanted = BLOCK.sub(lambda _: listed(known, suites, repository), text)
    if os.environ.get("LETHE_GOLDEN") == "refresh":
        path.write_text(wanted, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == wanted
