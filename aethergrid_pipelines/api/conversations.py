"""``/api/conversations/{id}``: read one, forget one."""

import itertools
import uuid
from collections import deque
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from aethergrid_pipelines.api.conversation_records import (
    ConversationResponse,
    ForgottenResponse,
    MessageRecord,
)
from aethergrid_pipelines.api.dependencies import ComponentsDep, ConversationsDep
from aethergrid_pipelines.api.problems import responses
from aethergrid_pipelines.records.conversation import Message

router = APIRouter(tags=["conversations"])

ConversationId = Annotated[str, Path(description="The `conversationId` of a result", max_length=64)]


@router.get("/conversations/{conversation_id}", responses=responses(401, 404, 503))
def read(
    conversation_id: ConversationId,
    store: ConversationsDep,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    around: Annotated[str | None, Query(description="The `messageId` of a result", max_length=64)] = None,
) -> ConversationResponse:
    """A conversation with its messages as they were captured, in order, and where each was read. With `around`, the
    `limit` messages with that one in their middle, instead of those from `offset` on."""
    found = next(store.states(ids=[_checked(conversation_id)]), None)
    if found is None:
        raise _unknown(conversation_id)
    messages = store.messages([conversation_id])
    if around is not None:
        offset, messages = _around(messages, around, limit)
    else:
        messages = itertools.islice(messages, offset, offset + limit)
    return ConversationResponse(
        **found.conversation.model_dump(),
        day=found.day,
        first_at=found.first_at,
        last_at=found.last_at,
        message_count=found.message_count,
        offset=offset,
        messages=[MessageRecord.of(message) for message in messages],
    )


@router.delete("/conversations/{conversation_id}", responses=responses(401, 404, 503))
def forget(conversation_id: ConversationId, components: ComponentsDep) -> ForgottenResponse:
    """Erase a conversation from every store and index. It does not come back when its file is imported again."""
    from aethergrid_pipelines.flow.forget import forget as forget_everywhere

    run_id = f"forget-{uuid.uuid4()}"
    forgotten = forget_everywhere(components.stores(), _checked(conversation_id), run_id=run_id)
    if not forgotten.found:
        raise _unknown(conversation_id)
    return ForgottenResponse(conversation_id=conversation_id, run_id=run_id, remains=forgotten.remains)


def _around(messages: Iterator[Message], message_id: str, limit: int) -> tuple[int, Iterator[Message]]:
    """The place of the first message, and ``limit`` ones with the named one in their middle; holds half of them."""
    before: deque[Message] = deque(maxlen=limit // 2)
    for place, message in enumerate(messages):
        if message.id == message_id:
            after = itertools.islice(messages, limit - len(before) - 1)
            return place - len(before), itertools.chain(before, [message], after)
        before.append(message)
    raise HTTPException(404, f"there is no message {message_id!r} in this conversation")


def _checked(conversation_id: str) -> str:
    """Every id is a UUID, so anything else is known to be unknown and reaches no store."""
    try:
        uuid.UUID(conversation_id)
    except ValueError:
        raise _unknown(conversation_id) from None
    return conversation_id


def _unknown(conversation_id: str) -> HTTPException:
    details: dict[str, Any] = {"status_code": 404, "detail": f"there is no conversation {conversation_id!r}"}
    return HTTPException(**details)
