"""The HTTP server of the page: routes, limits and headers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from importlib.resources import files
from pathlib import Path
from time import monotonic

from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from lanes.serve.access import Access
from lanes.serve.pictures import Newest
from lanes.serve.viewers import Viewers
from lanes.telemetry.metrics import CONTENT_TYPE

MOST_CONNECTIONS = 64
LONGEST_BODY = 4096
"""Bytes of a request's body; its line and each header may have 8 KiB, as aiohttp has it."""

FIRST_REQUEST_S = 10.0
"""Seconds for a connection's first request; who sends it byte by byte is disconnected."""

IDLE_S = 30.0
MARK_EVERY_S = 1.0

CONTENT = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_OPEN = ("/healthz", "/login", "/page.css", "/icon.svg")
"""What is answered without the token: none of it says anything of the run but that it goes on."""

_PROGRAMS = ("/stream.mjpg", "/snapshot.jpg", "/metrics")
"""What programs ask for that show a password where they are asked for one."""


def make_application(
    access: Access,
    newest: Newest,
    viewers: Viewers,
    executor: Executor,
    *,
    metrics: Callable[[], bytes],
    health: Callable[[], tuple[bool, str]],
    mark: Callable[[str], None] | None,
    clips: Callable[[], Sequence[Path]] | None,
) -> web.Application:
    """The routes.

    Args:
        access: who may see what.
        newest: the newest picture.
        viewers: take the page and the stream.
        executor: where pictures are encoded.
        metrics: the text of `/metrics`.
        health: whether the run does what it can, and in a word what it does.
        mark: keeps this moment, for a reason; None where that is not possible.
        clips: the recordings of events; None where none are made.
    """
    routes = _Routes(access, newest, executor, metrics, health, mark, clips)
    application = web.Application(client_max_size=LONGEST_BODY, middlewares=[_guard(access)])
    application.router.add_get("/", routes.file)
    for path in ("/page.css", "/page.js", "/view.js", "/icon.svg"):
        application.router.add_get(path, routes.file)
    application.router.add_get("/login", routes.login_page)
    application.router.add_post("/login", routes.login)
    application.router.add_get("/live", viewers.page)
    application.router.add_get("/stream.mjpg", viewers.stream, allow_head=False)
    application.router.add_get("/snapshot.jpg", routes.snapshot)
    application.router.add_get("/metrics", routes.metrics)
    application.router.add_get("/healthz", routes.health)
    application.router.add_post("/mark", routes.mark)
    application.router.add_get("/clips/{name}", routes.clip)
    application.on_response_prepare.append(_add_headers)
    return application


