"""What of a text may reach a terminal."""

from __future__ import annotations

import json

import pytest

from lethe_core.cli import report
from lethe_core.errors import ConfigInvalid
from lethe_core.terminal import printable, printable_json

#: A title, a colour in one character, a mark of direction, a bell, a line and a lone surrogate.
HOSTILE = "a\x1b]0;owned\x07\x9b31m\u202eb\r\n\u2028c\udcff\x7f"


@pytest.mark.promise("A6")
def test_line_shows_what_a_terminal_would_obey():
    """Everything is printable and can be told apart; what is printable stays."""
    line = printable(HOSTILE)

    assert line.isprintable()
    assert r"\x1b]0;owned\x07\x9b31m\u202eb\r\n\u2028c\udcff\x7f" in line
    assert printable("Äpfel — 漢字 🍏") == "Äpfel — 漢字 🍏"


@pytest.mark.promise("A6")
def test_json_says_the_same_without_what_a_terminal_obeys():
    """What is written in escapes means what it meant; ends of lines between its parts stay."""
    said = {"text": HOSTILE[:-2] + "\x7f", "also": "漢字 👩\u200d💻"}
    body = json.dumps(said, ensure_ascii=False).encode().replace(b": ", b":\r\n\t")
    assert b"\xc2\x9b" in body

    shown = printable_json(body)

    assert json.loads(shown) == said
    assert all(char.isprintable() or char in "\n\t" for char in shown.decode())


@pytest.mark.promise("A6")
def test_errors_hold_nothing_that_a_terminal_obeys(capsys):
    """Neither the words of an error nor its hint, whoever they were taken from."""
    report(ConfigInvalid(f"no {HOSTILE}", hint=f"try {HOSTILE}"))

    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2
    assert all(line.isprintable() for line in said.splitlines())
