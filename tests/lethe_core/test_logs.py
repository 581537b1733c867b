"""Logs: one event is one line, whatever stands in it."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from lethe_core.errors import SourceUnreadable
from lethe_core.logs import CONTEXT, MAX_LOG_LINE_BYTES, configure_logs, escape, log_many


@pytest.fixture
def log():
    """Configure logs into a buffer, and undo it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def configure(form="human", level="info"):
        configure_logs(level=level, form=form, stream=stream)
        return stream

    yield configure
    logging.captureWarnings(capture=False)
    logger.remove()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_human_lines_have_time_level_message_and_fields(log):
    """A line for people: what, and `key=value` behind it."""
    stream = log()
    logger.bind(sources=3, path="a b", nothing=None).info("reading")

    (line,) = stream.getvalue().splitlines()
    assert line.endswith(' INFO    reading sources=3 path="a b"')
    assert line.startswith("20")


def test_json_lines_are_objects(log):
    """A line for machines is one JSON object."""
    stream = log("json")
    logger.bind(request_id="r1", user="u").warning("slow")

    entry = json.loads(stream.getvalue())
    assert (entry["level"], entry["message"]) == ("warning", "slow")
    assert (entry["request_id"], entry["user"]) == ("r1", "u")


def test_levels_below_are_not_written(log):
    """What is below the level is left out, whoever logs."""
    stream = log(level="warning")
    logger.info("quiet")
    logging.getLogger("x").info("quiet")

    assert stream.getvalue() == ""


def test_other_loggers_and_warnings_come_through(log):
    """Loggers of the standard library and warnings end in the same stream, named."""
    stream = log("json")
    logging.getLogger("aiohttp.server").error("100%% of {%s}", "x")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["logger"]) == ("100% of {x}", "aiohttp.server")
    assert "old" in second["message"]


@pytest.mark.promise("O04", "A6")
@pytest.mark.parametrize("form", ["human", "json"])
@pytest.mark.parametrize(
    "text", ["a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b\u0085c", "x" * 10_240, "é\n" * 9000]
)
def test_o04_hostile_text_stays_on_its_line(log, form, text):
    """Whatever stands in message and fields: one line, no control character, at most 8 KiB."""
    stream = log(form)
    logger.bind(path=text, **{f"k{n}": text for n in range(3)}).info("{}", text)

    output = stream.getvalue()
    line = output.removesuffix("\n")
    assert output.endswith("\n")
    assert escape(line) == line
    assert len(line.encode()) <= MAX_LOG_LINE_BYTES


@pytest.mark.promise("O04", "A6")
@given(text=st.text())
def test_o04_escape_leaves_nothing_unsafe(text):
    """An escaped text has neither line ends nor control characters."""
    escaped = escape(text)

    assert len(escaped.splitlines()) <= 1
    assert "\x1b" not in escaped
    assert escape(escaped) == escaped


@pytest.mark.parametrize("form", ["human", "json"])
def test_many_lines_are_those_of_the_logger(log, form):
    """What goes past the logger for its cost comes out the same, but for the time."""
    fields = {"user": None, "method": "GET", "route": "/a b", "status": 200, "ms": 0.3}
    stream = log(form)
    logger.bind(**fields).info("request")
    log_many("request", [(0.0, fields), (86_400.5, fields)])

    first, second, third = stream.getvalue().splitlines()
    skipped = first.index("INFO") if form == "human" else first.index(', "level"')
    assert first[skipped:] == second[skipped:] == third[skipped:]
    assert ":00.500" in third


def test_many_lines_below_the_level_are_not_written(log):
    """They are on the level `info`."""
    stream = log(level="warning")
    log_many("request", [(0.0, {})])

    assert stream.getvalue() == ""


def test_context_is_told_by_each_line_until_it_is_reset(log):
    """What is set for a while stands in the lines of that while; a field of a line wins."""
    stream = log()
    token = CONTEXT.set({"request_id": "r1", "user": "u"})
    logger.bind(user="v").info("within")
    CONTEXT.reset(token)
    logger.info("after")

    within, after = stream.getvalue().splitlines()
    assert within.endswith("within request_id=r1 user=v")
    assert after.endswith("after")


def test_closed_stream_fails_nobody(log):
    """Who logs to a stream that nobody reads any more goes on."""
    log().close()

    log_many("request", [(0.0, {})])
    logger.info("gone")


@pytest.mark.promise("O03", "A7")
@pytest.mark.parametrize("form", ["human", "json"])
def test_o03_exceptions_show_no_values(log, form):
    """An exception is told by type and place; neither variables nor a foreign text are shown."""
    stream = log(form)
    secret = "hunter2"
    try:
        raise ValueError(f"bad line: {secret}")
    except ValueError:
        logger.exception("failed")

    output = stream.getvalue()
    assert "ValueError" in output
    assert "test_logs.py" in output
    assert secret not in output
    assert len(output.splitlines()) == 1


def test_errors_of_lethe_are_worded(log):
    """The text of an error that lethe worded is shown, since it holds no content."""
    stream = log("json")
    try:
        raise SourceUnreadable("~/x.jsonl cannot be read")
    except SourceUnreadable:
        logger.exception("failed")

    assert json.loads(stream.getvalue())["reason"] == "~/x.jsonl cannot be read"
