"""Which files need not be read again: those that are what they were when they were last imported to their end.

Three have to agree. The file: its size, modification time, inode and first bytes. What reads it: the code of the
sources, how the source was chosen and whether secrets are redacted. And the conversation store, which is asked for
the receipt that it gave after that import: one that was replaced, emptied or put back does not know it. Whatever is in
doubt is read again, because nothing is stored twice.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aethergrid_pipelines.capture.account import FileAccount, Known
from aethergrid_pipelines.capture.file_identity import Identity, identify
from aethergrid_pipelines.capture.reader_version import readers_version
from aethergrid_pipelines.stores.conversations import ConversationStore
from aethergrid_pipelines.stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from aethergrid_pipelines.capture.importer import ImportJournal


SEALED_AT_ONCE = 500
"""Files. An import that is killed reads so many again."""


@dataclass(slots=True)
class LastImports:
    """What earlier imports into this space left behind, and what this one leaves. ``asked`` is the name of the source
    or ``auto``; with ``reread`` nothing is recalled."""

    journal: "ImportJournal"
    store: ConversationStore
    space: str
    asked: str
    redacts: bool
    reread: bool = False
    _honoured: dict[str, bool] = field(default_factory=dict)
    _read: dict[tuple[str, str], str] = field(default_factory=dict)

    def recall(self, path: str, now: Identity) -> Known | None:
        """The earlier import that stands for reading the file at ``path``. Raises ``StoreUnavailable``."""
        if self.reread:
            return None
        known = self.journal.known(self._fingerprint(now), space=self.space, path=path)
        if known is None:
            return None
        if known.receipt not in self._honoured:
            self._honoured[known.receipt] = self.store.honours(known.receipt)
        return known if self._honoured[known.receipt] else None

    def note(self, file: FileAccount, before: Identity) -> None:
        """A file was read to its end; it was ``before`` when that began."""
        try:
            now = identify(Path(file.path))
        except OSError:
            return
        if file.source and now == before and now.settled:
            self._read[file.source, file.path] = self._fingerprint(now)

    @property
    def full(self) -> bool:
        """Whether it is time to seal."""
        return len(self._read) >= SEALED_AT_ONCE

    def seal(self) -> None:
        """Let the store give a receipt for all that was noted, once the journal has their accounts: from now on these
        files are known."""
        if not self._read:
            return
        try:
            receipt = self.store.receipt()
        except StoreUnavailable:
            # All of it is stored. Without a receipt it is read once more, which is no reason to fail.
            return
        self.journal.seal(self._read, receipt, space=self.space)
        self._read = {}

    def _fingerprint(self, now: Identity) -> str:
        # Without the device, whose number may be another after the next start of the machine.
        file = (now.inode, now.size, now.modified_ns, now.head)
        told = json.dumps([*file, self.asked, self.redacts, readers_version()])
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
