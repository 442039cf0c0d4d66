"""One file on its way into the store: each outcome is counted once, when it is known."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from aethergrid_pipelines.capture.account import FileAccount
from aethergrid_pipelines.capture.batch import TOO_LARGE, Batch
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected, Skipped
from aethergrid_pipelines.capture.redaction import Redaction
from aethergrid_pipelines.records.conversation import FIRST_DAY, Message, utc_day
from aethergrid_pipelines.stores.conversations import Appended, ConversationStore

# Clocks differ; what lies further ahead belongs to a partition that does not exist yet.
AHEAD = dt.timedelta(days=1)

_FIRST_MOMENT = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC)


class FileImport:
    """Takes the outcomes of one file; ``rejects`` receives those that were rejected, one by one."""

    def __init__(
        self,
        store: ConversationStore,
        file: FileAccount,
        *,
        rejects: Callable[[Rejected], None],
        redaction: Redaction,
    ) -> None:
        self.file = file
        self._redaction = redaction
        self._store = store
        self._end = dt.datetime.now(dt.UTC) + AHEAD
        self._rejects = rejects
        self._batch = Batch()

    def take(self, outcome: Outcome) -> bool:
        """Count an outcome, or hold its message until its batch is full. Whether a batch was stored.

        Raises ``StoreUnavailable``.
        """
        if isinstance(outcome, Captured):
            return self._captured(outcome)
        account = self.file.account
        account.read += 1
        if isinstance(outcome, Merged):
            account.merged += 1
        elif isinstance(outcome, Skipped):
            account.skip(self._redaction.text(outcome.reason))
        else:
            account.rejected += 1
            self._rejects(replace(outcome, reason=self._redaction.text(outcome.reason)))
        return False

    def flush(self) -> None:
        """Store what is held. Raises ``StoreUnavailable``."""
        if not len(self._batch):
            return
        account = self.file.account
        became = self._batch.append_to(self._store)
        counts = Counter(outcome for _, outcome in became)
        account.merged += counts[Appended.UNCHANGED]
        if forgotten := counts[Appended.FORGOTTEN]:
            account.skip("forgotten", forgotten)
        account.stored += counts[Appended.STORED] + counts[Appended.UPDATED]
        account.updated += counts[Appended.UPDATED]
        account.rejected += counts[None]
        for message, outcome in became if counts[None] else ():
            if outcome is None:
                self._rejects(Rejected(message.origin.line, TOO_LARGE, "content"))

    def abandon(self) -> None:
        """Take what was read and not stored out of the account: the next import reads it again."""
        self.file.account.read -= len(self._batch)
        self._batch = Batch()

    def _captured(self, captured: Captured) -> bool:
        account, batch = self.file.account, self._batch
        message = captured.message
        reason = out_of_range(message, self._end)
        if reason is not None:
            account.read += 1
            account.rejected += 1
            self._rejects(Rejected(message.origin.line, reason, "timestamp"))
            return False
        stored = batch.full or batch.holds(message.id)
        if stored:
            self.flush()
        conversation, message, secrets, size = self._redaction.captured(captured.conversation, message)
        batch.add(conversation, message, size)
        account.read += 1
        if secrets:
            account.tell(secrets, redacted=self._redaction.redacts)
        self.file.mended += captured.warning is not None
        return stored


def out_of_range(message: Message, end: dt.datetime) -> str | None:
    """Why a message belongs to no partition, or ``None`` where it does."""
    if _FIRST_MOMENT <= message.timestamp <= end:
        return None
    if utc_day(message.timestamp) < FIRST_DAY:
        return f"{message.timestamp.isoformat()} is before {FIRST_DAY}, the first partition"
    if message.timestamp > end:
        return f"{message.timestamp.isoformat()} lies more than a day in the future"
    return None
