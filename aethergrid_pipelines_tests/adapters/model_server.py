"""A real HTTP server that lists models, embeds and says windows, as OpenAI, Anthropic, Gemini and Ollama do."""

import base64
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np

from aethergrid_pipelines_tests.embedders.bad_server import hashed_vectors
from aethergrid_pipelines_tests.local_server import LocalServer

KEY = "a-key-of-this-test"


class ModelServer(LocalServer):
    """``key``: what has to come with a request, in whichever header. ``body`` is sent in place of the list."""

    def __init__(
        self,
        models: list[dict[str, Any]],
        *,
        key: str | None = KEY,
        dimensions: int = 8,
        status: int = 200,
        body: bytes | None = None,
        windows: dict[str, int] | None = None,
    ) -> None:
        super().__init__(_handler(self))
        self.models, self.key, self.dimensions = models, key, dimensions
        self.status, self.body, self.windows = status, body, windows or {}
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """Without the version."""
        return self.root

    def answer(self, path: str, headers: dict[str, str], asked: dict[str, Any]) -> tuple[int, bytes]:
        self.paths.append(path)
        self.headers.append(headers)
        told = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if self.key is not None and told != self.key:
            return 401, b'{"error": {"message": "wrong key", "type": "authentication_error"}}'
        if self.status != 200:
            return self.status, b"{}"
        if path.endswith("/models"):
            return 200, self.body if self.body is not None else _json({"object": "list", "data": self.models})
        if path.endswith("/embeddings"):
            return 200, self._embeddings(asked)
        if path == "/api/show" and asked["model"] in self.windows:
            return 200, _json({"model_info": {"qwen2.context_length": self.windows[asked["model"]]}})
        return 404, b"{}"

    def _embeddings(self, asked: dict[str, Any]) -> bytes:
        vectors = hashed_vectors(asked["input"], self.dimensions)
        as_base64 = [base64.b64encode(np.array(vector, "<f4").tobytes()).decode() for vector in vectors]
        data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(as_base64)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return _json({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, asked: dict[str, Any]) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = server.answer(self.path.partition("?")[0], headers, asked)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name is the library's)
            """Say nothing."""

    return Handler
