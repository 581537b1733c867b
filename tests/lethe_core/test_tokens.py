"""Bearer tokens in files."""

from __future__ import annotations

import pytest

from lethe_core.errors import ConfigInvalid
from lethe_core.tokens import read_token


@pytest.fixture
def write(tmp_path):
    """Write a file with a token."""

    def write(text, mode=0o600):
        path = tmp_path / "token"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize("token", ["x", "lethe_abc", "e30." + "a" * 8188])
def test_token(write, token):
    """A token is a line, as long as the server takes it: one of a provider may be long."""
    assert read_token(write(f"{token}\n")) == token


@pytest.mark.parametrize(
    "text", ["", "two words", "two\nlines", "ünicode", "a" * 8193, "a" * 99_999]
)
def test_no_token(write, text):
    """What cannot be a token is told by its place, and never shown."""
    path = write(text)
    with pytest.raises(ConfigInvalid) as caught:
        read_token(path)

    assert caught.value.message == (
        f"{path}: holds no token; allowed: one line without blanks, of at most 8,192 characters"
    )


@pytest.mark.promise("A7")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_file_that_others_may_read_is_refused(write, mode):
    """A token's file is for its owner alone."""
    path = write("x", mode)
    with pytest.raises(ConfigInvalid, match="other users may read it") as caught:
        read_token(path)

    assert caught.value.hint == f"chmod 600 {path}"


def test_file_that_cannot_be_read_names_the_reason(tmp_path):
    """A file that is not there is told by its path, with a hint if there is one."""
    with pytest.raises(ConfigInvalid, match="missing cannot be read: No such file") as caught:
        read_token(tmp_path / "missing", hint="make one")

    assert caught.value.hint == "make one"
