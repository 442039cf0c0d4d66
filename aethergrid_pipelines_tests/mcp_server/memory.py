"""A memory as the flow leaves it, in embedded stores: captured, processed, searchable."""

import datetime as dt
from typing import Any

from aethergrid_pipelines.api.components import Components
from aethergrid_pipelines.capture.posted import store_posted
from aethergrid_pipelines.mcp_server.remembering import indexing
from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines.settings import Settings

POOL = conversation_id("default", "generic", "pool")
LONG = conversation_id("default", "generic", "long")
START = dt.datetime(2026, 10, 5, 9, 0, tzinfo=dt.UTC)

SAID = [
    ("pool", "user", None, "Why does the checkout service run out of database connections at noon?"),
    ("pool", "assistant", "gpt-5", "The pool holds ten connections and each request leaks one when it times out."),
    ("pool", "user", None, "How do we fix the leak?"),
    ("pool", "assistant", "gpt-5", "Return the connection in a finally block, and raise the pool size to thirty."),
    ("postcodes", "user", None, "Which regular expression matches Dutch postcodes?"),
    ("postcodes", "assistant", "gemini-2.5-pro", "`^[1-9][0-9]{3} ?[A-Z]{2}$` does; the letters SA, SD and SS fail."),
    *(
        (
            "long",
            "user",
            None,
            f"Step {number} of the migration: copy table number {number}, then verify its rows. " * 9,
        )
        for number in range(40)
    ),
]


def records() -> list[dict[str, Any]]:
    """What is posted: messages a minute apart, with titles."""
    return [
        {
            "conversation": conversation,
            "id": f"m{number}",
            "role": role,
            "model": model,
            "content": content,
            "title": conversation.capitalize(),
            "timestamp": (START + dt.timedelta(minutes=number)).isoformat(),
        }
        for number, (conversation, role, model, content) in enumerate(SAID)
    ]


def fill(settings: Settings) -> None:
    """Capture everything and make it searchable."""
    components = Components(settings)
    posted = store_posted(records(), spool=components.spool, space="default", received=dt.datetime.now(dt.UTC))
    assert [row for row in posted if row.outcome != "stored"] == []
    index = indexing(components)
    assert all(index(found) for found in {row.conversation_id for row in posted} if found)
    components.close()
