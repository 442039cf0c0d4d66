"""The proxy as an ASGI application: bytes pass through unchanged and at once, and copies of them are captured."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from aethergrid_pipelines.proxy.exchange import Exchange

logger = logging.getLogger(__name__)

# What belongs to one connection and not to the message: RFC 9110, section 7.6.1.
_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade"}
)
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
    """ASGI. ``captured`` is called with each exchange of ``interfaces`` (ends of paths) when it is over."""

    def __init__(
        self,
        upstreams: Upstreams,
        interfaces: frozenset[str],
        captured: Callable[[Exchange], None],
    ) -> None:
        self._upstreams = upstreams
        self._interfaces = interfaces
        self._captured = captured
        # The transport alone: a client would follow redirects and keep cookies.
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=256, keepalive_expiry=5.0)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        exchange = self._exchange(scope)
        body_done = asyncio.Event()
        headers = Headers(scope=scope)
        if "content-length" not in headers and "transfer-encoding" not in headers:
            body_done.set()
        request = self._request(scope, headers, None if body_done.is_set() else _body(receive, exchange, body_done))
        passing = asyncio.ensure_future(self._pass(request, exchange, scope, receive, send))
        gone = asyncio.ensure_future(_hung_up(receive, body_done))
        try:
            await asyncio.wait({passing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, gone):
                task.cancel()
            await asyncio.gather(passing, gone, return_exceptions=True)
            if exchange is not None:
                self._captured(exchange)
        if not passing.cancelled():
            passing.result()

    async def aclose(self) -> None:
        """Close the connections to upstreams."""
        await self._transport.aclose()

    def _exchange(self, scope: Scope) -> Exchange | None:
        if scope["method"] != "POST":
            return None
        path: str = scope["path"]
        found = next((name for name in self._interfaces if path.endswith(f"/{name}")), None)
        return Exchange(found, dt.datetime.now(dt.UTC)) if found else None

    def _request(self, scope: Scope, headers: Headers, body: AsyncIterator[bytes] | None) -> httpx.Request:
        upstream = self._upstreams.of(scope["path"], headers)
        target = scope.get("raw_path") or scope["path"].encode()
        target = upstream.raw_path.rstrip(b"/") + target
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        passed = [(name, value) for name, value in scope["headers"] if name not in _HOP and name != b"host"]
        return httpx.Request(
            scope["method"],
            upstream.copy_with(raw_path=target),
            headers=[(b"Host", upstream.netloc), *passed],
            content=body,
            extensions={"timeout": _PATIENCE},
        )

    async def _pass(
        self, request: httpx.Request, exchange: Exchange | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            logger.warning("%s does not answer: %s", request.url.host, type(error).__name__)
            said = {"message": f"{request.url.host} does not answer", "type": "upstream_unreachable"}
            await JSONResponse({"type": "error", "error": said}, 502)(scope, receive, send)
            return
        try:
            await _answer(response, exchange, send)
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


async def _answer(response: httpx.Response, exchange: Exchange | None, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in _HOP]
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
