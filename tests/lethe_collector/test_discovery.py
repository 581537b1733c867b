"""From places to the sources that must be looked at."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.batches import make_batch
from fakes.toy import ToyParser, Transcript

from lethe_collector.discovery import Discovery
from lethe_collector.state import State
from lethe_core.sources import Identity


class Place:
    """A tool's place, its discovery, and a reader that has read everything that is found."""

    def __init__(self, root, state):
        self.root = root
        self.state = state
        self.parser = ToyParser(root)
        self.discovery = self.restart()

    def restart(self):
        """Begin anew with what the state knows."""
        self.discovery = Discovery(self.parser, None, self.state.sources, lambda: False)
        return self.discovery

    def transcript(self, name="one", folder="project"):
        """Begin a transcript."""
        return Transcript(self.root / folder / f"{name}.jsonl")

    def scan(self):
        """Scan, and read all that was found to its end; return the names of what was found."""
        scan = self.discovery.scan()
        for row, source in scan.found:
            self.read(row, source)
        return sorted(source.path.name for _, source in scan.found)

    def read(self, row, source):
        """Read a source to its end."""
        batch = make_batch(
            row,
            position=source.size,
            read_to=(source.size, source.mtime_ns),
            identity=Identity.of_file(source.path),
        )
        self.state.record_ack(batch, ())
        self.discovery.note_read(row, source)

    def paths(self):
        """The known sources: path to row."""
        return {path: known.id for path, known in self.state.sources.known("toy").items()}


@pytest.fixture
def place(tmp_path):
    """A place with an open state."""
    root = tmp_path / "root"
    root.mkdir()
    with closing(State(tmp_path)) as state:
        yield Place(root, state)


def test_unchanged_sources_are_not_found(place):
    """A second scan finds nothing, nor does one after a restart."""
    place.transcript("one").fill(1)
    place.transcript("two").fill(1)

    assert place.scan() == ["one.jsonl", "two.jsonl"]
    assert place.scan() == []
    place.restart()
    assert place.scan() == []


def test_changed_sources_are_found(place):
    """More bytes, or another time of modification, are a reason to look."""
    one, two = place.transcript("one").fill(1), place.transcript("two").fill(1)
    place.scan()
    one.append(text="more")
    os.utime(two.path, ns=(1, 1))

    assert place.scan() == ["one.jsonl", "two.jsonl"]


@pytest.mark.promise("C10", "P8")
def test_c10_moved_source_keeps_its_row(place):
    """A file that was moved is the same source, also when its device number has changed."""
    place.transcript("one").fill(3)
    place.scan()
    [row] = place.paths().values()
    (place.root / "project").rename(place.root / "renamed")
    (place.root / "renamed" / "one.jsonl").touch()

    assert place.scan() == ["one.jsonl"]
    assert place.paths() == {str(place.root / "renamed" / "one.jsonl"): row}


@pytest.mark.promise("C11", "P8")
def test_c11_other_device_number(place):
    """After a remount the path is the same and the device is not: the same source, looked at."""
    place.transcript("one").fill(3)
    place.scan()
    rows = place.paths()
    discover = place.parser.discover
    place.parser.discover = lambda root: [
        replace(source, device=source.device + 1) for source in discover(root)
    ]

    assert place.scan() == ["one.jsonl"]
    assert place.paths() == rows


@pytest.mark.promise("C09", "P8")
def test_c09_copied_source_has_a_row_of_its_own(place):
    """While the original is there, an equal file is another source."""
    one = place.transcript("one").fill(3)
    place.scan()
    copy = place.transcript("one", folder="fork")
    copy.write(one.path.read_bytes())

    place.scan()

    assert len(set(place.paths().values())) == 2


def test_another_file_of_the_same_name_is_new(place):
    """A name alone identifies nothing: the beginning must be the same."""
    one = place.transcript("one").fill(3, "mine")
    place.scan()
    one.path.unlink()
    place.transcript("one", folder="other").fill(3, "yours")

    place.scan()

    assert len(place.paths()) == 2


