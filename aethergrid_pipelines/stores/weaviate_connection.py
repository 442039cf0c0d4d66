"""One connection to a Weaviate server, made when first needed, and its errors in the words of the stores."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines.stores.vectors import CollectionMissing, DimensionMismatch

if TYPE_CHECKING:
    from weaviate.client import WeaviateClient
    from weaviate.connect import ConnectionParams

CONNECT_SECONDS = 5.0
QUERY_SECONDS = 30
WRITE_SECONDS = 90
# The client repeats a search on a dead connection for 63 s, which cannot be set. A look at the ports, at most once in
# this many seconds, tells at once that nobody is there; a call within the second after the loss waits those 63 s.
LOOK_SECONDS = 1.0

UNREACHABLE = (
    *("unavailable", "deadline exceeded", "failed to connect", "connection refused", "connection reset"),
    *("socket closed", "broken pipe", "goaway", "shutting down"),
    # It says that it is ready before it has opened all that it holds.
    "cannot find index for class",
)
MISSING = ("could not find class", "class not found", "no such class")
MISFIT = ("vector lengths don't match", "vector length", "vector dimensions")


class WeaviateConnection:
    """Thread-safe."""

    def __init__(self, url: str, grpc_port: int, api_key: str | None) -> None:
        self.url = url
        self._grpc_port = grpc_port
        self._api_key = api_key
        self._client: WeaviateClient | None = None
        self._looked_at = 0.0
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Both addresses, for people."""
        return f"Weaviate at {self.url} (gRPC port {self._grpc_port})"

    @contextmanager
    def client(self) -> Iterator[WeaviateClient]:
        """The connected client; what goes wrong inside comes out as ``StoreUnavailable``, ``CollectionMissing`` or
        ``DimensionMismatch`` where it is one of these."""
        from httpx import TransportError
        from weaviate import exceptions

        try:
            yield self._connected()
        except (
            exceptions.WeaviateConnectionError,
            exceptions.WeaviateStartUpError,
            exceptions.WeaviateGRPCUnavailableError,
            exceptions.WeaviateTimeoutError,
            exceptions.WeaviateRetryError,
            exceptions.WeaviateClosedClientError,
            TransportError,
            OSError,
        ) as error:
            self._looked_at = 0.0
            raise StoreUnavailable(f"{self.address} does not answer: {error}") from error
        except exceptions.UnexpectedStatusCodeError as error:
            if error.status_code in (429, 502, 503, 504):
                raise StoreUnavailable(f"{self.address} does not serve now: {error}") from error
            raise
        except exceptions.WeaviateQueryError as error:
            self._raise_known(error)
            raise

    def close(self) -> None:
        """Close the connection; the next call makes a new one."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def look(self) -> None:
        """Raise ``OSError`` unless both ports accept a connection."""
        params = self._params()
        for port in (params.http.port, params.grpc.port):
            with socket.create_connection((params.http.host, port), timeout=CONNECT_SECONDS):
                pass
        self._looked_at = time.monotonic()

    def _params(self) -> ConnectionParams:
        from weaviate.connect import ConnectionParams

        return ConnectionParams.from_url(self.url, self._grpc_port)

    def _connected(self) -> WeaviateClient:
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self.look()
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> WeaviateClient:
        from weaviate import WeaviateClient
        from weaviate.auth import Auth
        from weaviate.classes.init import AdditionalConfig, Timeout

        client = WeaviateClient(
            self._params(),
            auth_client_secret=None if self._api_key is None else Auth.api_key(self._api_key),
            additional_config=AdditionalConfig(
                timeout=Timeout(init=CONNECT_SECONDS, query=QUERY_SECONDS, insert=WRITE_SECONDS)
            ),
            # These would ask a package index for the newest client, too.
            skip_init_checks=True,
        )
        try:
            client.connect()
        except BaseException:
            client.close()
            raise
        return client

    def _raise_known(self, error: Exception) -> None:
        text = str(error).lower()
        if any(sign in text for sign in MISSING):
            raise CollectionMissing(f"{self.address}: {error}") from error
        if any(sign in text for sign in MISFIT):
            raise DimensionMismatch(f"{self.address}: {error}") from error
        if any(sign in text for sign in UNREACHABLE):
            self._looked_at = 0.0
            raise StoreUnavailable(f"{self.address} does not answer: {error}") from error
