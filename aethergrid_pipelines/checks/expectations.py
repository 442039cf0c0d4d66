"""One blocking check for each asset: what must hold before the next asset may read it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy import Select, exists, func, select

from aethergrid_pipelines.automation.partitions import scope_of
from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.checks import frames
from aethergrid_pipelines.checks.suite import validate
from aethergrid_pipelines.flow.index import collection_name
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.conversation import Role

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

NORM_TOLERANCE = 1e-3

ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$"

Check = Callable[[Stores, Scope], dg.AssetCheckResult]


def conversations_are_recorded(stores: Stores, scope: Scope) -> dg.AssetCheckResult:
    """Every conversation is recorded once, with its state and sane figures."""
    import great_expectations.expectations as gxe

    names = ("id", "source", "native_id", "day", "message_count", "first_at", "last_at")
    table = frames.CONVERSATIONS
    found, with_state = frames.frame_and_total(
        stores,
        select(*frames.columns(table, names)).where(table.c.day.between(scope.first, scope.last)),
        frames.counted(table, frames.within("raw_conversations", table.c.id, scope)),
    )
    found["ordered"] = found["first_at"] <= found["last_at"]
    return validate(
        "raw_conversations",
        found,
        [
            gxe.ExpectTableColumnsToMatchSet(column_set=[*names, "ordered"]),
            gxe.ExpectTableRowCountToEqual(value=min(with_state, frames.MAX_ROWS)),
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnValuesToMatchRegex(column="id", regex=ID),
            gxe.ExpectColumnValuesToNotBeNull(column="source"),
            gxe.ExpectColumnValuesToBeBetween(column="message_count", min_value=0),
            gxe.ExpectColumnValuesToBeInSet(column="ordered", value_set=[True]),
        ],
    )


def messages_are_conserved(stores: Stores, scope: Scope) -> dg.AssetCheckResult:
    """There is a cleaned message for each captured one, and each says something or why not."""
    import great_expectations.expectations as gxe

    names = ("id", "conversation_id", "role", "timestamp", "dropped", "duplicate_of", "origin_path")
    table = frames.MESSAGES
    mine = frames.within("cleaned_messages", table.c.conversation_id, scope)
    length = func.length(table.c.content).label("length")
    found, captured = frames.frame_and_total(
        stores, select(*frames.columns(table, names), length).where(mine), _captured(scope)
    )
    found["kept_something"] = found["dropped"].notna() | (found["length"] > 0)
    return validate(
        "cleaned_messages",
        found,
        [
            gxe.ExpectTableColumnsToMatchSet(column_set=[*names, "length", "kept_something"]),
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnValuesToNotBeNull(column="origin_path"),
            gxe.ExpectColumnValuesToBeInSet(column="role", value_set=[role.value for role in Role]),
            gxe.ExpectColumnValuesToBeInSet(column="kept_something", value_set=[True]),
            gxe.ExpectTableRowCountToBeBetween(min_value=min(captured, frames.MAX_ROWS)),
        ],
    )


def chunks_fit_the_window(stores: Stores, scope: Scope) -> dg.AssetCheckResult:
    """Every chunk fits, and every message that was kept has at least one."""
    import great_expectations.expectations as gxe

    names = ("id", "conversation_id", "message_id", "part", "start", "end", "tokens", "sha256")
    table, messages = frames.CHUNKS, frames.MESSAGES
    found = frames.frame(
        stores,
        select(*frames.columns(table, names)).where(frames.within("chunks", table.c.conversation_id, scope)),
    )
    without = frames.count(
        stores,
        messages,
        frames.within("chunks", messages.c.conversation_id, scope, upstream="cleaned_messages"),
        messages.c.dropped.is_(None),
        ~exists().where(table.c.conversation_id == messages.c.conversation_id, table.c.message_id == messages.c.id),
    )
    found["covers"] = without == 0
    return validate(
        "chunks",
        found,
        [
            gxe.ExpectTableColumnsToMatchSet(column_set=[*names, "covers"]),
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnValuesToMatchRegex(column="sha256", regex=r"^[0-9a-f]{64}$"),
            gxe.ExpectColumnValuesToBeBetween(column="tokens", min_value=1, max_value=stores.embedder.window),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="end", column_B="start"),
            gxe.ExpectColumnValuesToBeInSet(column="covers", value_set=[True]),
        ],
    )


def vectors_have_length_one(stores: Stores, scope: Scope) -> dg.AssetCheckResult:
    """Every chunk has a vector of the embedder's dimension and of length 1."""
    import great_expectations.expectations as gxe

    return validate(
        "embeddings",
        frames.vector_frame(stores, scope),
        [
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnValuesToNotBeNull(column="norm"),
            gxe.ExpectColumnValuesToBeInSet(column="dimension", value_set=[stores.embedder.dimension]),
            gxe.ExpectColumnValuesToBeInSet(column="size", value_set=[stores.embedder.dimension]),
            gxe.ExpectColumnValuesToBeBetween(
                column="norm", min_value=1 - NORM_TOLERANCE, max_value=1 + NORM_TOLERANCE
            ),
        ],
    )