def test_empty_files_are_not_taken_for_each_other(place):
    """Empty files are alike and mean nothing."""
    one = place.transcript("one")
    place.scan()
    one.path.unlink()
    place.transcript("one", folder="other")

    place.scan()

    assert len(place.paths()) == 2


def test_two_candidates_are_not_guessed_between(place):
    """If two vanished sources could be the moved one, it is read as a new one."""
    first = place.transcript("one", folder="a").fill(3)
    second = place.transcript("one", folder="b")
    second.write(first.path.read_bytes())
    place.scan()
    first.path.unlink()
    second.path.rename(place.root / "one.jsonl")

    place.scan()

    assert len(place.paths()) == 3


def test_vanished_source_is_gone_and_may_come_back(place):
    """What is deleted is gone; what was read of it counts as archived, until it is back."""
    one = place.transcript("one").fill(2)
    place.scan()
    one.path.rename(place.root / "hidden")

    scan = place.discovery.scan()
    assert (scan.gone, scan.lost_bytes) == (1, 0)
    assert place.state.sources.known("toy")[str(one.path)].state == "gone"
    assert place.discovery.scan().gone == 0

    (place.root / "hidden").rename(one.path)
    assert place.scan() == ["one.jsonl"]
    assert place.state.sources.known("toy")[str(one.path)].state == "active"


def test_unread_rest_of_a_vanished_source_is_lost(place):
    """What had been seen and not been read is counted."""
    one = place.transcript("one").fill(2)
    size = one.path.stat().st_size
    place.discovery.scan()
    one.path.unlink()

    assert place.discovery.scan().lost_bytes == size


def test_place_that_cannot_be_listed_loses_nothing(place):
    """While a place cannot be listed, nobody says that its sources are gone."""
    place.transcript("one").fill(2)
    place.scan()

    def fail(root):
        raise PermissionError(13, "Permission denied")

    place.parser.discover = fail
    scan = place.discovery.scan()

    assert (scan.gone, scan.roots[0].error) == (0, "Permission denied")


@pytest.mark.promise("C24", "P3", "O4")
def test_c24_source_below_a_closed_directory_is_not_gone(place, monkeypatch):
    """What cannot be looked at now has not vanished; the place says which part is closed."""
    closed = place.transcript("one", folder="closed").fill(2).path
    place.transcript("two", folder="open").fill(2)
    place.discovery.scan()
    scandir, lstat = os.scandir, os.lstat

    def refuse(function, path):
        if closed.parent in (Path(path), *Path(path).parents):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return function(path)

    monkeypatch.setattr(os, "scandir", lambda path: refuse(scandir, path))
    monkeypatch.setattr(os, "lstat", lambda path: refuse(lstat, path))
    scan = place.discovery.scan()

    assert (scan.files, scan.gone, scan.lost_bytes) == (1, 0, 0)
    assert scan.roots[0].error == f"{closed.parent}: Permission denied"


def test_overlapping_places_find_a_source_once(place):
    """A place within a place makes no second source."""
    place.transcript("one").fill(1)
    place.parser.roots = (place.root, place.root / "project")

    assert place.scan() == ["one.jsonl"]


def test_probe_looks_at_one_source(place):
    """A known source that has changed is found without a scan, below its own place."""
    one = place.transcript("one").fill(1)
    place.transcript("two").fill(1)
    place.scan()
    one.append(text="more")

    probe = place.discovery.probe([str(one.path)])

    [(_, source)] = probe.found
    assert (source.path, source.root) == (one.path, place.root)


def test_probe_of_a_log_looks_at_its_database(place):
    """A change of ``x-wal`` is a change of ``x``."""
    one = place.transcript("one").fill(1)
    place.scan()
    one.append(text="more")

    assert len(place.discovery.probe([f"{one.path}-wal"]).found) == 1


def test_probe_of_what_is_unknown_takes_a_scan(place):
    """A file that was never seen may be a new source; only a scan can tell."""
    assert place.discovery.probe([str(place.root / "new.jsonl")]) is None
