"""A batch of spooled lines on its way into the conversation store."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aethergrid_pipelines.capture.batch import TOO_LARGE, Batch
from aethergrid_pipelines.capture.protocol import Captured
from aethergrid_pipelines.capture.spool_folder import REFUSED, SpoolFolder
from aethergrid_pipelines.capture.spool_lines import DamagedLine, decode, forgets
from aethergrid_pipelines.stores.conversations import Appended, ConversationStore

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SpoolBatch:
    """Lines of a segment up to ``end`` (an offset), at most as many as the store takes at once.

    A line that is damaged holds ``None``; ``torn`` says that the last one was cut off by a crash: it was never
    acknowledged, and is no loss.
    """

    end: int
    lines: list[tuple[bytes, Captured | None]] = field(default_factory=list)
    torn: bool = False

    @classmethod
    def read(cls, path: Path, start: int, end: int) -> Self:
        """From the line that begins at ``start``; nothing from ``end`` on. Raises ``OSError``."""
        found = cls(start)
        batch = Batch()
        with path.open("rb") as file:
            file.seek(start)
            while found.end < end and not batch.full:
                line = file.readline(end - found.end)
                try:
                    captured = Captured(*decode(line))
                except DamagedLine:
                    found.torn = found.end + len(line) >= end
                    captured = None
                if captured is not None:
                    # Two versions of a message go one after the other.
                    if batch.holds(captured.message.id):
                        break
                    batch.add(captured.conversation, captured.message, len(line))
                found.lines.append((line, captured))
                # A file that is shorter than it should be has nothing more to give.
                found.end = found.end + len(line) if line else end
        return found

    def append_to(self, store: ConversationStore, folder: SpoolFolder) -> list[Appended | None]:
        """Store it; returns what became of each line, ``None`` for one that was refused (and is noted as such).

        Raises ``StoreUnavailable``; storing the same again then does no harm.
        """
        captured = [one for _, one in self.lines if one is not None]
        reasons: dict[str, str] = {}
        try:
            outcomes = _append(store, captured)
        except ValueError:
            # One of them offends the store, and must not hold up the others forever.
            outcomes = {}
            for one in captured:
                try:
                    outcomes |= _append(store, [one])
                except ValueError as error:
                    reasons[one.message.id] = str(error)
        # Only now, so that the store has something of which to remember that it was forgotten.
        forgotten = {one.conversation.id for line, one in self.lines if one is not None and forgets(line)}
        for identifier in forgotten:
            store.forget(identifier)
        return [
            Appended.FORGOTTEN
            if one is not None and one.conversation.id in forgotten
            else self._outcome(line, one, outcomes, reasons, folder)
            for line, one in self.lines
        ]

    def _outcome(
        self,
        line: bytes,
        captured: Captured | None,
        outcomes: dict[str, Appended | None],
        reasons: dict[str, str],
        folder: SpoolFolder,
    ) -> Appended | None:
        if captured is None:
            if self.torn and line == self.lines[-1][0]:
                logger.info("an unfinished record at the end of a segment is dropped: it was never acknowledged")
            else:
                _refuse(folder, line, "damaged on the disk")
            return None
        outcome = outcomes.get(captured.message.id)
        if outcome is None:
            _refuse(folder, line, reasons.get(captured.message.id, TOO_LARGE))
        return outcome


def _append(store: ConversationStore, captured: list[Captured]) -> dict[str, Appended | None]:
    batch = Batch()
    for one in captured:
        batch.add(one.conversation, one.message, 0)
    return {message.id: outcome for message, outcome in batch.append_to(store)} if captured else {}


def _refuse(folder: SpoolFolder, line: bytes, reason: str) -> None:
    folder.note(REFUSED, {"reason": reason, "line": line.decode("utf-8", "replace")})
    logger.warning("a spooled record cannot be stored (%s): it is kept in %s", reason, folder.path / REFUSED)
