"""The real process: killed in the middle, stopped in order, asked from outside."""

from __future__ import annotations

import asyncio
import contextlib
import http
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import sys
import time

import aiohttp
import pytest

from lethe_server.auth.tokens import ensure_token

#: How long anything may take that is waited for, in seconds.
PATIENCE = 90.0
BATCH = 7


class Process:
    """A server in a process of its own, on a data directory that outlives it."""

    def __init__(self, directory) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.port_file = directory / "port"
        self.config = directory / "server.yaml"
        self.config.write_text('listen: "127.0.0.1:0"\nauth: {allowed_users: [alice]}\n')
        self.secret = ensure_token(self.data, owner="alice", name="test", scopes=("ingest", "read"))
        self.process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.pid = 0

    async def start(self, *prefix: str, fail: str = "") -> None:
        """Start it and wait until it is ready."""
        self.port_file.unlink(missing_ok=True)
        self.pid = 0
        arguments = ["serve", "--config", self.config, "--data-dir", self.data]
        self.process = await asyncio.create_subprocess_exec(
            *prefix,
            *(sys.executable, "-m", "lethe_server"),
            *map(str, [*arguments, "--port-file", self.port_file]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | {"LETHE_FAIL": fail},
        )
        end = time.monotonic() + PATIENCE
        while not self.port_file.exists():
            assert self.process.returncode is None, await self.output()
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        place = json.loads(self.port_file.read_text())
        self.url = f"http://127.0.0.1:{place['port']}"
        self.pid = place["pid"]  # not that of the process if something traces it

    async def output(self) -> tuple[bytes, bytes]:
        """Wait for the end and return what it wrote."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.communicate()

    async def kill(self) -> None:
        """Kill it and wait for its end."""
        for pid in {self.pid, self.process.pid} - {0}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.output()

    def client(self) -> aiohttp.ClientSession:
        """A client that is signed in."""
        return aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.secret}"})

    async def send(self, client, name, number, size=BATCH) -> bool:
        """Send one batch of a session of its own; tell whether it was acknowledged.

        A server that has too much to do may say so; anything else but an acknowledgement fails.
        """
        events = [
            {"tool": "t", "host": "h", "session_id": name, "turn_id": f"{number}-{index}",
             "seq": number * 1000 + index, "role": "user", "content": f"text {index}"}
            for index in range(size)
        ]  # fmt: skip
        body = "\n".join(map(json.dumps, events)).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        url = f"{self.url}/api/v1/ingest"
        async with client.post(url, data=body, headers=headers) as answer:
            counted = await answer.json()
            if answer.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                return False
            assert (200, size) == (answer.status, counted["accepted"])
            return True

    async def stored(self, client, names) -> dict[tuple[str, int], int]:
        """How many turns of each batch are there."""
        found: dict[tuple[str, int], int] = {}
        for name in names:
            async with client.get(f"{self.url}/api/v1/sessions/t/h/{name}") as answer:
                turns = (await answer.json()).get("turns", [])
            for turn in turns:
                key = (name, int(turn["turn_id"].split("-")[0]))
                found[key] = found.get(key, 0) + 1
        return found


@pytest.fixture
async def process(tmp_path):
    """A server that is not started yet; killed at the end."""
    process = Process(tmp_path)
    yield process
    if process.process is not None and process.process.returncode is None:
        await process.kill()


async def send_until_it_dies(process, client, names, acknowledged, attempted):
    """Send batches of all sessions at a time until the connection breaks."""

    async def worker(name):
        with contextlib.suppress(aiohttp.ClientError):
            for number in range(10_000):
                if (name, number) in acknowledged:
                    continue
                attempted.add((name, number))
                if await process.send(client, name, number):
                    acknowledged.add((name, number))

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*map(worker, names))


async def assert_whole(process, client, names, acknowledged, attempted):
    """Each acknowledged batch is there, each other one is there whole or not at all."""
    found = await process.stored(client, names)
    assert acknowledged <= set(found)
    assert set(found) <= attempted
    assert {BATCH} >= set(found.values())


@pytest.mark.promise("I01", "P1", "P11")
@pytest.mark.parametrize("fail", ["server.commit.before=kill@6", "server.commit.after=kill@6"])
async def test_i01_killed_at_commit_it_keeps_what_it_acknowledged(process, fail):
    """Killed right before or after COMMIT, it loses nothing acknowledged and halves nothing."""
    names = [f"s{number}" for number in range(6)]
    acknowledged, attempted = set(), set()
    async with process.client() as client:
        await process.start(fail=fail)
        await send_until_it_dies(process, client, names, acknowledged, attempted)
        await process.output()
        assert -signal.SIGKILL == process.process.returncode
        assert acknowledged

        await process.start()
        await assert_whole(process, client, names, acknowledged, attempted)


@pytest.mark.slow
@pytest.mark.promise("I01", "P1", "P11")
async def test_i01_killed_at_random_it_keeps_what_it_acknowledged(process):
    """Killed 25 times while 200 clients send, it loses nothing acknowledged, halves nothing."""
    seed = random.randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")  # shown if it fails
    dice = random.Random(seed)
    names = [f"s{number}" for number in range(200)]
    acknowledged, attempted = set(), set()
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {process.secret}"}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as client:
        for _ in range(25):
            await process.start()
            sending = asyncio.create_task(
                send_until_it_dies(process, client, names, acknowledged, attempted)
            )
            await asyncio.sleep(dice.uniform(0.0, 1.5))
            await process.kill()
            await sending
        await process.start()
        await assert_whole(process, client, names, acknowledged, attempted)
    assert acknowledged


@pytest.mark.slow
@pytest.mark.promise("I02", "P1")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_i02_the_log_is_synced_before_the_answer(process, tmp_path):
    """Between the last write to the log and each answer stands a sync of the log."""
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,fdatasync,fsync,write,sendto,writev,sendmsg"
    await process.start("strace", "-f", "-yy", "-s", "16", "-e", calls, "-o", str(trace))
    async with process.client() as client:
        for number in range(20):
            assert await process.send(client, "s", number)
    os.kill(process.pid, signal.SIGTERM)
    await process.output()

    dirty, answers = False, 0
    for line in trace.read_text(errors="replace").splitlines():
        if "lethe.db-wal" in line:
            dirty = "pwrite64(" in line or (dirty and "sync(" not in line)
        elif "HTTP/1.1 200" in line:
            answers += 1
            assert not dirty, line
    assert 20 == answers


@pytest.mark.promise("O07", "P14", "P1")
async def test_o07_it_ends_in_order(process):
    """SIGTERM lets requests end that are being handled, keeps all of them, and exits with 0."""
    await process.start()
    async with process.client() as client:
        sending = [asyncio.create_task(process.send(client, f"s{n}", 0)) for n in range(50)]
        done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        assert done
        process.process.send_signal(signal.SIGTERM)
        outcomes = await asyncio.gather(*sending, return_exceptions=True)
        acknowledged = {(f"s{n}", 0) for n, kept in enumerate(outcomes) if kept is True}
        out, err = await process.output()
        assert (0, b"") == (process.process.returncode, out)
        assert b"stopped" in err
        assert not process.port_file.exists()

        await process.start()
        found = await process.stored(client, [f"s{n}" for n in range(50)])
    assert acknowledged <= set(found)
    assert {BATCH} >= set(found.values())


@pytest.mark.promise("O08", "O01", "A7")
async def test_o08_the_port_file_is_private_and_a_busy_port_is_told(process, tmp_path):
    """The file tells host, port and pid to its user alone; the same port again is exit code 78."""
    other_file = tmp_path / "other"
    other_file.write_text("mine")
    # What somebody else put where the file is made leads nowhere.
    process.port_file.with_name(f".{process.port_file.name}.new").symlink_to(other_file)
    await process.start()
    assert other_file.read_text() == "mine"
    place = json.loads(process.port_file.read_text())
    assert ("127.0.0.1", process.process.pid) == (place["host"], place["pid"])
    assert 0o600 == stat.S_IMODE(process.port_file.stat().st_mode)

    second = Process(tmp_path / "second") if (tmp_path / "second").mkdir() is None else None
    arguments = ["serve", "--config", second.config, "--data-dir", second.data]
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lethe_server"),
        *map(str, [*arguments, "--listen", f"127.0.0.1:{place['port']}"]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(other.communicate(), PATIENCE)

    told, hint = err.splitlines()
    assert (78, b"") == (other.returncode, out)
    assert hint.startswith(b"hint: ")
    assert str(place["port"]).encode() in told


@pytest.mark.promise("I24", "O2")
async def test_i24_a_newer_database_ends_the_start_with_78(process):
    """A database of a later version is left as it is, and one line says so."""
    with sqlite3.connect(process.data / "lethe.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(AssertionError, match="upgrade lethe-server"):
        await process.start()

    assert 78 == process.process.returncode


@pytest.mark.promise("I09", "A8")
async def test_tokens_are_made_beside_a_running_server(process):
    """A token that a command makes works at once; one that it revokes does not for long."""
    await process.start()

    async def command(*arguments):
        ran = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lethe_server", "token"),
            *map(str, [*arguments, "--config", process.config, "--data-dir", process.data]),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(ran.communicate(), PATIENCE)
        assert ran.returncode == 0
        return out.decode()

    named = ("--owner", "alice", "--name", "second")
    secret = (await command("create", *named, "--scope", "read", "--days", "3")).strip()
    headers = {"Authorization": f"Bearer {secret}"}
    async with aiohttp.ClientSession(headers=headers) as client:

        async def ask():
            async with client.get(f"{process.url}/api/v1/sessions") as answer:
                return answer.status

        assert 200 == await ask()
        listed = await command("list")
        assert "second" in listed
        assert secret not in listed
        assert "revoked" in await command("revoke", *named)
        end = time.monotonic() + PATIENCE
        while await ask() != 401:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
