"""Nothing of a transcript and no credential reaches logs, metrics or errors (O03, O04, O05)."""

from __future__ import annotations

import io
import json

import pytest
from loguru import logger

from lethe_core.logs import configure_logs
from lethe_server.keys import JOURNAL, STORE

CANARY = "CANARY5f1e"


@pytest.fixture
def log():
    """All that is logged, at the lowest level."""
    stream = io.StringIO()
    configure_logs(level="debug", form="json", stream=stream)
    yield stream
    logger.remove()


@pytest.mark.promise("O03", "A7", "A8")
async def test_o03_a_canary_is_found_nowhere(archive, event, log, monkeypatch):
    """What stands in content, path, query, header and exception is not told to anybody else."""
    answers = []

    async def ask(path, **arguments):
        answer = await archive.client.request(arguments.pop("method", "GET"), path, **arguments)
        answers.append(await answer.text())

    user = {"Remote-User": "alice"}
    await archive.send(event(1, content=CANARY, metadata={"x": CANARY}, session_id=f"s{CANARY}"))
    await archive.post(f'{{"content": "{CANARY}", "role": "{CANARY}"}}\n{CANARY}'.encode())
    await ask("/api/v1/sessions", headers={"Authorization": f"Bearer lethe_{CANARY}"})
    await ask("/api/v1/sessions", headers={"Authorization": CANARY})
    await ask("/api/v1/sessions", headers={"Remote-User": f"{CANARY}, x"})
    await ask("/api/v1/sessions", headers={"Remote-User": CANARY})
    await ask(f"/api/v1/sessions?{CANARY}!=1", headers=user)
    await ask(f"/api/v1/sessions?limit={CANARY}", headers=user)
    await ask(f"/api/v1/sessions?since={CANARY}&tool={CANARY}", headers=user)
    await ask(f"/api/v1/sessions/{CANARY}/{CANARY}/{CANARY}", headers=user)
    await ask(f"/{CANARY}", headers=user)
    await ask("/api/v1/sessions", headers=user | {"Host": CANARY})

    async def fail(*_arguments):
        raise KeyError(CANARY)

    monkeypatch.setattr(archive.app[STORE], "query", fail)
    await ask("/api/v1/sessions", headers=user)
    await ask("/metrics")
    archive.app[JOURNAL].write()

    assert "INTERNAL" in answers[-2]
    for text in (*answers, log.getvalue()):
        assert CANARY not in text
    assert "KeyError" in log.getvalue()


@pytest.mark.promise("O05", "A5", "A3")
async def test_o05_series_are_bounded(archive, event):
    """Tools, hosts, sessions, users and odd methods make no series of their own."""

    async def series():
        text = await (await archive.client.get("/metrics")).text()
        return sum(not line.startswith("#") for line in text.splitlines())

    async def ask(number):
        tool, host = f"tool{number}", f"host{number}"
        await archive.send(event(1, tool=tool, host=host))
        await archive.get(f"/sessions/{tool}/{host}/s1")
        await archive.get(f"/path/{number}", status=404)
        headers = {"Remote-User": "alice"}
        await archive.client.request(f"ODD{number}", "/api/v1/sessions", headers=headers)
        await archive.client.get("/healthz")

    await series()
    await ask(0)
    before = await series()
    for number in range(1, 20):
        await ask(number)

    assert before == await series()


async def test_records_of_a_request_carry_its_name_and_user(archive, log):
    """Each line of a request's log says which request and whose it was."""
    answer = await archive.client.get("/api/v1/sessions", headers={"Remote-User": "bob"})
    archive.app[JOURNAL].write()

    line = next(line for line in log.getvalue().splitlines() if '"status": 200' in line)
    assert f'"request_id": "{answer.headers["X-Request-ID"]}"' in line
    assert '"user": "bob"' in line
    assert '"route": "/api/v1/sessions"' in line


async def test_what_goes_wrong_is_logged_under_name_and_user_of_the_request(
    archive, log, monkeypatch
):
    """What is logged while a request is handled says of which, and nothing of the one before."""

    async def fail(*_arguments):
        logger.info("within")
        raise KeyError

    monkeypatch.setattr(archive.app[STORE], "query", fail)
    answer = await archive.client.get("/api/v1/sessions", headers={"Remote-User": "bob"})
    logger.info("after")

    lines = log.getvalue().splitlines()
    within, failed, after = (
        json.loads(next(line for line in lines if words in line))
        for words in ("within", "a mistake", "after")
    )
    name = answer.headers["X-Request-ID"]
    assert (within["request_id"], within["user"]) == (name, "bob")
    assert failed["request_id"] == name
    assert "request_id" not in after
