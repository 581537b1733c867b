"""Summing up: what is said if the server does not tell what it has."""

from __future__ import annotations

import pytest
from aiohttp import web

from lethe_core.errors import Unavailable
from lethe_server.up import summary
from lethe_server.up.plan import Plan
from lethe_server.up.summary import summarise


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """What was run; the collector has read nothing."""

    async def status(_config):
        return {"tools": {}}

    monkeypatch.setattr(summary, "_collector_status", status)
    plan = Plan(data=tmp_path, listen="127.0.0.1:0", host="box", owner="alice")
    plan.token_file.write_text("lethe_x")
    return plan


async def refuse(_request):
    """Answer as a server that knows the token no more."""
    raise web.HTTPUnauthorized


async def babble(_request):
    """Answer as another program would."""
    return web.Response(text="hello")


@pytest.mark.parametrize(("handler", "told"), [(refuse, "answers 401"), (babble, "answers 200")])
async def test_other_answers_are_told(aiohttp_server, plan, handler, told):
    """An answer without sessions is an error of lethe, with the status."""
    app = web.Application()
    app.router.add_get("/api/v1/sessions", handler)
    server = await aiohttp_server(app)

    with pytest.raises(Unavailable, match=told):
        await summarise(plan, str(server.make_url("")).rstrip("/"), plan.data)


async def test_a_server_that_has_gone_is_told(unused_tcp_port, plan):
    """So is none at all."""
    with pytest.raises(Unavailable, match="cannot be asked"):
        await summarise(plan, f"http://127.0.0.1:{unused_tcp_port}", plan.data)
