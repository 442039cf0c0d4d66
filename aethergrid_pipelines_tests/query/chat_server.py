"""A real HTTP server that speaks OpenAI's and Anthropic's streaming APIs and, when told to, fails as servers do."""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from aethergrid_pipelines_tests.local_server import LocalServer

Item = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What one request gets: ``pieces`` of an answer, or another status with an error.

    After ``cut`` pieces the connection is closed, after ``hang`` pieces nothing more is said, after ``fail`` pieces an
    error stands in the stream; ``ends`` false leaves out the end of the answer.
    """

    pieces: Sequence[str] = ("It leaks", " one [1", "].")
    finish: str = "stop"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    hang: int | None = None
    fail: int | None = None
    ends: bool = True


class ChatServer(LocalServer):
    """``script`` is consumed request by request; after it, ``always`` is the answer."""

    def __init__(self, always: Reply = Reply()) -> None:
        super().__init__(_handler(self))
        self.script: deque[Reply] = deque()
        self.always = always
        self.requests: list[Item] = []
        self.headers: list[Mapping[str, str]] = []
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"{self.root}/v1"


def openai_events(reply: Reply) -> list[Item]:
    """A chat completion in chunks, the account of tokens last."""
    about = {"id": "c1", "object": "chat.completion.chunk", "model": "test"}
    texts: list[Item] = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in reply.pieces]
    chunks: list[Item] = [{**about, "choices": [choice]} for choice in texts]
    if reply.fail is not None:
        chunks[reply.fail :] = [{"error": {"message": "the model crashed", "type": "server_error"}}]
    elif reply.ends:
        chunks.append({**about, "choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish}]})
        usage: Item = {"prompt_tokens": 90, "completion_tokens": 7}
        chunks.append({**about, "choices": [], "usage": usage})
    return chunks


def anthropic_events(reply: Reply) -> list[Item]:
    """A message with one block of text."""
    begun: Item = {"type": "message_start", "message": {"id": "m1", "usage": {"input_tokens": 90, "output_tokens": 1}}}
    block: Item = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    texts: list[Item] = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in reply.pieces
    ]
    if reply.fail is not None:
        failed = {"type": "error", "error": {"type": "overloaded_error", "message": "the model crashed"}}
        return [begun, block, *texts[: reply.fail], failed]
    reason = {"stop": "end_turn", "length": "max_tokens"}[reply.finish]
    end: Item = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}
    return [begun, block, *texts, *([end, {"type": "message_stop"}] if reply.ends else [])]


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = server.script.popleft() if server.script else server.always
            self.close_connection = True
            try:
                self._answer(reply)
            except OSError:
                server.left.set()

        def _answer(self, reply: Reply) -> None:
            if reply.status != 200:
                body = json.dumps({"error": {"message": "try again", "type": "test"}}).encode()
                self._head(reply.status, {**reply.headers, "Content-Length": str(len(body))})
                self.wfile.write(body)
                return
            events = openai_events(reply) if self.path.endswith("/chat/completions") else anthropic_events(reply)
            if reply.hang == 0:
                server.ending.wait(30)
                return
            self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
            # Before its text, Anthropic's API says two other things.
            first = 0 if "choices" in events[0] else 2
            for number, event in enumerate(events, start=-first):
                if number == reply.cut:
                    return
                if number == reply.hang:
                    server.ending.wait(30)
                    return
                name = f"event: {event['type']}\n" if "type" in event else ""
                self._chunk(f"{name}data: {json.dumps(event)}\n\n".encode())
            self._chunk(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _head(self, status: int, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            pass

    Handler.protocol_version = "HTTP/1.1"
    return Handler
