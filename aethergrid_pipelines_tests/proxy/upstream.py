"""A small model server on a real socket that answers the same bytes to the same question, and can misbehave.

What the last user says decides: ``break`` ends the connection in the middle of the answer, ``linger`` waits for ever
after its first words, ``fail`` is a 429, ``tools`` calls a tool.
"""

import asyncio
import json
import threading
from typing import Any

LINGER = "linger"


class Upstream:
    """Runs in a thread of its own. ``requests`` are the raw heads and bodies that came in; ``hung_up`` is set when a
    client leaves a lingering answer."""

    def __init__(self) -> None:
        self.requests: list[tuple[bytes, bytes]] = []
        self.hung_up = threading.Event()
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                continue
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up.set()
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await _body(reader, head)
        self.requests.append((head, body))
        path = head.split(b" ", 2)[1].decode()
        asked: dict[str, Any] = json.loads(body) if body else {}
        said = _last_said(asked)
        if said == "fail":
            writer.write(_whole(429, {"error": {"message": "slow down", "type": "rate_limit_error"}}))
            return True
        if not asked.get("stream"):
            writer.write(_whole(200, _answer(path, asked, said)))
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: req_1\r\n")
        writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
        events = _events(path, said)
        for event in events[: len(events) // 2 if said in {"break", LINGER} else len(events)]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(0.002)
        if said == "break":
            return False
        if said == LINGER:
            await reader.readexactly(1)
        writer.write(b"0\r\n\r\n")
        return True


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    lower = head.lower()
    if b"content-length:" in lower:
        return await reader.readexactly(int(lower.split(b"content-length:")[1].split(b"\r\n")[0]))
    if b"transfer-encoding: chunked" not in lower:
        return b""
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


def _last_said(asked: dict[str, Any]) -> str:
    said = asked.get("input") or (asked.get("messages") or [{"content": ""}])[-1]["content"]
    return said if isinstance(said, str) else "blocks"


def _whole(status: int, value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nX-Request-Id: req_1\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


WORDS = ["The index", " is rebuilt", " after every", " batch — ", "naïve, ", "but", " simple."]
TEXT = "".join(WORDS)


def _answer(path: str, asked: dict[str, Any], said: str) -> dict[str, Any]:
    if path.endswith("/v1/messages"):
        content: list[dict[str, Any]] = [{"type": "text", "text": TEXT}]
        if said == "tools":
            content = [{"type": "tool_use", "id": "toolu_1", "name": "locate", "input": {"parcel": 4711}}]
        about = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-test"}
        usage = {"input_tokens": 11, "output_tokens": 7}
        return {**about, "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
    if path.endswith("/responses"):
        return _response()
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        return {
            "object": "list",
            "data": data,
            "model": asked["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    if path.endswith("/models"):
        return {"object": "list", "data": [{"id": "gpt-5", "object": "model", "created": 1, "owned_by": "x"}]}
    message: dict[str, Any] = {"role": "assistant", "content": TEXT}
    if said == "tools":
        call = {"id": "call_1", "type": "function", "function": {"name": "locate", "arguments": '{"parcel": 4711}'}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    named: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1791190800, "model": "gpt-5"}
    return {**named, "choices": [choice], "usage": usage}


def _response() -> dict[str, Any]:
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    item = {"id": "item_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    about = {"id": "resp_1", "object": "response", "created_at": 1791190800, "status": "completed", "model": "gpt-5"}
    more = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return {**about, **more, "output": [item], "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}}


def _events(path: str, said: str) -> list[bytes]:
    if path.endswith("/v1/messages"):
        return [b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in _claude(said)]
    if path.endswith("/responses"):
        begun = {**_response(), "output": [], "status": "in_progress"}
        where = {"item_id": "item_1", "output_index": 0, "content_index": 0, "logprobs": []}
        found: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
        found += [{"type": "response.output_text.delta", "delta": word, **where} for word in WORDS]
        found += [{"type": "response.completed", "response": _response()}]
        numbered = [{**one, "sequence_number": number} for number, one in enumerate(found)]
        return [b"event: %b\ndata: %b\n\n" % (one["type"].encode(), json.dumps(one).encode()) for one in numbered]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": word} for word in WORDS)]
    if said == "tools":
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "locate", "arguments": ""}}
        pieces = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"par', 'cel": 47', "11}")]
        deltas = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            *({"tool_calls": [one]} for one in pieces),
        ]
    about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1791190800, "model": "gpt-5"}
    chunks = [{**about, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    return [b"data: %b\r\n\r\n" % json.dumps(one).encode() for one in chunks] + [b"data: [DONE]\r\n\r\n"]


def _claude(said: str) -> list[dict[str, Any]]:
    start = _answer("/v1/messages", {}, said)
    block: dict[str, Any] = {"type": "text", "text": ""}
    deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": word} for word in WORDS]
    if said == "tools":
        block = {"type": "tool_use", "id": "toolu_1", "name": "locate", "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"parcel"', ": 4711}")]
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        {"type": "message_start", "message": {**start, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": one} for one in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
