"""The watch: a hint within milliseconds, and no reliance on it."""

from __future__ import annotations

import asyncio
import shutil
import threading
from contextlib import asynccontextmanager

import pytest
from fakes.waiting import until

from lethe_collector import watch as module
from lethe_collector.watch import Watch


@asynccontextmanager
async def watching(*roots):
    """Watch places; give the watch and the paths that it has named."""
    seen = set()
    watch = Watch(asyncio.get_running_loop(), seen.update)
    watch.arm("tool", roots)
    try:
        yield watch, seen
    finally:
        watch.close()


async def write_until_seen(path, seen, name=None):
    """Write to a file until the watch has named it, or a link to it: arming takes a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def told():
        with path.open("a") as file:
            file.write("x\n")
        return str(name or path) in seen

    await until(told)


async def test_names_the_file_that_changed(tmp_path):
    """A write below a place is told with its path."""
    async with watching(tmp_path) as (_, seen):
        await write_until_seen(tmp_path / "deep" / "one.jsonl", seen)


async def test_file_is_watched_with_what_lies_beside_it(tmp_path):
    """Of a file, its directory is watched: a tool writes to the log of a database first."""
    path = tmp_path / "notes.db"
    path.touch()
    async with watching(path) as (_, seen):
        await write_until_seen(tmp_path / "notes.db-wal", seen)

        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "other").touch()
        await write_until_seen(path, seen)

    assert str(tmp_path / "deep" / "other") not in seen


async def test_link_to_a_file_is_watched_where_it_leads(tmp_path):
    """A tool writes beside the target of a link, not beside the link."""
    target = tmp_path / "real" / "notes.db"
    target.parent.mkdir()
    target.touch()
    link = tmp_path / "place" / "notes.db"
    link.parent.mkdir()
    link.symlink_to(target)

    async with watching(link) as (_, seen):
        await write_until_seen(target, seen, name=link)


async def test_place_that_cannot_be_looked_at_ends_nothing(tmp_path):
    """What no system can name is watched from above, as what is not there."""
    (tmp_path / "y").mkdir()
    async with watching(tmp_path / ("x" * 300), tmp_path / "y") as (watch, seen):
        await write_until_seen(tmp_path / "y" / "one.jsonl", seen)

        assert not watch.problem


async def test_missing_place_is_watched_from_above(tmp_path):
    """Of a place that is not there, the nearest directory above tells when it appears."""
    root = tmp_path / "tool" / "transcripts"
    async with watching(root) as (watch, seen):

        def told():
            if root.parent.exists():
                root.parent.rmdir()
            else:
                root.parent.mkdir()
            return str(root.parent) in seen

        await until(told)
        seen.clear()
        root.mkdir(parents=True)
        watch.arm("tool", [root])
        await write_until_seen(root / "one.jsonl", seen)


async def test_place_that_was_made_anew_is_watched_anew(tmp_path):
    """A place that was deleted falls silent; arming again brings it back."""
    root = tmp_path / "root"
    root.mkdir()
    async with watching(root) as (watch, seen):
        await write_until_seen(root / "one.jsonl", seen)
        shutil.rmtree(root)
        watch.arm("tool", [root])
        root.mkdir()
        watch.arm("tool", [root])
        seen.clear()

        await write_until_seen(root / "two.jsonl", seen)


async def test_arming_again_changes_nothing(tmp_path):
    """What is watched already stays watched by the same thread."""
    async with watching(tmp_path) as (watch, _):
        threads = list(watch._threads)
        watch.arm("tool", [tmp_path])

        assert watch._threads == threads


async def test_tools_are_watched_side_by_side(tmp_path):
    """The places of a tool are watched on when another one names its own."""
    mine, others = tmp_path / "mine", tmp_path / "others"
    mine.mkdir()
    others.mkdir()
    async with watching(mine) as (watch, seen):
        watch.arm("other", [others])

        await write_until_seen(mine / "one.jsonl", seen)
        await write_until_seen(others / "two.jsonl", seen)


@pytest.mark.parametrize("error", [OSError("OS file watch limit reached"), RuntimeError("deaf")])
async def test_limit_of_the_system_is_a_problem_not_an_end(tmp_path, monkeypatch, error):
    """If the system refuses to watch, that is known and said, and the rescan goes on."""

    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(module, "RustNotify", refuse)
    async with watching(tmp_path) as (watch, _):
        await until(lambda: watch.problem)


class Notify:
    """Tells nothing, or a change, and notes how it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.steps = []

    def watch(self, debounce, step, timeout, stop):
        """Answer the next one."""
        self.steps.append((debounce, step))
        return self.answers.pop(0)


async def test_looks_less_often_where_nothing_happens():
    """It looks each 50 ms, and each 20 ms for a minute after a change."""
    now = iter((0, 1, 2, 3, 61, 62))
    seen = []
    watch = Watch(asyncio.get_running_loop(), seen.append, clock=lambda: next(now))
    notify = Notify({(1, "one")}, "timeout", "timeout", "stop")

    watch._follow(notify, threading.Event(), hurried=True)

    await until(lambda: seen == [{"one"}])
    assert [step for _, step in notify.steps] == [50, 20, 20, 50]
    assert {debounce for debounce, _ in notify.steps} == {50}
