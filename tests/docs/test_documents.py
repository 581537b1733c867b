"""The documents name what there is, and lead to each other."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import re
from types import FunctionType

import pytest

import lethe_core
from lethe_core import errors, hookspecs

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
PYTHON = re.compile(r"```python\n(?P<code>.*?)```", re.DOTALL)


def test_links_lead_somewhere(documents, repository):
    """Each relative link of a document resolves, its anchor included."""
    broken = []
    for path, text in documents.items():
        for link in LINK.finditer(text):
            target = (path.parent / link["target"]).resolve()
            where = f"{path.relative_to(repository)}: {link[0]}"
            if not target.exists() or (
                link["anchor"] and link["anchor"][1:] not in anchors(target)
            ):
                broken.append(where)

    assert broken == []


def anchors(path):
    """List the anchors that a page has on the usual hosts of repositories."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_python_blocks_compile(documents, repository):
    """What is shown as Python is Python."""
    for path, text in documents.items():
        for block in PYTHON.finditer(text):
            try:
                ast.parse(block["code"])
            except SyntaxError as error:
                pytest.fail(f"{path.relative_to(repository)}: {error}")


def test_index_leads_to_every_page(documents, repository):
    """No page of the documentation is left out of the index."""
    docs = repository / "docs"
    index = documents[docs / "index.md"]
    linked = {(docs / link["target"]).resolve() for link in LINK.finditer(index)}
    pages = {path for path in documents if docs in path.parents} - {docs / "index.md"}
    through = {
        (page.parent / link["target"]).resolve()
        for page in linked & pages
        for link in LINK.finditer(documents[page])
    }

    assert {str(page.relative_to(repository)) for page in pages - linked - through} == set()


def test_decisions_are_short(documents, repository):
    """A decision fits on a page and has its four parts."""
    decisions = {
        path: text
        for path, text in documents.items()
        if path.parent == repository / "docs" / "decisions"
    }

    assert len(decisions) >= 9
    for path, text in decisions.items():
        parts = re.findall(r"^## (\w+)$", text, re.MULTILINE)
        assert parts == ["Context", "Choice", "Rejected", "Consequence"], path.name
        assert text.count("\n") <= 60, path.name


def all_errors():
    """Give all classes of errors of the installed distributions."""
    for package in ("lethe_core", "lethe_server", "lethe_collector", "lethe_client"):
        if importlib.util.find_spec(f"{package}.errors"):
            importlib.import_module(f"{package}.errors")
    waiting = [errors.LetheError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.__module__.startswith("lethe_") and error is not errors.LetheError:
            yield error


def test_every_error_code_is_documented(documents):
    """A code that somebody meets can be looked up."""
    everything = "\n".join(documents.values())
    codes = {error.code for error in all_errors()}

    assert {code for code in codes if f"`{code}`" not in everything} == set()


def test_every_hook_is_documented(documents):
    """Each hook is shown where authors look."""
    hooks = [name for name in vars(hookspecs) if name.startswith("lethe_")]
    tutorial = next(text for path, text in documents.items() if path.name == "writing-a-parser.md")

    assert hooks
    assert [hook for hook in hooks if f"def {hook}(" not in tutorial] == []


def test_every_room_of_the_core_is_described(documents):
    """Each module of `lethe_core` stands in the table of the architecture."""
    page = next(text for path, text in documents.items() if path.name == "architecture.md")
    rooms = {name for _, name, _ in pkgutil.iter_modules(lethe_core.__path__)}

    assert {room for room in rooms if f"`{room}`" not in page} == set()


def test_every_public_name_has_a_docstring():
    """Whoever asks Python for help on a public name gets some."""
    silent = [
        name
        for name in lethe_core.__all__
        if isinstance(value := getattr(lethe_core, name), type | FunctionType)
        and not (value.__doc__ or "").strip()
    ]

    assert silent == []
