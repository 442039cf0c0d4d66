"""Records that were sent to the API into the spool and the conversation store, each with its own outcome."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aethergrid_pipelines.capture.account import Account
from aethergrid_pipelines.capture.batch import TOO_LARGE
from aethergrid_pipelines.capture.file_import import AHEAD, out_of_range
from aethergrid_pipelines.capture.generic import read_posted
from aethergrid_pipelines.capture.protocol import Captured, Merged, Outcome, Rejected
from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.capture.spool_lines import MessageTooLarge
from aethergrid_pipelines.stores.conversations import Appended

STORE_SECONDS = 2.0
"""How long a request waits to hear what became of its records, which are durable by then."""

# The API speaks of these elsewhere; the documented form has shorter names for them.
_NAMES = {
    "conversationId": "conversation",
    "conversation_id": "conversation",
    "messageId": "id",
    "message_id": "id",
    "sourceModel": "model",
    "source_model": "model",
    "createdAt": "created_at",
}

_BECAME = {
    Appended.STORED: "stored",
    Appended.UPDATED: "updated",
    Appended.UNCHANGED: "merged",
    Appended.FORGOTTEN: "skipped",
}


@dataclass(slots=True)
class PostedRecord:
    """What became of a record: ``stored``, ``updated``, ``merged`` (it was there), ``skipped``, ``rejected``, or
    ``spooled``: it is durable, and goes to the conversation store when that answers.

    ``index`` is its place in the request, from 0; each message of a conversation has an outcome of its own. ``secrets``
    are the kinds of those that were found in it.
    """

    index: int
    outcome: str
    conversation_id: str | None = None
    message_id: str | None = None
    field: str | None = None
    reason: str | None = None
    secrets: list[str] = dataclasses.field(default_factory=list)


@dataclass(slots=True)
class Posted:
    """The records of a request: a row for each, and the lines of those that go to the spool (``spooled``)."""

    rows: list[PostedRecord] = dataclasses.field(default_factory=list)
    lines: list[bytes] = dataclasses.field(default_factory=list)
    spooled: list[PostedRecord] = dataclasses.field(default_factory=list)

    def tell(self, outcomes: Sequence[Appended | None] | None) -> None:
        """Note what became of the spooled ones; ``None``: that is not known yet."""
        if outcomes is None:
            for row in self.spooled:
                row.outcome = "spooled"
            return
        for row, became in zip(self.spooled, outcomes, strict=True):
            _tell(row, became)


def store_posted(
    records: Sequence[object],
    *,
    spool: Spool,
    space: str,
    received: dt.datetime,
) -> list[PostedRecord]:
    """Take in records of the documented form (docs/capture/generic.md) and say what became of each, in order.

    Raises ``SpoolUnavailable``, with nothing kept; sending the same again does no harm.
    """
    posted = read_records(records, spool=spool, space=space, received=received)
    if posted.lines:
        posted.tell(spool.outcomes(spool.append_lines(posted.lines), STORE_SECONDS))
    return posted.rows


async def take_posted(posted: Posted, spool: Spool) -> list[PostedRecord]:
    """The same for who waits without a thread, with what :func:`read_records` made."""
    if posted.lines:
        posted.tell(await spool.taken(posted.lines, STORE_SECONDS))
    return posted.rows


def read_records(records: Sequence[object], *, spool: Spool, space: str, received: dt.datetime) -> Posted:
    """Read records and make those that can be read ready for the spool; nothing is written yet."""
    posted = Posted()
    for outcome in read_posted([_renamed(record) for record in records], space=space, received=received):
        row = _row(outcome, received)
        posted.rows.append(row)
        if not isinstance(outcome, Captured) or row.outcome == "rejected":
            continue
        try:
            line, row.secrets = spool.line(outcome.conversation, outcome.message, received.timestamp())
            posted.lines.append(line)
            posted.spooled.append(row)
        except MessageTooLarge as error:
            row.outcome, row.field, row.reason = "rejected", "content", str(error)
    return posted


def account_of(posted: Sequence[PostedRecord], *, redacted: bool) -> Account:
    """The account of a request, by the same rules as that of a file; ``redacted``: whether secrets were replaced."""
    account = Account()
    for row in posted:
        account.read += 1
        account.tell(row.secrets, redacted=redacted)
        account.stored += row.outcome in {"stored", "updated"}
        account.updated += row.outcome == "updated"
        account.merged += row.outcome == "merged"
        account.rejected += row.outcome == "rejected"
        account.spooled += row.outcome == "spooled"
        if row.outcome == "skipped":
            account.skip(row.reason or "")
    return account


def _tell(row: PostedRecord, became: Appended | None) -> None:
    if became is None:
        row.outcome, row.field, row.reason = "rejected", "content", TOO_LARGE
        return
    row.outcome = _BECAME[became]
    if became is Appended.FORGOTTEN:
        row.reason = "forgotten"


def _row(outcome: Outcome, received: dt.datetime) -> PostedRecord:
    if isinstance(outcome, Captured):
        message = outcome.message
        row = PostedRecord((message.origin.line or 1) - 1, "stored", message.conversation_id, message.id)
        row.reason = outcome.warning
        if reason := out_of_range(message, received + AHEAD):
            row.outcome, row.field, row.reason = "rejected", "timestamp", reason
        return row
    index = (outcome.line or 1) - 1
    if isinstance(outcome, Rejected):
        return PostedRecord(index, "rejected", field=outcome.field or None, reason=outcome.reason)
    if isinstance(outcome, Merged):
        return PostedRecord(index, "merged", reason="the same message stands earlier in this request")
    return PostedRecord(index, "skipped", reason=outcome.reason)


def _renamed(record: object) -> object:
    if not isinstance(record, Mapping):
        return record
    names: dict[str, str] = _NAMES
    if "messages" in record:
        # The id of such an object is that of the conversation.
        names = {**_NAMES, "conversationId": "id", "conversation_id": "id", "conversation": "id"}
        messages = record["messages"]
        inner = [_renamed(message) for message in messages] if isinstance(messages, list) else messages
        record = {**record, "messages": inner}
    found: dict[str, Any] = {}
    for name, value in record.items():
        known: str = names.get(str(name), str(name))
        found.setdefault(known if known == name or known not in record else name, value)
    return found
