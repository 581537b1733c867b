"""What an answer means for the lines that were sent."""

from __future__ import annotations

import pytest
from fakes.transport import ack, answer

from lethe_collector.answers import MAX_RETRY_AFTER, Ack, Keep, Reject, Shrink, classify

PROBLEM = "application/problem+json"
LINES = [b"{}"] * 3


def problem(status, code, **headers):
    """Make an answer as lethe words it."""
    return answer(status, {"code": code, "detail": "d"}, PROBLEM, **headers)


def test_ack_counts_every_line():
    """A 200 whose figures add up acknowledges all lines."""
    assert classify(ack(LINES), 3) == Ack()


def test_ack_names_what_it_refuses():
    """Refused lines are counted from 1 on the wire and from 0 here."""
    verdict = classify(ack(LINES, errors=[2]), 3)

    assert isinstance(verdict, Ack)
    assert [(refusal.place, refusal.code) for refusal in verdict.refusals] == [(1, "INVALID")]


@pytest.mark.promise("S10", "P2")
@pytest.mark.parametrize(
    "given",
    [
        answer(body=b"<html>", content_type="text/html"),
        answer(body=b'{"received": 3, "accepted": 3}', content_type="text/html"),
        answer(body={}),
        answer(body=[]),
        answer(body=b'{"received": 3, "acc'),
        answer(body={"received": 3, "accepted": 2, "errors": []}),
        answer(body={"received": 2, "accepted": 2, "errors": []}),
        answer(body={"received": 4, "accepted": 4, "errors": []}),
        answer(body={"received": "3", "accepted": 3, "errors": []}),
        answer(body={"received": 3, "accepted": -1, "errors": [{"line": 1, "code": "X"}] * 4}),
        answer(body={"received": 3, "accepted": 2, "errors": [{"line": 4, "code": "X"}]}),
        answer(body={"received": 3, "accepted": 2, "errors": [{"line": 0, "code": "X"}]}),
        answer(body={"received": 3, "accepted": 1, "errors": [{"line": 1, "code": "X"}] * 2}),
        answer(body={"received": 3, "accepted": 3, "errors": [], "mark": "m\n"}),
        answer(204),
        answer(206, {"received": 3, "accepted": 3, "errors": []}),
        answer(302, location="/login"),
        answer(304),
        answer(404, b"not here", "text/plain"),
        answer(405, {"code": "X"}),
        answer(400, b"<html>", "text/html"),
        answer(415, b"<html>", "text/html"),
    ],
)
def test_s10_nothing_else_is_an_ack(given):
    """Whatever is not lethe's own answer keeps the lines and raises the alarm."""
    verdict = classify(given, 3)

    assert isinstance(verdict, Keep)
    assert verdict.state == "NOT_LETHE"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_later_is_retried(status):
    """Overload and failures of the server keep the lines."""
    verdict = classify(answer(status), 3)

    assert isinstance(verdict, Keep)
    assert verdict.state == "UNAVAILABLE"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_keep_the_lines(status):
    """A token that is refused is no fault of the lines."""
    verdict = classify(problem(status, "UNAUTHORIZED"), 3)

    assert isinstance(verdict, Keep)
    assert verdict.state == "AUTH"


def test_too_large_is_split():
    """A 413 asks for less at once, whoever says it."""
    assert classify(answer(413, b"<html>", "text/html"), 3) == Shrink(by_lethe=False)
    assert classify(problem(413, "TOO_LARGE"), 3) == Shrink(by_lethe=True)


@pytest.mark.parametrize("status", [400, 422])
def test_refused_requests_are_searched_for_the_record(status):
    """A 400 of lethe means that a line is at fault."""
    assert classify(problem(status, "INVALID"), 3) == Reject("INVALID", "d")


@pytest.mark.parametrize("given", [problem(400, "WIRE_VERSION"), problem(415, "UNSUPPORTED")])
def test_versions_that_do_not_match_keep_the_lines(given):
    """Neither an unknown wire nor an unknown encoding is held against the records."""
    verdict = classify(given, 3)

    assert isinstance(verdict, Keep)
    assert verdict.state == "WIRE_VERSION"


@pytest.mark.promise("S07", "P12")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1000000000"}, MAX_RETRY_AFTER),
        ({"retry-after": "9" * 400}, MAX_RETRY_AFTER),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "١٢"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 10:02:00 GMT",
                "date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            120.0,
        ),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 09:00:00 GMT",
                "date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            None,
        ),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_RETRY_AFTER),
    ],
)
def test_s07_retry_after_is_read_and_bounded(headers, expected):
    """Seconds and dates are honoured up to an hour; nonsense counts as absent."""
    verdict = classify(answer(429, **headers), 3)

    assert isinstance(verdict, Keep)
    assert verdict.retry_after == expected
