"""Turns of words that a dictionary of payloads can be trained with."""

from __future__ import annotations

import random

CHANCE = random.Random(5)
WORDS = ["".join(CHANCE.choices("abcdefghijkl", k=7)) for _ in range(300)]


def wordy_event(number, owner="kim"):
    """A turn of some words; the same each time."""
    chance = random.Random(f"{owner} {number}")
    text = " ".join(chance.choices(WORDS, k=30))
    return {
        "tool": "tool",
        "host": "box",
        "session_id": "s",
        "turn_id": f"t{number:04}",
        "seq": number,
        "role": "user" if number % 2 else "tool",
        "parser_version": 1,
        "content": text if number % 2 else "",
        "tool_calls": [] if number % 2 else [{"name": "Bash", "output": text}],
        "metadata": {"kind": "prompt" if number % 2 else "tool_result"},
    }
