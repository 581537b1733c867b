"""Turns errors into problems; see `lethe_server.problems` for what becomes of which."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web
from loguru import logger

from lethe_core.errors import LetheError
from lethe_server.keys import METRICS, REQUEST_ID
from lethe_server.problems import describe_problem
from lethe_server.web.problem_page import problem_page, wants_page

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


@web.middleware
async def problem_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with a problem if the handler fails."""
    try:
        return await handler(request)
    except (asyncio.CancelledError, ConnectionResetError):
        raise  # the client is gone
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _answer(request, error)
    except LetheError as error:
        if error.retryable:
            logger.warning("{}: {}", error.code, error.message)
        return _answer(request, error)
    except Exception as error:  # noqa: BLE001 - logged, counted and answered
        # Its text may quote a transcript: the log tells the type and the places alone.
        logger.exception("a mistake of the server")
        return _answer(request, error)


def _answer(request: web.Request, error: Exception) -> web.Response:
    _refuse_late(request, error)
    problem = describe_problem(error)
    request.app[METRICS].problems.labels(problem.code).inc()
    if wants_page(request):
        return problem_page(request, problem, request[REQUEST_ID])
    return problem.response(request[REQUEST_ID])


def _refuse_late(request: web.Request, error: Exception) -> None:
    """Break the connection if half of an answer is out: the client must not take it for whole."""
    if request.writer.output_size:
        raise ConnectionResetError("the answer broke off") from error
