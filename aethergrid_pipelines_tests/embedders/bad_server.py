"""A real HTTP server that speaks the embeddings API and, when told to, gets it wrong in the ways that servers do."""

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np

from aethergrid_pipelines_tests.local_server import LocalServer

Vectors = list[list[float]]
Item = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What one request gets: a status with a body of its own, or 200 with the items after ``change``.

    ``hang`` holds the connection until the server ends; ``drop`` cuts it in the middle of the answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    change: Callable[[list[Item]], list[Item]] = lambda items: items
    hang: bool = False
    drop: bool = False


def error(status: int, message: str = "try again", code: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's form. Header names are written with underscores: ``retry_after="2"``."""
    body = json.dumps({"error": {"message": message, "code": code, "param": None, "type": "test"}}).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def hashed_vectors(texts: Sequence[str], dimension: int) -> Vectors:
    """Vectors that depend on the text alone; not of length 1, as with many servers."""
    seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
    return [(3 * np.random.default_rng(seed).normal(size=dimension)).tolist() for seed in seeds]


class EmbeddingServer(LocalServer):
    """``script`` is consumed request by request; after it every request is answered well. Inputs that contain
    ``poison`` get the whole request refused with 400, as does an empty input."""

    def __init__(
        self,
        *,
        vectors: Callable[[Sequence[str], int], Vectors] = hashed_vectors,
        native_dimension: int = 1536,
        poison: str | None = None,
        as_floats: bool = False,
    ) -> None:
        super().__init__(_handler(self))
        self.script: deque[Reply] = deque()
        self.always: Reply | None = None
        self.requests: list[Item] = []
        self.keys: set[str | None] = set()
        self.poison = poison
        self.vectors = vectors
        self.native_dimension = native_dimension
        self.as_floats = as_floats
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def inputs(self) -> list[list[str]]:
        """The texts of each request so far."""
        return [request["input"] for request in self.requests]

    def reply(self, request: Item, key: str | None) -> Reply:
        """Take a request in and decide what it gets."""
        with self.lock:
            self.requests.append(request)
            self.keys.add(key)
            scripted = self.always or (self.script.popleft() if self.script else Reply())
        if scripted.body is not None or scripted.hang:
            return scripted
        if any(not text or (self.poison and self.poison in text) for text in request["input"]):
            return error(400, "invalid input")
        body = json.dumps({"object": "list", "data": scripted.change(self._items(request))}).encode()
        return Reply(200, scripted.headers, body, drop=scripted.drop)

    def _items(self, request: Item) -> list[Item]:
        rows = self.vectors(request["input"], request.get("dimensions") or self.native_dimension)
        encoded = request.get("encoding_format") == "base64" and not self.as_floats
        return [
            {"object": "embedding", "index": index, "embedding": encode(row) if encoded else row}
            for index, row in enumerate(rows)
        ]


def encode(row: Sequence[float]) -> str:
    return base64.b64encode(np.asarray(row, "<f4").tobytes()).decode()


def _handler(server: EmbeddingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = server.reply(request, self.headers["Authorization"])
            if reply.hang:
                server.ending.wait(30)
                self.close_connection = True
                return
            body = reply.body or b""
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if reply.drop else body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the standard library's
            pass

    return Handler
