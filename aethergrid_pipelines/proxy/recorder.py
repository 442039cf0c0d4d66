"""From exchanges to messages in the spool: beside the streams, in a thread of its own."""

import datetime as dt
import logging
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from aethergrid_pipelines.capture.fields import UnfitField
from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.capture.spool_lines import MessageTooLarge
from aethergrid_pipelines.capture.spool_writer import SpoolUnavailable
from aethergrid_pipelines.proxy import anthropic_messages, openai_chat, openai_responses
from aethergrid_pipelines.proxy.exchange import Exchange
from aethergrid_pipelines.proxy.prefixes import Prefixes
from aethergrid_pipelines.proxy.turn import Told, Turn
from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.records.ids import conversation_id, message_id

logger = logging.getLogger(__name__)

INTERFACES: dict[str, Callable[[Exchange, dict[str, Any]], Told]] = {
    "chat/completions": openai_chat.read,
    "responses": openai_responses.read,
    "v1/messages": anthropic_messages.read,
}
"""What is captured, by the end of its path."""

SOURCE = "proxy"
# An interface that changed. Its bytes go through; what they say is not known here.
_NOT_UNDERSTOOD = (AttributeError, KeyError, TypeError, ValueError)
MAX_WAITING = 1_000
MAX_WAITING_BYTES = 128 * 1024 * 1024


class Recorder:
    """Takes exchanges and never makes anyone wait: what does not fit into its queue is not captured, and counted."""

    def __init__(self, spool: Spool, prefixes: Prefixes, space: str) -> None:
        self.lost = 0
        self._spool, self._prefixes, self._space = spool, prefixes, space
        self._waiting: queue.SimpleQueue[Exchange | None] = queue.SimpleQueue()
        self._bytes = self._count = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, exchange: Exchange) -> None:
        """Capture this when there is time."""
        size = exchange.request.size + exchange.answer.size
        with self._lock:
            fits = self._count < MAX_WAITING and self._bytes + size <= MAX_WAITING_BYTES
            self._count, self._bytes = self._count + fits, self._bytes + size * fits
        if fits:
            self._waiting.put(exchange)
        else:
            self._lose("too much at once")

    def going_on(self, exchange: Exchange) -> str | None:
        """The id of the conversation of which a request repeats more than the first message, as far as it was captured.
        Any thread may ask."""
        asked = exchange.asked()
        try:
            told = INTERFACES[exchange.interface](exchange, asked) if asked else None
            placed = _Placed(told, self._prefixes, self._space) if told and told.turns else None
        except (UnfitField, sqlite3.Error, *_NOT_UNDERSTOOD) as error:
            logger.debug("which conversation goes on is not known: %s", error)
            return None
        return placed.conversation.id if placed and placed.goes_on else None

    def close(self) -> None:
        """Capture what waits, and stop."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (exchange := self._waiting.get()) is not None:
            try:
                self._capture(exchange)
            except (SpoolUnavailable, MessageTooLarge, UnfitField, sqlite3.Error) as error:
                self._lose(str(error))
            except _NOT_UNDERSTOOD as error:
                self._lose(f"{exchange.interface} is not understood: {type(error).__name__}")
            with self._lock:
                self._count -= 1
                self._bytes -= exchange.request.size + exchange.answer.size

    def _lose(self, reason: str) -> None:
        self.lost += 1
        logger.warning("an exchange is not captured (%d so far): %s", self.lost, reason)

    def _capture(self, exchange: Exchange) -> None:
        asked = exchange.asked()
        if asked is None or not 200 <= exchange.status < 300:
            return
        told = INTERFACES[exchange.interface](exchange, asked)
        if not told.turns:
            return
        if told.answer is not None and not (exchange.complete or told.ended):
            told.answer.metadata["partial"] = True
        placed = _Placed(told, self._prefixes, self._space)
        records = placed.records(exchange.began, exchange.answered_at or exchange.began)
        now = time.time()
        if records:
            self._keep([self._spool.line(placed.conversation, message, now) for message in records])
        # After the spool has it: a crash in between captures it again, under the same ids.
        self._prefixes.keep(placed.native_id, placed.known())

    def _keep(self, lines: list[tuple[bytes, list[str]]]) -> None:
        self._spool.append_lines([line for line, _ in lines])
        secrets = Counter(kind for _, kinds in lines for kind in kinds)
        if secrets:
            did = "redacted" if self._spool.redaction.redacts else "found, and stored (REDACT_SECRETS=false)"
            logger.warning("secrets were %s: %s", did, ", ".join(f"{n} {kind}" for kind, n in secrets.items()))


class _Placed:
    """An exchange in its conversation: which one that is, and what of it is new."""

    def __init__(self, told: Told, prefixes: Prefixes, space: str) -> None:
        self.told = told
        self.hashes: list[str] = []
        self.first = 0
        # What one memory knows says nothing about another one.
        before = space
        self.space = space
        earlier = prefixes.longest([self._answer_key(told.previous)]) if told.previous else None
        if earlier is not None and told.previous:
            # The provider has the history; the request holds only what comes after it.
            before, self.first = self._answer_key(told.previous), earlier[2]
        for turn in told.turns:
            before = turn.after(before)
            self.hashes.append(before)
        found = prefixes.longest(self.hashes)
        self.new_from = found[1] + 1 if found else 0
        self.is_new = found is None and earlier is None
        # One message that is known may as well begin another chat, which has nothing of the answer before it.
        self.goes_on = self.new_from > 1 or earlier is not None
        self.native_id = found[0] if found else earlier[0] if earlier else self.hashes[-1]
        self.after_answer = told.answer.after(before) if told.answer else None
        identifier = conversation_id(space, SOURCE, self.native_id)
        self.conversation = Conversation(id=identifier, space=space, source=SOURCE, native_id=self.native_id)

    def known(self) -> dict[str, int]:
        """The histories to remember, with how many turns they have."""
        end = self.first + len(self.hashes)
        histories = {self.hashes[-1]: end}
        if self.after_answer:
            histories[self.after_answer] = end + 1
        if self.told.answer_id:
            histories[self._answer_key(self.told.answer_id)] = end + 1
        return histories

    def _answer_key(self, identifier: str) -> str:
        return f"{self.space} answer {identifier}"

    def records(self, asked_at: dt.datetime, answered_at: dt.datetime) -> Sequence[Message]:
        """The messages that are new."""
        messages = []
        if self.is_new and self.told.system:
            messages.append(self._message(Turn(Role.SYSTEM, self.told.system), "system", 0, asked_at, inferred=True))
        for index, turn in enumerate(self.told.turns[self.new_from :], start=self.new_from):
            position = self.first + index + 1
            messages.append(self._message(turn, self.hashes[index], position, asked_at, inferred=True))
        if self.told.answer is not None and self.after_answer is not None:
            position = self.first + len(self.hashes) + 1
            messages.append(self._message(self.told.answer, self.after_answer, position, answered_at, inferred=False))
        return messages

    def _message(self, turn: Turn, name: str, position: int, said_at: dt.datetime, *, inferred: bool) -> Message:
        return Message(
            id=message_id(self.conversation.id, name),
            conversation_id=self.conversation.id,
            native_id=name,
            timestamp=said_at,
            timestamp_inferred=inferred,
            role=turn.role,
            content=turn.content,
            model=turn.model,
            position=position,
            metadata=turn.metadata,
            origin=Origin(path="proxy"),
        )
