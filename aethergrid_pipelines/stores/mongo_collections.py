"""The connection to MongoDB and the two collections of the conversation store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aethergrid_pipelines.stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

Document = dict[str, Any]

IN_ORDER = [("timestamp", 1), ("position", 1), ("_id", 1)]
OPEN: Document = {"writers": {"$gt": {}}}
"""Conversations that somebody is writing to, or died while writing to."""


@dataclass(frozen=True, slots=True)
class MongoCollections:
    """``conversations`` holds one document each, also for a forgotten one; ``messages`` one for each message."""

    conversations: Collection[Document]
    messages: Collection[Document]

    def ensure_indexes(self) -> None:
        """Idempotent."""
        self.conversations.create_index("day")
        self.conversations.create_index("writers", partialFilterExpression=OPEN)
        self.messages.create_index([("conversation_id", 1), *IN_ORDER])


def connect(url: str) -> MongoClient[Document]:
    """A client that has not connected yet. Where the URL says nothing else (``serverSelectionTimeoutMS``), whoever
    waits for a server that is away waits five seconds."""
    from pymongo import MongoClient

    patience: Document = {} if "serverselectiontimeoutms=" in url.lower() else {"serverSelectionTimeoutMS": 5_000}

    return MongoClient(
        url,
        appname="aethergrid",
        connect=False,
        connectTimeoutMS=5_000,
        # No single operation may outlast the time after which its writer counts as dead.
        socketTimeoutMS=60_000,
        # What a change stream reports is what a majority has; what append reports as stored is, too.
        w="majority",
        **patience,
    )


def address_of(url: str) -> str:
    """The URL without user, password and options, for messages."""
    return re.sub(r"(?<=//)[^/]*@", "", url.partition("?")[0])


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turn every failure of the network, or of the election of a primary, into ``StoreUnavailable``."""
    from pymongo.errors import ConnectionFailure, ExecutionTimeout

    try:
        yield
    except (ConnectionFailure, ExecutionTimeout) as error:
        # The driver's message goes on with its timeouts and its picture of the topology: nothing for people.
        reason = str(error).split(" (configured timeouts")[0].split(", Timeout:")[0]
        raise StoreUnavailable(f"MongoDB at {address} does not answer: {reason}") from error
