"""The spool: what is captured is on the disk before it is acknowledged, and in the conversation store soon after.

Each process appends to segments of its own; a thread moves them into the store, retrying while that is down, and
deletes each when all of it is stored. docs/capture/spool.md says what that promises.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from aethergrid_pipelines.capture.redaction import REDACTING, Redaction
from aethergrid_pipelines.capture.spool_drainer import SpoolDrainer
from aethergrid_pipelines.capture.spool_folder import Backlog, SpoolFolder
from aethergrid_pipelines.capture.spool_lines import encode
from aethergrid_pipelines.capture.spool_writer import SpoolUnavailable, SpoolWriter, Ticket
from aethergrid_pipelines.records.conversation import Conversation, Message
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines.stores.conversations import Appended, ConversationStore

CLOSING_SECONDS = 10.0


class Spool:
    """Thread-safe. Close it to leave nothing behind; what a killed process leaves, the next one stores first."""

    def __init__(
        self,
        path: Path,
        store: Callable[[], ConversationStore],
        *,
        max_mb: int = 1_024,
        when_full: Literal["reject", "drop-oldest"] = "reject",
        redaction: Redaction = REDACTING,
    ) -> None:
        """``store`` is called for each batch, in the spool's own thread; it may raise ``StoreUnavailable``.

        Raises :class:`SpoolUnavailable` where the folder cannot be used.
        """
        self.redaction = redaction
        self._folder = SpoolFolder(path)
        try:
            self._folder.create()
            self._number, self._living = self._folder.join()
        except OSError as error:
            raise SpoolUnavailable(f"the spool at {path} cannot be written: {error.strerror or error}") from error
        self._drainer = SpoolDrainer(self._folder, store)
        self._writer = SpoolWriter(
            self._folder,
            self._number,
            budget=max_mb * 1024 * 1024,
            when_full=when_full,
            before_durable=self._drainer.expect,
            on_durable=self._drainer.wake,
        )
        self._drainer.start(self._writer)

    def append(self, records: Sequence[tuple[Conversation, Message]]) -> Ticket:
        """Return when these records are durable. Raises :class:`SpoolUnavailable`, and ``MessageTooLarge``; nothing
        of them is kept then."""
        now = time.time()
        return self.append_lines([self.line(conversation, message, now)[0] for conversation, message in records])

    def line(self, conversation: Conversation, message: Message, at: float) -> tuple[bytes, list[str]]:
        """A record as it may lie on the disk, captured ``at`` seconds since 1970, and the kinds of the secrets in it.
        Raises ``MessageTooLarge``."""
        clean = self.redaction.captured(conversation, message)
        return encode(clean.conversation, clean.message, at), clean.secrets

    def append_lines(self, lines: Sequence[bytes]) -> Ticket:
        """The same with what :meth:`line` made."""
        ticket = Ticket(lines)
        if lines:
            self._writer.append(ticket)
        else:
            ticket.settled.set()
        return ticket

    def outcomes(self, ticket: Ticket, timeout: float) -> list[Appended | None] | None:
        """What became of a ticket's records in the store (``None`` for one that it refused), or ``None`` where that
        is not known within so many seconds: they will be stored later."""
        settled = ticket.settled.wait(timeout)
        if not settled:
            self._drainer.give_up(ticket)
        return ticket.outcomes if len(ticket.outcomes) == len(ticket.lines) else None

    async def taken(self, lines: Sequence[bytes], seconds: float) -> list[Appended | None] | None:
        """Both at once for who waits without a thread: durable when it returns, with what :meth:`outcomes` gives.
        Raises :class:`SpoolUnavailable`."""
        loop = asyncio.get_running_loop()
        told = asyncio.Event()

        def tell() -> None:
            # Whoever asked may be gone, and its loop with it.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(told.set)

        ticket = Ticket(lines, tell)
        self._writer.enqueue(ticket)
        try:
            async with asyncio.timeout(seconds):
                await told.wait()
        except TimeoutError:
            self._drainer.give_up(ticket)
            await asyncio.to_thread(ticket.durable.wait)
        ticket.check(self._folder.path)
        return ticket.outcomes if len(ticket.outcomes) == len(lines) else None

    def backlog(self) -> Backlog:
        """What all processes have spooled and not stored."""
        return self._folder.backlog()

    def close(self) -> None:
        """Store what waits if the store is there, and stop. Idempotent."""
        self._writer.close()
        if not self._drainer.close(CLOSING_SECONDS):
            # The store hangs: the thread ends with the process, and with it the claim on what waits.
            return
        self._writer.release()
        if not self._folder.segments(self._number):
            self._folder.leave(self._number)
        self._living.release()


def spool_path(settings: Settings) -> Path:
    """Where the spool of these settings lies."""
    return settings.home_path / "spool"


def open_spool(settings: Settings, store: Callable[[], ConversationStore]) -> Spool:
    """The spool of these settings. Raises :class:`SpoolUnavailable`."""
    return Spool(
        spool_path(settings),
        store,
        max_mb=settings.spool_max_mb,
        when_full=settings.spool_when_full,
        redaction=Redaction(settings.redact_secrets),
    )