class _Routes:
    """Answers, one method a path."""

    def __init__(
        self,
        access: Access,
        newest: Newest,
        executor: Executor,
        metrics: Callable[[], bytes],
        health: Callable[[], tuple[bool, str]],
        mark: Callable[[str], None] | None,
        clips: Callable[[], Sequence[Path]] | None,
    ) -> None:
        self._access, self._newest, self._executor = access, newest, executor
        self._metrics, self._health, self._mark, self._clips = metrics, health, mark, clips
        self._marked_at = -MARK_EVERY_S
        self._files: dict[str, bytes] = {}

    async def file(self, request: web.Request) -> web.StreamResponse:
        return self._static("page.html" if request.path == "/" else request.path[1:])

    async def login_page(self, request: web.Request) -> web.StreamResponse:
        if self._access.knows(request):
            raise web.HTTPSeeOther("/")
        return self._static("login.html")

    async def login(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/x-www-form-urlencoded":
            raise web.HTTPUnsupportedMediaType(text="send the token as a form\n")
        if self._access.is_locked(request):
            raise web.HTTPTooManyRequests(text="too many wrong tokens; wait a minute\n", headers={"Retry-After": "60"})
        token = (await request.post()).get("token", "")
        if not (isinstance(token, str) and self._access.accepts(token.strip(), request)):
            return self._static("login.html", status=401, wrong=True)
        response = web.HTTPSeeOther("/")
        self._access.remember(request, response)
        raise response

    async def snapshot(self, _: web.Request) -> web.StreamResponse:
        picture = self._newest.picture
        if picture is None:
            raise web.HTTPServiceUnavailable(text="there is no picture yet\n", headers={"Retry-After": "1"})
        return web.Response(body=await picture.full_size(self._executor), content_type="image/jpeg")

    async def metrics(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def health(self, _: web.Request) -> web.StreamResponse:
        good, word = self._health()
        return web.json_response({"status": word}, status=200 if good else 503)

    async def mark(self, _: web.Request) -> web.StreamResponse:
        if self._mark is None:
            raise web.HTTPNotFound(text="no events are recorded\n")
        if monotonic() - self._marked_at < MARK_EVERY_S:
            raise web.HTTPTooManyRequests(text="this moment is kept already\n")
        self._marked_at = monotonic()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._mark, "page")
        return web.Response(status=204)

    async def clip(self, request: web.Request) -> web.StreamResponse:
        wanted = request.match_info["name"]
        for path in self._clips() if self._clips is not None else ():
            if path.name == wanted:
                return web.FileResponse(path, headers={"Content-Disposition": f'attachment; filename="{path.name}"'})
        raise web.HTTPNotFound(text="there is no such clip\n")

    def _static(self, name: str, status: int = 200, wrong: bool = False) -> web.Response:
        if name not in self._files:
            self._files[name] = files("lanes.serve").joinpath("static").joinpath(name).read_bytes()
        body = self._files[name]
        if wrong:
            body = body.replace(b"<main", b'<main class="wrong"', 1)
        return web.Response(body=body, status=status, content_type=CONTENT[Path(name).suffix], charset="utf-8")


def _guard(access: Access) -> Middleware:
    """Refuses what is not to be answered, before any route is looked for."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        request.app[SILENT].discard(request.protocol)
        if (why := access.refusal(request)) is not None:
            raise web.HTTPForbidden(text=f"{why}\n")
        if request.path not in _OPEN and not access.knows(request):
            if request.path == "/":
                raise web.HTTPSeeOther("/login")
            headers = {"WWW-Authenticate": 'Basic realm="Lanestream: any name, and the token"'} if request.path in _PROGRAMS else {}
            raise web.HTTPUnauthorized(text="the token is missing\n", headers=headers)
        return await handler(request)

    return guard


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Nothing from elsewhere, in no frame, kept nowhere."""
    host = request.headers.get("Host", "")  # checked by the guard; browsers differ in whether 'self' means a WebSocket too
    sockets = f"ws://{host} wss://{host}" if isinstance(response, web.Response) and response.status == 200 else ""
    response.headers.update(
        {
            "Content-Security-Policy": (
                f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self' {sockets}; "
                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",  # without any, browsers name no origin in what a form sends
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Server": "lanestream",
        }
    )


SILENT: web.AppKey[set[asyncio.BaseProtocol]] = web.AppKey("silent", set)
"""Connections that have not sent a whole request yet."""


class Listening:
    """A server that listens.

    Attributes:
        port: on which.
    """

    def __init__(self, runner: web.AppRunner, server: asyncio.Server) -> None:
        self._runner, self._server = runner, server
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends all connections."""
        self._server.close()
        await self._runner.cleanup()


async def listen(application: web.Application, host: str, port: int) -> Listening:
    """Serves from now on, in this event loop.

    Raises:
        OSError: there cannot be listened.
    """
    silent = application[SILENT] = set()
    logger = logging.Logger("lanes.serve.http")
    logger.parent = logging.getLogger("lanes")
    logger.addFilter(_is_our_fault)
    runner = web.AppRunner(application, access_log=None, logger=logger, keepalive_timeout=IDLE_S, lingering_time=1.0, shutdown_timeout=1.0)
    await runner.setup()
    loop = asyncio.get_running_loop()
    make = runner.server
    assert make is not None

    def accept() -> asyncio.BaseProtocol:
        if len(make.connections) >= MOST_CONNECTIONS:
            return _Refusal()
        connection = make()
        silent.add(connection)
        loop.call_later(FIRST_REQUEST_S, _end_if_silent, connection, silent)
        return connection

    try:
        server = await loop.create_server(accept, host, port, backlog=MOST_CONNECTIONS)
    except BaseException:
        await runner.cleanup()
        raise
    return Listening(runner, server)


class _Refusal(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _end_if_silent(connection: web.RequestHandler, silent: set[asyncio.BaseProtocol]) -> None:
    if connection in silent:
        silent.discard(connection)
        if connection.transport is not None:
            connection.transport.abort()


def _is_our_fault(record: logging.LogRecord) -> bool:
    """A malformed request is its sender's fault, and no line a person should read; of others, the line says what went wrong."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        record.msg, record.args = "page: a request could not be answered (%r)", (error,)
    return not isinstance(error, HttpProcessingError | ConnectionError)
