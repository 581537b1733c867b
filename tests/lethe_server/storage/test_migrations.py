"""Migrations: transactional, versioned, and careful with what is not ours."""

from __future__ import annotations

import ast
from pathlib import Path

import apsw
import pytest

from lethe_core.errors import ConfigInvalid
from lethe_server.storage import Store, migrations, schema
from lethe_server.storage.migrations import APPLICATION_ID, known_migrations, migrate

MODELS = (schema.Owner, schema.Token)


def tables(connection):
    """The names of all tables."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


@pytest.mark.promise("O2", "I23")
def test_i23_a_migration_that_fails_leaves_the_old_version(tmp_path):
    """Half a migration is none: version and tables are as before, and it can be tried again."""
    steps = known_migrations()
    connection = apsw.Connection(str(tmp_path / "x.db"))
    migrate(connection, steps)
    before = tables(connection)

    def broken(connection):
        connection.execute("CREATE TABLE half (a)")
        connection.execute("INSERT INTO sessions (id) VALUES ('no number')")

    def whole(connection):
        connection.execute("CREATE TABLE whole (a)")

    with pytest.raises(apsw.Error):
        migrate(connection, [*steps, broken])
    assert (len(steps), before) == (connection.pragma("user_version"), tables(connection))

    assert (len(steps), len(steps) + 1) == migrate(connection, [*steps, whole])
    assert "whole" in tables(connection)
    connection.close()


@pytest.mark.promise("O2", "I23")
def test_i23_a_migration_that_is_cut_off_at_any_statement_leaves_the_old_version(tmp_path):
    """Wherever the first migration stops, the next start makes the whole."""

    class Stop(Exception):
        pass

    total = len(known_migrations())
    for count in range(1, 12):
        path = str(tmp_path / f"{count}.db")
        connection = apsw.Connection(path)
        seen = [0]

        def trace(_cursor, _sql, _bindings, seen=seen, count=count):
            seen[0] += 1
            if seen[0] > count + 4:  # the first ones look at the version
                raise Stop
            return True

        connection.exec_trace = trace
        with pytest.raises(Stop):
            migrate(connection)
        connection.close()

        again = apsw.Connection(path)
        migrate(again)
        assert total == again.pragma("user_version")
        again.close()


@pytest.mark.promise("I24", "O2")
def test_i24_a_newer_database_is_refused(tmp_path):
    """A database of a later version is not touched."""
    Store.open(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "lethe.db"))
    connection.pragma("user_version", 99)
    connection.close()

    with pytest.raises(ConfigInvalid, match="has version 99"):
        Store.open(tmp_path)


@pytest.mark.promise("I24")
def test_i24_anothers_database_is_refused(tmp_path):
    """A file that is a database of something else is not touched."""
    connection = apsw.Connection(str(tmp_path / "lethe.db"))
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()

    with pytest.raises(ConfigInvalid, match="no database of lethe"):
        Store.open(tmp_path)


def test_a_database_is_ours_and_of_this_version(tmp_path):
    """Application id and version are set with the tables."""
    Store.open(tmp_path).close()
    connection = apsw.Connection(str(tmp_path / "lethe.db"))

    assert APPLICATION_ID == connection.pragma("application_id")
    assert len(known_migrations()) == connection.pragma("user_version")
    connection.close()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_models_describe_the_tables(model):
    """Each model has exactly the columns of its table, and knows which may be null."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    table = model._meta.table_name
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()

    expected = {name: not required and not key for _, name, _, required, _, key in columns}
    described = {field.column_name: field.null for field in model._meta.sorted_fields}
    assert expected == described


def test_every_unique_key_starts_with_the_owner():
    """Tables can be distributed by owner: names are unique within an owner alone."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    for table in ("sessions", "turns", "usage"):
        for _, index, *_ in connection.execute(f"PRAGMA index_list({table})").fetchall():
            first = connection.execute(f"PRAGMA index_info('{index}')").fetchone()
            assert "owner" == first[2], index


def test_a_migration_imports_nothing_of_lethe():
    """What a migration does hangs on no constant that may change after it."""
    (folder,) = migrations.__path__
    paths = sorted(Path(folder).glob("m*.py"))

    assert len(known_migrations()) == len(paths)
    for path in paths:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        assert names <= {"__future__", "typing"}, path
