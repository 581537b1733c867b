"""Server-sent events: what is told, to whom, and what is not missed."""

from __future__ import annotations

import asyncio

import pytest

from lethe_server.events import feed, handler
from lethe_server.storage import TokenBook, changes


async def test_new_turn_is_told(archive, opened, event):
    """A turn that is stored comes with its session, as the session is listed."""
    stream = await opened(archive)
    await archive.send(event(1, content="water the roses"))

    told = await stream.session()
    listed = (await archive.get("/sessions"))["sessions"]
    turn = {"turn_id": "turn-1", "seq": 10, "role": "user", "timestamp": 1_700_000_001.0}
    assert told == {"session": listed[0], "turns": [turn], "more": False}
    assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.response.headers["Cache-Control"] == "no-store"


async def test_changed_turn_and_title_are_told(archive, opened, event):
    """A revision names its turn; a title that came later changes the session alone."""
    await archive.send(event(1), event(2), event(3))
    stream = await opened(archive)
    await archive.send(event(2, content="another", revision=1))
    titled = {"tool": "claude-code", "host": "laptop", "session_id": "s1", "seq": 40}
    title = {"kind": "session", "session_meta": {"title": "Garden", "title_source": "custom"}}

    assert [turn["turn_id"] for turn in (await stream.session())["turns"]] == ["turn-2"]
    await archive.send(titled | title)
    told = await stream.session()
    assert (told["session"]["title"], told["turns"]) == ("Garden", [])


@pytest.mark.promise("P4")
async def test_repetition_is_no_change(archive, opened, event):
    """What was stored already is not told again."""
    await archive.send(event(1), event(2))
    stream = await opened(archive)
    await archive.send(event(1), event(2))
    await archive.send(event(3))

    assert [turn["turn_id"] for turn in (await stream.session())["turns"]] == ["turn-3"]


async def test_many_turns_are_named_in_part(archive, opened, event, monkeypatch):
    """Of many turns the first are named, and that there are more."""
    monkeypatch.setattr(changes, "NAMED_TURNS", 2)
    stream = await opened(archive)
    await archive.send(event(1), event(2), event(3))

    told = await stream.session()
    assert [turn["turn_id"] for turn in told["turns"]] == ["turn-1", "turn-2"]
    assert told["more"] is True


async def test_shared_usage_changes_the_other_session(archive, opened, event):
    """Tokens of a reply that grow in one session are told of the other that carries it, too."""
    usage = {"key": "reply", "input": 1, "output": 2}
    await archive.send(event(1, role="assistant", usage=usage))
    await archive.send(event(1, role="assistant", usage=usage, session_id="fork"))
    stream = await opened(archive)
    await archive.send(event(2, role="assistant", usage=usage | {"output": 9}, session_id="fork"))

    told = {data["session"]["session_id"]: data for data in [await stream.session() for _ in "ab"]}
    assert {name: data["session"]["tokens_out"] for name, data in told.items()} == {
        "s1": 9,
        "fork": 9,
    }


class TestResume:
    """Going on after the last id that was seen."""

    async def test_nothing_is_missed_across_a_restart(self, make_archive, opened, event):
        """What was stored while nobody followed, also before a restart, is told at once."""
        archive = await make_archive()
        stream = await opened(archive)
        await archive.send(event(1))
        await stream.session()
        stream.response.close()
        await archive.send(event(2))
        await archive.send(event(3, session_id="s2"))
        await archive.client.close()

        again = await opened(await make_archive(), last_id=stream.last_id)
        told = [await again.session() for _ in range(2)]
        assert [data["session"]["session_id"] for data in told] == ["s1", "s2"]
        assert [turn["turn_id"] for data in told for turn in data["turns"]] == ["turn-2", "turn-3"]

    async def test_id_comes_with_the_last_of_a_page(self, archive, opened, event):
        """Sessions that are folded into one page share one id: none is lost between them."""
        begin = await opened(archive)
        for number in range(1, 7):
            await archive.send(event(number, session_id=f"s{number % 2}"))
        stream = await opened(archive, last_id=begin.last_id)
        messages = [await stream.next() for _ in range(2)]

        assert [message.data["session"]["session_id"] for message in messages] == ["s1", "s0"]
        assert [message.id is None for message in messages] == [True, False]
        assert [len(message.data["turns"]) for message in messages] == [3, 3]

    async def test_many_pages_are_told(self, archive, opened, event, monkeypatch):
        """A long absence is told page by page."""
        monkeypatch.setattr(changes, "PAGE_CHANGES", 2)
        stream = await opened(archive)
        stream.response.close()
        for number in range(1, 8):
            await archive.send(event(number, session_id=f"s{number}"))
        again = await opened(archive, last_id=stream.last_id)

        told = [(await again.session())["session"]["session_id"] for _ in range(7)]
        assert told == [f"s{number}" for number in range(1, 8)]

    @pytest.mark.parametrize("last_id", ["", "x", "7", "1-0", "99-1f", "-1-1", "0-1", "9" * 400])
    async def test_unknown_id_is_a_reset(self, archive, opened, event, last_id):
        """Whatever is no place of the log says that something is missing, and goes on."""
        await archive.send(event(1))
        stream = await opened(archive, last_id=last_id)
        message = await stream.next()
        await archive.send(event(2))

        assert (message.event, message.data) == ("reset", {})
        assert [turn["turn_id"] for turn in (await stream.session())["turns"]] == ["turn-2"]

    async def test_too_long_an_absence_is_a_reset(self, archive, opened, event, monkeypatch):
        """A place that was cut off the log says so."""
        monkeypatch.setattr(changes, "KEPT_CHANGES", 3)
        places = [(await opened(archive)).last_id]
        for number in range(1, 6):
            await archive.send(event(number))
            places.append((await opened(archive)).last_id)
        heard = []
        for place in places:
            stream = await opened(archive, last_id=place)
            if place == places[-1]:
                await archive.send(event(9))
            heard.append((await stream.next()).event)

        assert heard == ["reset"] * 3 + ["session"] * 3


