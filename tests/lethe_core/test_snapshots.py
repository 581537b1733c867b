"""Documents that are rewritten whole: only what changed is sent, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe_core import Cursor, Piece, Place, SessionMeta, SnapshotParser, Source
from lethe_core.errors import PluginError, SourceReplaced, SourceUnreadable
from lethe_core.snapshots import SETTLE_SECONDS
from lethe_core.testing import ParserConformance, only_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lethe_core import Event, Record

_START = 1_700_000_000


class Chat(msgspec.Struct):
    """A chat of the toy tool."""

    messages: list[msgspec.Raw]
    title: msgspec.Raw = msgspec.Raw(b"null")


class ToyParser(SnapshotParser):
    """Reads chats of messages with id and text."""

    tool = "toy"
    label = "Toy"
    version = 1
    document_type = Chat
    piece_type = Any

    def default_roots(self) -> Iterable[Path]:
        """Name a place that is not there."""
        return [Path("/nonexistent/toy")]

    def split(self, document: Chat, source: Source) -> Iterable[Piece]:
        """Give the messages, then the title."""
        yield from map(Piece, document.messages)
        if bytes(document.title) != b"null":
            yield Piece(document.title)

    def map_piece(self, piece: Any, place: Place) -> Iterable[Event] | str:
        """Map a message or the title."""
        if isinstance(piece, str):
            return [place.session(SessionMeta(title=piece, title_source="custom"))]
        if "text" not in piece:
            return "no text"
        return [place.turn(turn_id=piece.get("id", ""), role="user", content=piece["text"])]


class UnfinishedParser(ToyParser):
    """An author has forgotten how the document is divided."""

    split = SnapshotParser.split


def test_parser_that_divides_nothing_says_what_to_define(tmp_path: Path) -> None:
    """The error reaches the author as a sentence, not as the type of an exception."""
    write(tmp_path / "a.json", messages(1))
    parser = UnfinishedParser()

    with pytest.raises(PluginError, match="neither `split` nor `pieces`") as caught:
        list(parser.read(only_source(parser, tmp_path), None))

    assert "define one of them" in caught.value.hint


class TestToyParser(ParserConformance):
    """The base keeps the contract of a parser."""

    parser_type = ToyParser

    def write_samples(self, root: Path) -> None:
        """Write a chat, one with a title and an empty one."""
        write(root / "a.json", messages(30))
        write(root / "b.json", messages(3), title="three")
        write(root / "c.json", [])


class Writer:
    """A file that is rewritten whole, a reader that remembers its cursor, and an archive.

    The archive keeps of each turn the copy with the greatest revision, as the server does.
    """

    def __init__(self, path: Path, parser: SnapshotParser | None = None) -> None:
        self.path = path
        self.parser = parser or ToyParser(clock=lambda: _START)
        self.cursor: Cursor | None = None
        self.archive: dict[str, tuple[int, str]] = {}
        self.conflicts = 0

    def read(self) -> list[Record]:
        """Read what is new, and archive it."""
        records = list(self.parser.read(only_source(self.parser, self.path), self.cursor))
        for record in records:
            self.take(record)
        return records

    def take(self, record: Record) -> None:
        """Archive one record and remember its cursor."""
        self.cursor = record.cursor
        for event in record.events:
            if not hasattr(event, "turn_id"):
                continue
            known = self.archive.get(event.turn_id, (-1, ""))
            self.conflicts += event.revision == known[0] and event.content != known[1]
            self.archive[event.turn_id] = max(known, (event.revision, event.content))

    def texts(self) -> dict[str, str]:
        """Give the text of each turn."""
        return {turn_id: text for turn_id, (_, text) in self.archive.items()}


def messages(count: int, text: str = "text") -> list[dict[str, Any]]:
    """Make messages with ids."""
    return [{"id": f"m{number}", "text": f"{text} {number}"} for number in range(count)]


def write(path: Path, chat: list[dict[str, Any]], *, at: float = _START, title: str = "") -> None:
    """Write a chat, modified at a time in Unix seconds."""
    document = {"messages": chat, "updated": at} | ({"title": title} if title else {})
    path.write_text(json.dumps(document), encoding="utf-8")
    os.utime(path, (at, at))


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    """Give a writer whose file is not there yet."""
    return Writer(tmp_path / "chat.json")


class TestChanges:
    """What is sent after a rewrite."""

    def test_unchanged_document_gives_nothing(self, writer: Writer) -> None:
        """A document with the same pieces gives no record, whatever else in it changed."""
        write(writer.path, messages(20), title="t")
        assert len(writer.read()) == 21
        write(writer.path, messages(20), title="t", at=_START + 5)
        assert writer.read() == []

    def test_new_messages_alone_are_sent(self, writer: Writer) -> None:
        """Of a document that grew, what is new is sent."""
        write(writer.path, messages(1000))
        writer.read()
        write(writer.path, messages(1003), at=_START + 1)
        assert [r.events[0].turn_id for r in writer.read()] == ["m1000", "m1001", "m1002"]

    def test_a_title_behind_the_messages_costs_one_event(self, writer: Writer) -> None:
        """A piece that stays behind growing ones is repeated, and nothing else is."""
        write(writer.path, messages(100), title="t")
        writer.read()
        write(writer.path, messages(101), title="t", at=_START + 1)
        assert [type(r.events[0]).__name__ for r in writer.read()] == ["TurnEvent", "SessionEvent"]

    @pytest.mark.promise("P5")
    def test_changed_message_has_a_higher_revision(self, writer: Writer) -> None:
        """A message that was completed in place replaces what was sent of it."""
        write(writer.path, messages(50))
        (before,) = writer.read()[-1].events
        write(writer.path, [*messages(49), {"id": "m49", "text": "done"}], at=_START + 1)
        (record,) = writer.read()
        (after,) = record.events
        assert (after.turn_id, after.content, after.seq) == ("m49", "done", before.seq)
        assert after.revision > before.revision

    def test_change_within_a_millisecond_has_a_higher_revision(self, writer: Writer) -> None:
        """Two versions that the time of modification does not tell apart have two revisions."""
        for text in ("one", "two", "three"):
            write(writer.path, [{"id": "m", "text": text}])
            writer.read()
        assert writer.archive == {"m": (_START * 1000 + 2, "three")}

    def test_change_after_the_clock_was_set_back_has_a_higher_revision(
        self, writer: Writer
    ) -> None:
        """A clock that runs backwards does not make an update look old."""
        write(writer.path, [{"id": "m", "text": "one"}])
        writer.read()
        write(writer.path, [{"id": "m", "text": "two"}], at=_START - 86400)
        writer.read()
        assert writer.texts() == {"m": "two"}

    def test_lost_state_does_not_regress(self, writer: Writer) -> None:
        """What is read anew without a cursor has the revision of its time of modification."""
        for step in range(5):
            write(writer.path, [{"id": "m", "text": f"step {step}"}], at=_START + step)
            writer.read()
        revision = writer.archive["m"][0]
        writer.cursor = None
        writer.read()
        assert writer.archive["m"] == (revision, "step 4")
        writer.cursor = None
        write(writer.path, [{"id": "m", "text": "new"}], at=_START + 60)
        writer.read()
        assert writer.texts() == {"m": "new"}

    @pytest.mark.promise("P5", "C33")
    def test_c33_older_backup_does_not_regress_after_lost_state(self, writer: Writer) -> None:
        """An older version of the file that is read without a cursor replaces nothing newer."""
        write(writer.path, [{"id": "m", "text": "new"}], at=_START + 60)
        writer.read()
        writer.cursor = None
        write(writer.path, [{"id": "m", "text": "old"}, {"id": "n", "text": "n"}])
        writer.read()
        assert writer.texts() == {"m": "new", "n": "n"}

    def test_removed_messages_stay_in_the_archive(self, writer: Writer) -> None:
        """A rewind in the tool removes nothing, and what follows it is sent."""
        write(writer.path, messages(40))
        writer.read()
        branch = [*messages(20), {"id": "other", "text": "another way"}]
        write(writer.path, branch, at=_START + 1)
        writer.read()
        assert len(writer.texts()) == 41
        assert writer.texts()["other"] == "another way"

    def test_cursor_is_bounded(self, writer: Writer) -> None:
        """A cursor has a few hundred characters however long the session is."""
        write(writer.path, messages(20_000))
        assert max(len(record.cursor) for record in writer.read()) < 500

    def test_other_session_of_a_piece(self, tmp_path: Path) -> None:
        """A piece may name its session; another name makes it another piece."""

        class Named(ToyParser):
            name = "one"

            def split(self, document: Chat, source: Source) -> Iterator[Piece]:
                yield from (Piece(raw, session_id=self.name) for raw in document.messages)

        writer = Writer(tmp_path / "a.json", Named())
        write(writer.path, messages(1))
        assert [r.events[0].session_id for r in writer.read()] == ["one"]
        Named.name = "two"
        assert [r.events[0].session_id for r in writer.read()] == ["two"]


_TEXTS = st.lists(st.sampled_from("abc"), max_size=30)


@given(versions=st.lists(_TEXTS, min_size=1, max_size=6), data=st.data())
def test_every_version_is_archived_wherever_reading_stopped(
    tmp_path_factory: pytest.TempPathFactory, versions: list[list[str]], data: st.DataObject
) -> None:
    """After any rewrites, and stops between any two records, the last version is archived."""
    writer = Writer(tmp_path_factory.mktemp("versions") / "chat.json")
    for version in versions:
        step = data.draw(st.integers(-1, 1))
        chat = [{"id": f"m{place}", "text": text} for place, text in enumerate(version)]
        write(writer.path, chat, at=_START + step)
        stop = data.draw(st.integers(0, len(chat)))
        source = only_source(writer.parser, writer.path)
        for _, record in zip(range(stop), writer.parser.read(source, writer.cursor), strict=False):
            writer.take(record)
    writer.read()
    texts = writer.texts()
    assert {f"m{place}": text for place, text in enumerate(versions[-1])}.items() <= texts.items()
    assert writer.conflicts == 0
    assert writer.read() == []


class TestTornDocument:
    """A document that is seen in the middle of being written, or was left so."""

    def test_half_written_document_is_retried(self, tmp_path: Path) -> None:
        """A document cut anywhere is read later and costs no turn."""
        writer = Writer(tmp_path / "chat.json")
        write(writer.path, messages(3, "é"))
        whole = writer.path.read_bytes()
        for cut in range(1, len(whole)):
            writer.path.write_bytes(whole[:cut])
            os.utime(writer.path, (_START, _START))
            with pytest.raises(SourceUnreadable) as error:
                writer.read()
            assert error.value.retryable
        writer.path.write_bytes(whole)
        assert len(writer.read()) == 3

    def test_empty_document_is_a_rewrite_that_began(self, writer: Writer) -> None:
        """A file that was emptied gives nothing and loses nothing."""
        write(writer.path, messages(3))
        writer.read()
        cursor = writer.cursor
        for data in (b"", b" \n"):
            writer.path.write_bytes(data)
            assert writer.read() == []
        write(writer.path, messages(4), at=_START + 1)
        assert (len(writer.read()), cursor != writer.cursor) == (1, True)

    @pytest.mark.promise("P9")
    def test_document_that_stays_torn_is_one_unmapped_turn(self, tmp_path: Path) -> None:
        """A file that is no JSON and stood still for a minute is archived as it stands, once."""
        now = [float(_START)]
        writer = Writer(tmp_path / "chat.json", ToyParser(clock=lambda: now[0]))
        write(writer.path, messages(3))
        writer.read()
        writer.path.write_bytes(b'{"messages": [{"id": "m0"')
        os.utime(writer.path, (_START, _START))
        now[0] += SETTLE_SECONDS - 1
        with pytest.raises(SourceUnreadable):
            writer.read()
        now[0] += 1
        (record,) = writer.read()
        (turn,) = record.events
        assert record.unmapped
        assert turn.metadata["unmapped"]["code"] == "MALFORMED"
        assert turn.metadata["unmapped"]["raw"] == '{"messages": [{"id": "m0"'
        assert writer.read() == []
        write(writer.path, messages(4), at=_START + 100)
        writer.read()
        assert {f"m{n}" for n in range(4)} <= set(writer.texts())

    def test_document_that_always_changes_is_unreadable(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file whose size differs after reading is not taken for a version of it."""
        write(writer.path, messages(3))
        real = os.fstat
        calls = []

        def fstat(descriptor: int) -> os.stat_result:
            calls.append(descriptor)
            status = list(real(descriptor))
            status[6] += len(calls)
            return os.stat_result(status)

        monkeypatch.setattr("lethe_core.documents.os.fstat", fstat)
        with pytest.raises(SourceUnreadable):
            writer.read()

    def test_document_of_another_shape_is_one_unmapped_turn(self, writer: Writer) -> None:
        """JSON that is complete and of an unknown form is archived at once."""
        for data in (b"[]", b'{"history": []}', b'{"messages": {}}', b"null", b'"text"'):
            writer.path.write_bytes(data)
            (record,) = writer.read()
            assert record.events[0].metadata["unmapped"]["code"] == "WRONG_TYPE"

    def test_too_large_document_is_one_unmapped_turn(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A document that is too large is not read into memory, and is not lost silently."""
        monkeypatch.setattr("lethe_core.snapshots.MAX_DOCUMENT_BYTES", 1000)
        monkeypatch.setattr("lethe_core.documents.MAX_DOCUMENT_BYTES", 1000)
        write(writer.path, messages(100))
        (record,) = writer.read()
        unmapped = record.events[0].metadata["unmapped"]
        assert (unmapped["code"], unmapped["bytes"][1]) == (
            "TOO_LARGE",
            writer.path.stat().st_size,
        )
        assert writer.read() == []

    @pytest.mark.promise("P9")
    def test_bad_piece_costs_only_itself(self, writer: Writer) -> None:
        """A message that cannot be mapped is an `unmapped` turn between its neighbours."""
        chat = [messages(1)[0], {"id": 5, "text": 1}, {"id": "e"}, [], *messages(3)[1:]]
        write(writer.path, chat)
        records = writer.read()
        assert [record.skipped for record in records] == ["", "", "no text", "no text", "", ""]
        chat[1] = 7
        write(writer.path, chat, at=_START + 1)
        assert writer.read()[0].unmapped

    def test_odd_values_are_read(self, writer: Writer) -> None:
        """Lone surrogates, huge numbers, NaN and bytes that are no UTF-8 cost nothing."""
        writer.path.write_bytes(
            b'{"messages":[{"id":"a","text":"\\ud83d","n":NaN},{"id":"b","text":"\xff"},'
            b'{"id":"c","text":"x","n":123456789012345678901234567890}]}'
        )
        writer.read()
        assert writer.texts() == {"a": "\ufffd", "b": "\ufffd", "c": "x"}


@pytest.mark.promise("P3")
def test_reading_while_a_tool_writes(tmp_path: Path) -> None:
    """Whatever is read while a file is rewritten in place, its last version is archived."""
    path = tmp_path / "chat.json"
    final = messages(120, "done")

    def rewrite() -> None:
        for count in range(1, 120):
            chat = [*final[: count - 1], {"id": f"m{count - 1}", "text": "half"}]
            data = json.dumps({"messages": chat if count < 119 else final}).encode()
            with path.open("wb", buffering=0) as file:
                for start in range(0, len(data), 1000):
                    file.write(data[start : start + 1000])

    write(path, messages(1))
    writer = Writer(path, ToyParser())
    thread = threading.Thread(target=rewrite)
    thread.start()
    while thread.is_alive():
        with contextlib.suppress(SourceUnreadable):
            writer.read()
    thread.join()
    writer.read()
    assert writer.texts() == {message["id"]: message["text"] for message in final}


class TestSeveralFiles:
    """A source of a small set of files."""

    def test_set_of_files_is_one_source(self, tmp_path: Path) -> None:
        """Pieces of several files are one snapshot; of these, only what changed is sent."""

        class Folder(ToyParser):
            def discover(self, root: Path) -> Iterator[Source]:
                newest = max(path.stat().st_mtime_ns for path in root.iterdir())
                yield Source(path=root, root=root, size=100, mtime_ns=newest)

            def pieces(self, source: Source) -> Iterator[Piece]:
                for path in sorted(source.path.iterdir()):
                    data = self.load(path, msgspec.json.Decoder(msgspec.Raw).decode)
                    if data is not None:
                        yield data if isinstance(data, Piece) else Piece(data)

        writer = Writer(tmp_path, Folder(clock=lambda: _START + 1000))
        for number, message in enumerate(messages(12)):
            path = tmp_path / f"{number:02}.json"
            path.write_text(json.dumps(message), encoding="utf-8")
            os.utime(path, (_START, _START))
        assert len(writer.read()) == 12
        (tmp_path / "11.json").write_text('{"id": "m11", "text": "done"}', encoding="utf-8")
        assert [record.events[0].content for record in writer.read()] == ["done"]
        (tmp_path / "10.json").write_text('{"id":', encoding="utf-8")
        os.utime(tmp_path / "10.json", (_START, _START))
        assert [record.unmapped for record in writer.read()] == [True, False]


@pytest.mark.parametrize(
    "cursor", ["s1:1:2:00", "s1:1:0:", "s1:1:1:" + "0" * 15, "j1:1:2:3", "s1:1:1:" + "0" * 32]
)
def test_foreign_cursor_is_refused(writer: Writer, cursor: str) -> None:
    """A cursor that this base did not make is `SourceReplaced`."""
    write(writer.path, messages(3))
    writer.cursor = Cursor(cursor)
    with pytest.raises(SourceReplaced):
        writer.read()


def test_rewrite_by_rename_keeps_the_identity(writer: Writer) -> None:
    """A new file under the same name is the same source; a copy elsewhere is not."""
    write(writer.path, messages(1))
    before = writer.parser.identify(only_source(writer.parser, writer.path))
    other = writer.path.with_name("other.json")
    write(other, messages(2))
    copy = writer.parser.identify(only_source(writer.parser, other))
    other.replace(writer.path)
    after = writer.parser.identify(only_source(writer.parser, writer.path))
    assert before == after
    assert before != copy
