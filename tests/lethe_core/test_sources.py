"""Sources: how they are found, opened and recognised."""

from __future__ import annotations

import errno
import gc
import os
import socket
from pathlib import Path

import pytest

from lethe_core.sources import Identity, Source, find_files, open_source


def names(root):
    """List the names of all files below a root that end in .x."""
    return [source.path.name for source in find_files(root, lambda path: path.suffix == ".x")]


def forbid(monkeypatch, directory):
    """Let a directory be one that may not be listed, also for root."""
    scandir = os.scandir

    def list_others(path):
        if Path(path) == directory:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", list_others)


class TestFinding:
    """`find_files`."""

    def test_files_come_in_order_from_all_depths(self, tmp_path):
        """All accepted files are found, in the order of their names."""
        for name in ("b.x", "a.x", "a.y", "sub/c.x", "sub/deep/d.x"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")

        assert names(tmp_path) == ["a.x", "b.x", "c.x", "d.x"]

    def test_a_file_as_root_is_taken(self, tmp_path):
        """A root that is a file is the source, whatever it is called."""
        path = tmp_path / "odd.name"
        path.write_text("12345")
        (source,) = find_files(path, lambda _: False)

        assert (source.path, source.root, source.size) == (path, path, 5)

    def test_missing_root_is_an_error(self, tmp_path):
        """A root that is not there is told."""
        with pytest.raises(FileNotFoundError):
            names(tmp_path / "missing")

    @pytest.mark.promise("C24", "P9")
    def test_c24_directory_that_cannot_be_listed_is_told_at_the_end(self, tmp_path, monkeypatch):
        """What lies elsewhere is found, and then it is said that something is left out."""
        for name in ("closed/b.x", "open/a.x"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text("")
        forbid(monkeypatch, tmp_path / "closed")
        found = []

        with pytest.raises(PermissionError, match="closed"):
            found.extend(find_files(tmp_path, lambda _: True))

        assert [source.path.name for source in found] == ["a.x"]

    @pytest.mark.promise("C24", "P9")
    def test_c24_links_are_not_followed_into_directories(self, tmp_path):
        """A loop of links ends nothing, and a link to nowhere hides nothing."""
        (tmp_path / "a.x").write_text("")
        (tmp_path / "loop").symlink_to(tmp_path)
        (tmp_path / "nowhere.x").symlink_to(tmp_path / "missing")

        assert names(tmp_path) == ["a.x"]


class TestOpening:
    """`open_source`."""

    @pytest.mark.promise("C24", "P9", "A6")
    @pytest.mark.parametrize("kind", ["fifo", "directory", "socket", "device"])
    def test_c24_only_plain_files_are_opened(self, tmp_path, kind, monkeypatch):
        """A FIFO, directory, socket or device is refused at once and never waited for."""
        path = tmp_path / "x.jsonl"
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as endpoint:
            match kind:
                case "fifo":
                    os.mkfifo(path)
                case "directory":
                    path.mkdir()
                case "socket":
                    endpoint.bind(path.name)
                case "device":
                    path.symlink_to("/dev/null")
            gc.collect()  # what earlier tests left is not closed in between
            before = list(Path("/proc/self/fd").iterdir())

            with pytest.raises(OSError, match=r"x\.jsonl"):
                open_source(path)

            assert len(list(Path("/proc/self/fd").iterdir())) == len(before)

    def test_descriptor_reads_alone(self, tmp_path):
        """The descriptor cannot write, and no child inherits it."""
        path = tmp_path / "x"
        path.write_text("text")
        descriptor = open_source(path)
        try:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.write(descriptor, b"x")
            assert not os.get_inheritable(descriptor)
        finally:
            os.close(descriptor)


class TestIdentity:
    """`Identity`."""

    @pytest.mark.promise("P8")
    def test_moved_file_is_recognised(self, tmp_path):
        """A file keeps its identity when it is moved and when it grows."""
        path = tmp_path / "a"
        path.write_bytes(b"x" * 2000)
        before = Identity.of_file(path)
        moved = path.rename(tmp_path / "b")
        with moved.open("ab") as file:
            file.write(b"more")

        assert Identity.of_file(moved) == before

    @pytest.mark.promise("P8")
    def test_other_beginning_is_another_file(self, tmp_path):
        """The head tells files apart whose inode was used again."""
        path = tmp_path / "a"
        path.write_bytes(b"one")
        one = Identity.of_file(path)
        path.write_bytes(b"two")
        two = Identity.of_file(path)

        assert one.inode == two.inode
        assert one.head_hash != two.head_hash

    def test_head_is_hashed_as_far_as_asked(self, tmp_path):
        """A grown file is compared over the head that was there before."""
        path = tmp_path / "a"
        path.write_bytes(b"abc")
        before = Identity.of_file(path)
        path.write_bytes(b"abcdef")

        assert (before.head_size, Identity.of_file(path).head_size) == (3, 6)
        assert Identity.of_file(path, before.head_size) == before


def test_source_knows_what_stat_knows(tmp_path):
    """A source is made of `stat` alone."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    status = path.stat()
    source = Source.from_stat(path, tmp_path)

    assert (source.size, source.mtime_ns) == (3, status.st_mtime_ns)
    assert (source.device, source.inode) == (status.st_dev, status.st_ino)
    assert source.generation == 0
