"""Remembered context for the requests that want it: when it is added, when it is not, and what the client is told."""

import asyncio
import datetime as dt
import hmac
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Scope

from aethergrid_pipelines.hosts import Hosts
from aethergrid_pipelines.proxy import instructions
from aethergrid_pipelines.proxy.exchange import Exchange
from aethergrid_pipelines.proxy.memory import Context, Memory

HEADER = "x-aethergrid-context"
"""Of a request: how many tokens of context it wants, 0 being none. Of its answer: what was added. It stays here."""
KEY_HEADER = "x-aethergrid-key"
"""The API's key, by which other machines than this one may ask for context. It stays here, too."""
MOST_TOKENS = 1_000_000

GoingOn = Callable[[Exchange], str | None]


@dataclass(frozen=True, slots=True)
class Reminded:
    """The body to pass on: ``size`` bytes where it was changed, otherwise as it came. ``added`` is for the client."""

    body: AsyncIterator[bytes]
    size: int | None
    added: str


class Reminder:
    """``tokens`` are for requests that do not say how many they want, from whatever machine; without them, only this
    machine is given context, and who has the API's ``key``. ``going_on`` gives the id of the conversation that a
    request continues, from its copy."""

    def __init__(self, memory: Memory, *, tokens: int, key: SecretStr | None, hosts: Hosts, going_on: GoingOn) -> None:
        self._memory, self._tokens, self._hosts, self._going_on = memory, tokens, hosts, going_on
        self._key = key.get_secret_value().encode() if key is not None else None

    def wanted(self, headers: Headers) -> bool:
        """Whether this request is to be looked at; all others are not touched."""
        return headers.get(HEADER, str(self._tokens)).strip() != "0"

    async def remind(self, interface: str, scope: Scope, body: AsyncIterator[bytes]) -> Reminded:
        """Read the body, and add to it what the memory has. Raises what reading it raises."""
        tokens, reason = self._tokens_for(Headers(scope=scope), scope.get("client"))
        if reason is not None:
            return Reminded(body, None, _told(Context(reason=reason)))
        copy = Exchange(interface, dt.datetime.now(dt.UTC))
        parts: list[bytes] = []
        async for part in body:
            parts.append(part)
            copy.request.add(part)
            if not copy.request.whole:
                return Reminded(_all(parts, body), None, _told(Context(reason="size")))
        context, changed = await self._changed(copy, tokens)
        if changed is None:
            return Reminded(_all(parts, body), None, _told(context))
        return Reminded(_all([changed], body), len(changed), _told(context))

    async def aclose(self) -> None:
        """Close the connections to the memory."""
        await self._memory.aclose()

    def _tokens_for(self, headers: Headers, client: tuple[str, int] | None) -> tuple[int, str | None]:
        given = headers.get(HEADER, str(self._tokens)).strip()
        if not (given.isascii() and given.isdecimal() and len(given) <= len(str(MOST_TOKENS))):
            return 0, "number"
        origin = headers.get("origin")
        if origin is not None and not self._hosts.origin(origin):
            # A page may send what it likes to its own account, and read the answer there.
            return 0, "origin"
        if not (self._tokens or client is None or self._hosts.has(client[0]) or self._has_key(headers)):
            # What the API would not tell them without a key.
            return 0, "key"
        if headers.get("content-encoding", "identity").lower() != "identity":
            return 0, "encoding"
        return min(int(given), MOST_TOKENS), None

    def _has_key(self, headers: Headers) -> bool:
        given = headers.get(KEY_HEADER, "").encode("utf-8", "surrogateescape")
        return self._key is not None and hmac.compare_digest(given, self._key)

    async def _changed(self, copy: Exchange, tokens: int) -> tuple[Context, bytes | None]:
        # Long histories take their time to be read, and others stream meanwhile.
        asked = await asyncio.to_thread(_object, copy.request.bytes())
        question = instructions.question(asked) if asked else None
        if asked is None or question is None:
            return Context(reason="form" if asked is None else "question"), None
        if instructions.instructed(copy.interface, asked, "") is None:
            return Context(reason="form"), None
        going_on = await asyncio.to_thread(self._going_on, copy)
        context = await self._memory.context(question, tokens=tokens, model=asked.get("model"), going_on=going_on)
        if context.reason is not None:
            return context, None
        changed = instructions.instructed(copy.interface, asked, instructions.framed(context.text))
        # As ASCII, in which also half a surrogate pair stays what it is.
        return context, (await asyncio.to_thread(json.dumps, changed, separators=(",", ":"))).encode()


def _told(context: Context) -> str:
    """A structured field (RFC 9651)."""
    counts = f"tokens={context.tokens}, fragments={context.fragments}"
    return counts if context.reason is None else f"{counts}, reason={context.reason}"


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


async def _all(parts: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    async for part in rest:
        yield part
