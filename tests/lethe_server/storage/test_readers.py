"""Readers: a time budget, and no snapshot that is held."""

from __future__ import annotations

import threading

import pytest

from lethe_server.errors import QueryTimeout
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.readers import ReaderPool

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
WAIT = 30.0


@pytest.fixture
def path(tmp_path):
    """An empty database."""
    path = prepare_directory(tmp_path)
    open_database(path, writer=True).close()
    return path


@pytest.mark.promise("I20", "A5", "P10")
def test_i20_a_query_has_a_time_budget(path):
    """A query beyond its budget fails, and its reader serves the next one."""
    pool = ReaderPool(path, size=1, budget=0.02)
    try:
        with pytest.raises(QueryTimeout):
            pool.submit(lambda connection: connection.execute(ENDLESS).fetchall()).result(WAIT)
        assert [(1,)] == pool.submit(
            lambda connection: connection.execute("SELECT 1").fetchall()
        ).result(WAIT)
    finally:
        pool.close()


def test_queries_run_side_by_side(path):
    """As many queries as there are readers run at a time."""
    pool = ReaderPool(path, size=2)
    barrier = threading.Barrier(2, timeout=WAIT)
    try:
        futures = [pool.submit(lambda _connection: barrier.wait()) for _ in range(2)]
        assert {0, 1} == {future.result(WAIT) for future in futures}
    finally:
        pool.close()