class TestOwners:
    """Each follows what is theirs."""

    @pytest.mark.promise("A17", "A3")
    async def test_a17_another_owner_moves_nothing(self, archive, opened, event):
        """Neither a message nor an id tells that somebody else stores something."""
        stream = await opened(archive)
        await archive.send(event(1))
        await stream.session()
        bob = archive.as_user("bob")
        for number in range(30):
            await bob.send(event(number, session_id=f"b{number}"))
        quiet = await opened(archive)
        await archive.send(event(2))

        assert quiet.last_id == stream.last_id
        assert (await stream.session())["session"]["turns"] == 2
        assert stream.last_id.startswith("2-")

    @pytest.mark.promise("A16", "A3")
    async def test_a16_id_of_another_owner_is_unknown(self, archive, opened, event):
        """An id of somebody else is answered like one that never was."""
        bob = archive.as_user("bob")
        await archive.send(event(1))
        await bob.send(event(1))
        foreign = (await opened(bob)).last_id
        own = (await opened(archive)).last_id
        heard = []
        for last_id in (foreign, "1-abc"):
            stream = await opened(archive, last_id=last_id)
            heard.append(await stream.next())

        assert heard[0] == heard[1]
        assert (heard[0].event, heard[0].id) == ("reset", own)

    @pytest.mark.promise("A14", "A3")
    @pytest.mark.parametrize("owner", ["alice", "bob", "*", "", "ALICE"])
    async def test_a14_owner_is_for_admins(self, archive, follow, owner):
        """Nobody but an admin may name an owner, not even themselves."""
        stream = await follow(archive, status=403, owner=owner)

        assert (await stream.response.json())["code"] == "FORBIDDEN"

    async def test_admin_follows_somebody_else(self, archive, opened, event):
        """An admin who names an owner follows that owner."""
        stream = await opened(archive.as_user("root"), owner="alice")
        await archive.send(event(1))

        assert (await stream.session())["session"]["session_id"] == "s1"

    async def test_unknown_parameter_is_refused(self, archive, follow):
        """A parameter that does not exist is a 400."""
        await follow(archive, status=400, since="1")


class TestEnd:
    """How a stream ends, and what keeps it alive."""

    async def test_heartbeat(self, archive, opened, monkeypatch):
        """While nothing happens, comments are sent."""
        monkeypatch.setattr(handler, "HEARTBEAT_SECONDS", 0.01)
        stream = await opened(archive)

        assert [(await stream.next(comments=True)).event for _ in range(2)] == ["", ""]

    @pytest.mark.promise("P14")
    async def test_stream_ends_with_the_server(self, archive, opened):
        """A server that stops ends its streams; it does not wait for them."""
        streams = [await opened(archive) for _ in range(3)]
        async with asyncio.timeout(30):
            await archive.client.server.close()

        assert [await stream.next() for stream in streams] == [None] * 3

    @pytest.mark.promise("A1")
    async def test_revoked_token_ends_the_stream(
        self, archive, opened, make_token, make_config, monkeypatch
    ):
        """Nothing is told any more once the credential that opened the stream is out of force."""
        monkeypatch.setattr(handler, "HEARTBEAT_SECONDS", 0.05)
        headers = {"Authorization": f"Bearer {make_token(name='page')}"}
        stream = await opened(archive, headers=headers)
        with TokenBook(make_config().data_dir) as book:
            book.revoke(owner="alice", name="page")

        assert await stream.next() is None

    @pytest.mark.promise("A5")
    async def test_streams_are_bounded(self, archive, opened, follow, monkeypatch):
        """A user who opens too many streams is refused; others are not concerned."""
        monkeypatch.setattr(feed, "MAX_USER_STREAMS", 2)
        for _ in range(2):
            await opened(archive)
        refused = await follow(archive, status=503)
        await opened(archive.as_user("bob"))

        assert (await refused.response.json())["code"] == "UNAVAILABLE"
        assert "Retry-After" in refused.response.headers

    @pytest.mark.promise("A5")
    async def test_a_closed_stream_is_noticed_at_once(self, at_the_edge, opened, monkeypatch):
        """The place of a stream is free when its client goes away, not at the next heartbeat."""
        monkeypatch.setattr(handler, "HEARTBEAT_SECONDS", 3600.0)
        monkeypatch.setattr(feed, "MAX_USER_STREAMS", 1)
        (await opened(at_the_edge)).response.close()
        status = 0
        async with asyncio.timeout(30):
            while status != 200:
                async with at_the_edge.client.get(
                    "/api/v1/events", headers={"Remote-User": at_the_edge.user}
                ) as answer:
                    status = answer.status
