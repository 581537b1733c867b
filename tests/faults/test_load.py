"""Many writers and readers at once."""

from __future__ import annotations

import sys
import threading
from collections import Counter

import pytest
from fakes.served import ServerProcess, turn

WRITERS = 10
REQUESTS = 100
TURNS = 10
READERS = 20
QUESTIONS = (
    "/api/v1/sessions",
    "/api/v1/search?q=words",
    "/api/v1/stats?group_by=tool",
    "/api/v1/sessions/toy/box/w1?turns=200",
    "/api/v1/projects",
    "/api/v1/hosts",
)
#: Runs the server with no budget of time for a question: how long a busy machine takes for one is
#: told by no 5xx here. Q08 and I20 prove the budgets.
UNHURRIED = """
import runpy, sys
from lethe_server.storage.readers import ReaderPool
execute = ReaderPool._execute
ReaderPool._execute = lambda self, query, budget: execute(self, query, 3600.0)
sys.argv = sys.argv[3:]  # behind: python -m lethe_server
runpy.run_module("lethe_server", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("I19", "P10")
def test_i19_many_writers_and_readers(tmp_path):
    """No answer is a 5xx, all that was acknowledged is there, and the log stays bounded."""
    server = ServerProcess(tmp_path)
    try:
        server.start(sys.executable, "-c", UNHURRIED)
        answers, sizes, ended = Counter(), [], threading.Event()
        lock = threading.Lock()
        log = server.database.with_name("lethe.db-wal")

        def note(status):
            with lock:
                answers[status] += 1
                sizes.append(log.stat().st_size)

        def write(name):
            for number in range(REQUESTS):
                first = number * TURNS
                turns = [turn(name, first + n, content="words " * 100) for n in range(TURNS)]
                note(server.send(*turns)[0])

        def read(number):
            while not ended.is_set():
                number += 1
                note(server.ask(QUESTIONS[number % len(QUESTIONS)])[0])

        writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(WRITERS)]
        readers = [threading.Thread(target=read, args=(n,)) for n in range(READERS)]
        server.send(turn("w1", 0, content="words"))
        for thread in writers + readers:
            thread.start()
        for thread in writers:
            thread.join()
        ended.set()
        for thread in readers:
            thread.join()
        sessions = server.get("/sessions?limit=200")["sessions"]
    finally:
        server.kill()

    assert set(answers) == {200}, answers
    assert answers[200] > WRITERS * REQUESTS
    assert Counter(row["turns"] for row in sessions) == {REQUESTS * TURNS: WRITERS}
    assert max(sizes) < 128 * 2**20  # 64 MiB, beside what the longest reader holds