def ledger_equals_vector_store(stores: Stores, scope: Scope) -> dg.AssetCheckResult:
    """The vector store holds exactly the fragments that the ledger says."""
    import great_expectations.expectations as gxe

    found = frames.ledger_frame(stores, scope)
    return validate(
        "weaviate_fragments",
        found,
        [
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            gxe.ExpectColumnValuesToBeInSet(column="state", value_set=["stored"]),
            gxe.ExpectColumnValuesToBeInSet(column="found", value_set=[True]),
            gxe.ExpectColumnValuesToBeInSet(column="unknown", value_set=[0]),
            gxe.ExpectColumnValuesToBeBetween(column="complexity", min_value=0, max_value=1),
            gxe.ExpectColumnValuesToNotBeNull(column="topic"),
        ],
    )


def topics_add_up(stores: Stores, scope: Scope) -> dg.AssetCheckResult:
    """The statistics count every fragment once."""
    import great_expectations.expectations as gxe

    topics, ledger = frames.TOPICS, frames.LEDGER
    names = ("conversation_id", "topic", "task_type", "source_model", "day", "fragments", "tokens", "complexity")
    current = frames.within("topic_stats", topics.c.conversation_id, scope, upstream="weaviate_fragments")
    both_know = frames.within("topic_stats", ledger.c.conversation_id, scope, upstream="weaviate_fragments")
    stored = frames.counted(ledger, ledger.c.collection == collection_name(stores), both_know)
    with frames.unwritten(stores, scope):
        found, total = frames.frame_and_total(stores, select(*frames.columns(topics, names)).where(current), stored)
    expectations: list[Expectation] = [
        gxe.ExpectTableColumnsToMatchSet(column_set=list(names)),
        gxe.ExpectColumnValuesToBeBetween(column="fragments", min_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="complexity", min_value=0, max_value=1),
    ]
    if 0 < len(found) < frames.MAX_ROWS:
        expectations.append(gxe.ExpectColumnSumToBeBetween(column="fragments", min_value=total, max_value=total))
    return validate("topic_stats", found, expectations)


CHECKS: dict[str, Check] = {
    "raw_conversations": conversations_are_recorded,
    "cleaned_messages": messages_are_conserved,
    "chunks": chunks_fit_the_window,
    "embeddings": vectors_have_length_one,
    "weaviate_fragments": ledger_equals_vector_store,
    "topic_stats": topics_add_up,
}


def build_checks() -> list[dg.AssetChecksDefinition]:
    """The blocking checks of all assets."""
    return [_build(asset, check) for asset, check in CHECKS.items()]


def _build(asset: str, check: Check) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name=check.__name__, blocking=True, description=check.__doc__)
    def _check(context: dg.AssetCheckExecutionContext, stores: StoresResource) -> dg.AssetCheckResult:
        return check(stores.open(), scope_of(context.run.tags))

    return _check


def _captured(scope: Scope) -> Select[tuple[int]]:
    """The query for how many messages the conversations had when they were cleaned, at least."""
    table = frames.CONVERSATIONS
    mine = frames.within("cleaned_messages", table.c.id, scope, upstream="raw_conversations")
    return select(func.coalesce(func.sum(table.c.message_count), 0)).where(mine)
