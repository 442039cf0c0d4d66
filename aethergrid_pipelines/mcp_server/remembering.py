"""A note into the memory: through the spool, as everything that is captured, and then to the index."""

import datetime as dt
import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from aethergrid_pipelines.capture.posted import PostedRecord, read_records
from aethergrid_pipelines.embedders.protocol import EmbedderUnavailable
from aethergrid_pipelines.mcp_server.answers import Remembered
from aethergrid_pipelines.records.ids import sha256_hex
from aethergrid_pipelines.stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from aethergrid_pipelines.api.components import Components

logger = logging.getLogger(__name__)

SOURCE = "mcp"

STORE_SECONDS = 20.0
"""A model can wait a little to hear that its note is stored: connecting to a store may take some seconds."""

LATER = "it will be found once the live worker (aethergrid live) or aethergrid process has run"
SOON = "the live worker makes it searchable in a moment"
FOUND = "it is searchable now"
KEPT = "it was there already"
WAITS = "it is on the disk, and is stored when the conversation store answers again"

Indexing = Callable[[str], bool]
"""Makes a conversation searchable; whether it is."""


class Refused(Exception):
    """The memory does not take this in; the message says why."""


def remember_note(
    components: "Components",
    content: str,
    *,
    title: str | None,
    conversation: str | None,
    role: str,
    model: str | None,
    index: Indexing | None,
) -> Remembered:
    """Store a note; the same note again changes nothing. Without ``conversation`` it is a conversation of its own.

    Raises :class:`Refused` and ``SpoolUnavailable``.
    """
    if not components.settings.capture_enabled:
        raise Refused("capturing is switched off here (CAPTURE_ENABLED=false)")
    record = {
        "conversation": conversation or f"note-{sha256_hex(content)[:32]}",
        "role": role,
        "content": content,
        "title": title,
        "model": model,
        "source": SOURCE,
    }
    received = dt.datetime.now(dt.UTC)
    spool = components.spool
    posted = read_records([record], spool=spool, space=components.settings.space, received=received)
    if posted.lines:
        posted.tell(spool.outcomes(spool.append_lines(posted.lines), STORE_SECONDS))
    row = posted.rows[0]
    if row.outcome == "rejected":
        raise Refused(f"{row.field or 'the note'}: {row.reason}")
    searchable, note = _searchable(components, row, index)
    return Remembered(
        outcome=row.outcome,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        searchable=searchable,
        note=note,
    )


def _searchable(components: "Components", row: PostedRecord, index: Indexing | None) -> tuple[bool, str]:
    if row.outcome == "spooled":
        return False, WAITS
    if row.outcome == "skipped":
        return False, f"not stored: {row.reason}"
    if _followed(components):
        return False, KEPT if row.outcome == "merged" else SOON
    if index is None or row.conversation_id is None:
        return False, LATER
    try:
        done = index(row.conversation_id)
    except (StoreUnavailable, EmbedderUnavailable) as error:
        # The note itself is kept, whatever becomes of the index.
        logger.warning("%s", error)
        return False, f"{LATER}; not now: {error}"
    return done, FOUND if done else LATER


def _followed(components: "Components") -> bool:
    """Whether a live worker takes care of what comes in."""
    from aethergrid_pipelines.stores import lease

    try:
        return lease.held(components.catalog, lease.LIVE)
    except StoreUnavailable as error:
        logger.warning("%s", error)
        return False


def indexing(components: "Components") -> Indexing:
    """Runs the flow's steps for one conversation, here and now; for processes that are no mere readers."""

    def index(conversation_id: str) -> bool:
        from aethergrid_pipelines.flow.engine import materialise_all
        from aethergrid_pipelines.flow.scope import Scope

        scope = Scope.conversations([conversation_id])
        reports = materialise_all(components.stores(), scope, run_id=f"mcp-{uuid.uuid4()}")
        return not any(report.counts["failed"] for report in reports)

    return index
