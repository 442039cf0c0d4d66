"""Whether what was stored can be found yet."""

from collections.abc import Collection

from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.steps import CHAIN
from aethergrid_pipelines.flow.stores import Stores

INDEXED = "weaviate_fragments"
"""The step after which a conversation is found."""


def not_searchable(stores: Stores, conversation_ids: Collection[str]) -> list[str]:
    """Those of these conversations that some step up to the index has still to process. Raises ``StoreUnavailable``."""
    scope = Scope.conversations(sorted(conversation_ids))
    last = [step.name for step in CHAIN].index(INDEXED)
    # A conversation that is stale for a step is so before the later ones know of it.
    waiting = {item.conversation_id for step in CHAIN[: last + 1] for item in step.stale(stores, scope)}
    return sorted(waiting)
