"""Who may ask, and how much: a key where one is set, otherwise no stranger's web page; bodies of bounded size."""

import hmac

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aethergrid_pipelines.api.problems import problem
from aethergrid_pipelines.hosts import Hosts

OPEN_PATHS = frozenset({"/", "/api/health"})
OPEN_PREFIX = "/page/"
"""The page's files hold nothing of anybody: it asks for the key itself."""

EXTENSION = "chrome-extension://mcimoplknmepabcfagofmpgeoomepfom"
"""The origin of the browser extension: Chromium makes it from the public ``key`` in ``extension/manifest.json``."""
EXTENSION_PATH = "/api/ingest"


class Guard:
    """ASGI middleware. ``scope["state"]["trusted"]`` tells whether a request on an open path could have gone further.

    Without a key the API trusts whoever reaches its port. A browser reaches it for any page that is open in it, so
    requests from pages of other hosts than ``hosts`` are refused, and so are requests by other names than theirs: a
    page may make its own name lead here (DNS rebinding), and a browser names no origin where a page reads its own host.
    The browser extension, whose origin no page can claim, may add and do nothing else.
    """

    def __init__(self, app: ASGIApp, *, key: SecretStr | None, most_bytes: int, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts
        self._most_bytes = most_bytes
        self._too_large = f"at most {most_bytes // 1024**2} MB at once; send several requests"
        self._key = key.get_secret_value().encode() if key is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        scope.setdefault("state", {})["trusted"] = refused is None
        length = headers.get("content-length", "")
        if refused is None and length.isdecimal() and int(length) > self._most_bytes:
            refused = 413, self._too_large
        if refused is None or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIX):
            await self._app(scope, self._counted(receive), send)
            return
        status, reason = refused
        challenge = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        await problem(status, reason, headers=challenge)(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        """Bodies that do not say how long they are end at the limit, too."""
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most_bytes:
                raise HTTPException(413, self._too_large)
            return message

        return counting

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        if self._key is None:
            if (unknown := self._hosts.refusal(scope)) is not None:
                return 403, f"{unknown}, or set API_KEY and send it"
            origin = headers.get("origin")
            if origin is None or self._hosts.origin(origin):
                return None
            if origin == EXTENSION and scope["path"] == EXTENSION_PATH:
                return None
            return 403, f"requests from pages of {origin} need an API key: set API_KEY and send it"
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._key):
            return None
        return 401, "send the API key as `Authorization: Bearer …` or as `X-API-Key`"
