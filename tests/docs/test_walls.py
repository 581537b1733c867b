"""The walls between the distributions: who may import whom."""

from __future__ import annotations

import ast
import re

import pytest

PACKAGE = re.compile(r"lethe_[a-z_]+")

#: What only storage and search of the server may import.
DATABASES = {"apsw", "peewee", "playhouse", "sqlite3"}


def imports_of(path):
    """List the modules that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module)
    return names


def package_of(path):
    """Name the package that a module belongs to."""
    return path.parts[path.parts.index("src") + 1]


@pytest.fixture(scope="module")
def imported(modules):
    """What each module imports."""
    return {path: imports_of(path) for path in modules}


def test_core_imports_none_of_the_others(imported):
    """`lethe_core` knows neither server nor collector nor a plugin."""
    wrong = {
        str(path): found
        for path, names in imported.items()
        if package_of(path) == "lethe_core"
        and (found := {n for n in names if PACKAGE.match(n) and not n.startswith("lethe_core")})
    }

    assert wrong == {}


def test_the_others_import_core_alone(imported):
    """Server, collector and each plugin import of lethe the core and themselves."""
    wrong = {
        str(path): found
        for path, names in imported.items()
        if (
            found := {
                name
                for name in names
                if PACKAGE.match(name)
                and name.partition(".")[0] not in {"lethe_core", package_of(path)}
            }
        )
    }

    assert wrong == {}


def test_only_storage_knows_the_database(imported):
    """In the server, a database's library is imported below `storage/` and `search/` alone."""
    wrong = {
        str(path): found
        for path, names in imported.items()
        if package_of(path) == "lethe_server"
        and not {"storage", "search"} & set(path.parts)
        and (found := {name for name in names if name.partition(".")[0] in DATABASES})
    }

    assert wrong == {}


def test_handlers_hold_no_sql(modules):
    """A handler asks a service; it writes no SQL."""
    words = r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b"
    statement = re.compile(words, re.DOTALL)
    wrong = [
        f"{path}:{node.lineno}"
        for path in modules
        if package_of(path) == "lethe_server" and path.stem.startswith("handler")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and statement.search(node.value)
    ]

    assert wrong == []


def test_core_does_no_network(imported):
    """`lethe_core` opens no connection; `service` alone tells systemd on this machine."""
    network = ("aiohttp", "http", "requests", "socket", "ssl", "urllib.request")
    wrong = {
        str(path): found
        for path, names in imported.items()
        if package_of(path) == "lethe_core"
        and path.name != "service.py"
        and (found := {name for name in names if name.startswith(network)})
    }

    assert wrong == {}


def test_environment_is_read_in_few_places(modules, repository):
    """Settings come from `config.py`; the exceptions are a parser's roots, systemd, and tests."""
    allowed = re.compile(
        r"^plugins/|/up/"
        r"|/(config|command|cli|daemon|places|roots|paths|status_command|failpoints|golden)\.py$"
    )
    wrong = [
        f"{name}:{node.lineno}"
        for path in modules
        if not allowed.search(name := str(path.relative_to(repository)))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}
    ]

    assert wrong == []
