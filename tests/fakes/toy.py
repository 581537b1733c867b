"""A toy tool: one JSON object a line, ``{"n": 1, "text": "..."}``.

``{"skip": why}`` is no turn, ``{"turns": k}`` gives k turns, ``{"raise": true}`` breaks `read`
itself, ``{"hang": true}`` hangs it, ``{"bad": field}`` makes an event that the wire refuses.
"""

from __future__ import annotations

import json
import threading

from lethe_core import JsonlParser, SessionMeta, hookimpl

#: Lets the threads go that hang in `read`.
RELEASE = threading.Event()


class ToyParser(JsonlParser):
    """Reads the toy's transcripts."""

    tool = "toy"
    label = "Toy"
    version = 1

    def __init__(self, *roots):
        super().__init__()
        self.roots = roots

    def default_roots(self):
        """Look where the test says."""
        return self.roots

    def read(self, source, cursor):
        """Read, and break where a line asks for it."""
        for record in super().read(source, cursor):
            for event in record.events:
                if event.metadata.get("raise"):
                    raise ZeroDivisionError
                if event.metadata.get("hang"):
                    RELEASE.wait()
            yield record

    def map_record(self, record, line):
        """Map one line."""
        if "skip" in record:
            return record["skip"]
        events = [
            line.turn(
                turn_id=f"{line.session_id}-{record.get('n', line.start)}-{index}",
                index=index,
                role="user",
                content=record.get("text", ""),
                metadata={key: record[key] for key in ("raise", "hang") if key in record},
                session_meta=SessionMeta(source_file=str(line.source.path)),
            )
            for index in range(record.get("turns", 1))
        ]
        if "bad" in record:
            setattr(events[0], record["bad"], "no such thing\n")
        return events


class Transcript:
    """A transcript that a test writes.

    Args:
        path: where.
    """

    def __init__(self, path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self.count = 0

    def append(self, *records, **fields):
        """Write complete lines; without records, one with the given fields."""
        with self.path.open("ab") as file:
            for record in records or (fields,):
                self.count += 1
                file.write(json.dumps({"n": self.count, **record}).encode() + b"\n")
        return self

    def fill(self, count, text="hello"):
        """Write so many lines."""
        return self.append(*[{"text": f"{text} {index}"} for index in range(count)])

    def write(self, data):
        """Write raw bytes."""
        with self.path.open("ab") as file:
            file.write(data)


def hook(parser):
    """Make a plugin of a parser."""

    class Plugin:
        @hookimpl
        def lethe_parsers(self):
            return [parser]

    return Plugin()
