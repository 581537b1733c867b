"""A transport without a network: answers by a function of the lines, and remembers them."""

from __future__ import annotations

import json

from lethe_collector.answers import Answer


def answer(status=200, body=b"", content_type="application/json", **headers):
    """Make an answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, headers={"content-type": content_type, **headers}, body=data)


def ack(lines, errors=()):
    """Acknowledge all lines, refusing those with these numbers (from 1)."""
    refused = [{"line": number, "code": "INVALID", "error": "e"} for number in errors]
    return answer(
        body={"received": len(lines), "accepted": len(lines) - len(refused), "errors": refused}
    )


class FakeTransport:
    """Calls `reply(lines)` for each request; an exception that it returns is raised."""

    def __init__(self, reply=ack):
        self.reply = reply
        self.requests = []

    async def post(self, lines, mark=""):
        """See `Transport.post`."""
        self.requests.append(list(lines))
        result = self.reply(lines)
        if isinstance(result, Exception):
            raise result
        return result

    async def close(self):
        """See `Transport.close`."""
