"""The proxy as an ASGI application: bytes pass through unchanged and at once, and copies of them are captured.

Only a request that wants remembered context waits for it, and gets it after its copy was taken.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from aethergrid_pipelines.hosts import Hosts
from aethergrid_pipelines.proxy.exchange import Exchange
from aethergrid_pipelines.proxy.reminder import HEADER, KEY_HEADER, Reminded, Reminder

logger = logging.getLogger(__name__)

# What belongs to one connection and not to the message: RFC 9110, section 7.6.1.
_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade"}
)
# What is said to the proxy alone.
_OURS = frozenset({b"host", HEADER.encode(), KEY_HEADER.encode()})
# Models may think for minutes before the first byte: how long is for the client to decide.
_PATIENCE = {"connect": 30.0, "read": None, "write": None, "pool": None}


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Where requests go: scheme, host and port, which take the place of the proxy's own."""

    openai: httpx.URL
    anthropic: httpx.URL

    def of(self, path: str, headers: Headers) -> httpx.URL:
        """Anthropic's clients say so in each request."""
        return self.anthropic if "anthropic-version" in headers or path.endswith("/v1/messages") else self.openai


class Proxy:
    """ASGI. ``captured`` is called with each exchange of ``interfaces`` (ends of paths) when it is over, ``reminder``
    asked about each of their requests before. Who asks by a name that is not one of ``hosts`` is refused."""

    def __init__(
        self,
        upstreams: Upstreams,
        interfaces: frozenset[str],
        captured: Callable[[Exchange], None] | None,
        reminder: Reminder,
        hosts: Hosts,
    ) -> None:
        self._upstreams = upstreams
        self._interfaces = interfaces
        self._captured = captured
        self._reminder = reminder
        self._hosts = hosts
        # The transport alone: a client would follow redirects and keep cookies.
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=256, keepalive_expiry=5.0)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        if (refused := self._hosts.refusal(scope)) is not None:
            await _error(403, "forbidden_host", refused)(scope, receive, send)
            return
        interface = self._interface(scope)
        exchange = Exchange(interface, dt.datetime.now(dt.UTC)) if interface and self._captured else None
        body_done = asyncio.Event()
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            body_done.set()
        body = None if body_done.is_set() else _body(receive, exchange, body_done)
        passing = asyncio.ensure_future(
            self._pass(scope, receive, send, interface=interface, body=body, exchange=exchange)
        )
        gone = asyncio.ensure_future(_hung_up(receive, body_done))
        try:
            await asyncio.wait({passing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, gone):
                task.cancel()
            await asyncio.gather(passing, gone, return_exceptions=True)
            if exchange is not None and self._captured is not None:
                self._captured(exchange)
        if not passing.cancelled():
            passing.result()

    async def aclose(self) -> None:
        """Close the connections to upstreams and to the memory."""
        await self._transport.aclose()
        await self._reminder.aclose()

    def _interface(self, scope: Scope) -> str | None:
        path: str = scope["path"]
        if scope["method"] != "POST":
            return None
        return next((name for name in self._interfaces if path.endswith(f"/{name}")), None)

    def _request(self, scope: Scope, headers: Headers, body: AsyncIterator[bytes] | None) -> httpx.Request:
        upstream = self._upstreams.of(scope["path"], headers)
        target = scope.get("raw_path") or scope["path"].encode()
        target = upstream.raw_path.rstrip(b"/") + target
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        passed = [(name, value) for name, value in headers.raw if name not in _HOP and name not in _OURS]
        return httpx.Request(
            scope["method"],
            upstream.copy_with(raw_path=target),
            headers=[(b"Host", upstream.netloc), *passed],
            content=body,
            extensions={"timeout": _PATIENCE},
        )

    async def _pass(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        interface: str | None,
        body: AsyncIterator[bytes] | None,
        exchange: Exchange | None,
    ) -> None:
        headers, added = Headers(scope=scope), None
        if interface is not None and body is not None and self._reminder.wanted(headers):
            try:
                reminded = await self._reminder.remind(interface, scope, body)
            except httpx.ReadError:
                # The client hung up in the middle of its request.
                return
            headers, body, added = _resized(headers, reminded), reminded.body, reminded.added
        request = self._request(scope, headers, body)
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            logger.warning("%s does not answer: %s", request.url.host, type(error).__name__)
            said = f"{request.url.host} does not answer"
            await _error(502, "upstream_unreachable", said)(scope, receive, send)
            return
        try:
            await _answer(response, exchange, send, added)
        except httpx.TransportError as error:
            # The answer has no end: the server closes the connection, as the upstream did.
            logger.warning("%s broke off: %s", request.url.host, type(error).__name__)
        finally:
            await response.aclose()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.aclose()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def _error(status: int, kind: str, said: str) -> JSONResponse:
    return JSONResponse({"type": "error", "error": {"message": said, "type": kind}}, status)


def _resized(headers: Headers, reminded: Reminded) -> Headers:
    if reminded.size is None:
        return headers
    raw = [(name, value) for name, value in headers.raw if name != b"content-length"]
    return Headers(raw=[*raw, (b"content-length", str(reminded.size).encode())])


async def _answer(response: httpx.Response, exchange: Exchange | None, send: Send, added: str | None) -> None:
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in _HOP]
    if added is not None:
        headers.append((HEADER.encode(), added.encode()))
    if exchange is not None:
        exchange.status = response.status_code
        exchange.answered_at = dt.datetime.now(dt.UTC)
        exchange.streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        exchange.encoding = response.headers.get("content-encoding", "").strip().lower()
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the transport is not asynchronous")
    async for part in stream:
        await send({"type": "http.response.body", "body": part, "more_body": True})
        if exchange is not None:
            exchange.answer.add(part)
    if exchange is not None:
        exchange.complete = True
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive, exchange: Exchange | None, done: asyncio.Event) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpx.ReadError("the client hung up")
        part = message.get("body", b"")
        if exchange is not None:
            exchange.request.add(part)
        if not message.get("more_body", False):
            done.set()
            if part:
                yield part
            return
        yield part


async def _hung_up(receive: Receive, body_done: asyncio.Event) -> None:
    await body_done.wait()
    while (await receive())["type"] != "http.disconnect":
        continue
