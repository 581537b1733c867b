"""File actions and the access recorder: they do and see what they say."""

from __future__ import annotations

import os

from lethe_core.testing import (
    AccessRecorder,
    append,
    append_partial,
    copy_truncate,
    overwrite,
    replace,
    rotate,
    truncate,
)


def test_append_writes_lines(tmp_path):
    """Records become lines of JSON; bytes stay, and end in one newline."""
    path = tmp_path / "a"
    append(path, {"text": "ü"}, b"raw", b"line\n")
    append_partial(path, b"torn")

    assert path.read_bytes() == '{"text":"ü"}\nraw\nline\ntorn'.encode()


def test_actions_keep_or_change_the_file(tmp_path):
    """Some actions keep the inode, others make a new file, as they do in real life."""
    path = tmp_path / "a"
    path.write_bytes(b"one\ntwo\n")
    inode = path.stat().st_ino

    truncate(path, 4)
    overwrite(path, 0, b"ONE")
    copy = copy_truncate(path, b"x\n")
    assert (path.stat().st_ino, path.read_bytes(), copy.read_bytes()) == (inode, b"x\n", b"ONE\n")

    replace(path, b"y\n")
    assert path.stat().st_ino != inode
    assert path.read_bytes() == b"y\n"

    inode = path.stat().st_ino
    aside = rotate(path, b"z\n")
    assert (aside.stat().st_ino, aside.read_bytes(), path.read_bytes()) == (inode, b"y\n", b"z\n")


def test_recorder_sees_what_happens_below_its_root(tmp_path):
    """Opening, writing and holding are seen, below the root alone and only while entered."""
    root = tmp_path / "root"
    root.mkdir()
    inside, outside = root / "in", tmp_path / "out"
    inside.write_text("x")
    with AccessRecorder(root) as access:
        outside.write_text("x")
        inside.read_text()
        inside.stat()
        assert (access.opened, access.written) == ([str(inside)], [])

        inside.write_text("y")
        inside.rename(root / "moved")
        assert access.written == [str(inside), str(inside)]

        descriptor = os.open(root / "moved", os.O_RDONLY)
        assert access.held() == [str(root / "moved")]
        os.close(descriptor)
    (root / "moved").unlink()

    assert len(access.written) == 2
    assert access.held() == []
