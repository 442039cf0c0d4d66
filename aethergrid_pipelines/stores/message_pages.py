"""Reading the messages of a conversation page by page, in the same way from every store."""

from collections.abc import Callable, Iterator

from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines.stores.prepared_message import microseconds

PAGE_ROWS = 500
PAGE_CHARACTERS = 4_000_000

Place = tuple[int, int, str]
"""Where a message stands in its conversation: (timestamp, position, id)."""

BEFORE_ALL: Place = (-(2**63), -(2**63), "")


def page_of(messages: Iterator[Message]) -> list[Message]:
    """As many of the messages as are held in memory at once; at least one where there is one."""
    page = []
    characters = 0
    for message in messages:
        page.append(message)
        characters += len(message.content)
        if characters > PAGE_CHARACTERS:
            break
    return page


def ends(page: list[Message]) -> bool:
    """Whether nothing comes after what :func:`page_of` took of at most :data:`PAGE_ROWS` rows."""
    return len(page) < PAGE_ROWS and sum(len(message.content) for message in page) <= PAGE_CHARACTERS


def paged(fetch: Callable[[Place], list[Message]]) -> Iterator[Message]:
    """All messages, where ``fetch`` gives a page of those that stand after a place.

    A message that an edit moves to a later page meanwhile is not given twice.
    """
    after = BEFORE_ALL
    seen: set[str] = set()
    while page := fetch(after):
        yield from (message for message in page if message.id not in seen)
        if ends(page):
            return
        seen.update(message.id for message in page)
        last = page[-1]
        after = (microseconds(last.timestamp), last.position, last.id)
