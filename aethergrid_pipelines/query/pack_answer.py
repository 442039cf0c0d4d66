"""What was packed → the response records."""

from collections.abc import Mapping, Sequence

from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.query.bids import Bid
from aethergrid_pipelines.query.pack_records import CountedBy, LeftOut, Pack, PackItem, PackStats
from aethergrid_pipelines.query.pack_text import Passage, said
from aethergrid_pipelines.query.packing import Packed
from aethergrid_pipelines.query.records import Lineage
from aethergrid_pipelines.records.flow import Fragment


def pack_of(
    packed: Packed,
    same: Mapping[str, str],
    offered: Sequence[Bid],
    tokenizer: Tokenizer,
    *,
    token_budget: int,
    counted_by: CountedBy,
    hint: str | None,
    stats: PackStats,
) -> Pack:
    """``same`` says which fragments repeat which (by id); ``offered`` are all bids, best first."""
    scores = {bid.fragment.id: bid.score for bid in offered if bid.score is not None}
    no_room = {bid.fragment.id for bid in packed.left}
    return Pack(
        text=packed.text,
        tokens=packed.tokens,
        token_budget=token_budget,
        counted_by=counted_by,
        items=[_item(number, passage, scores, tokenizer) for number, passage in enumerate(packed.passages, start=1)],
        left_out=[
            LeftOut(
                fragment_id=bid.fragment.id,
                conversation_id=bid.fragment.conversation_id,
                score=bid.score,
                reason="repetition" if bid.fragment.id in same else "budget",
                same_as=same.get(bid.fragment.id),
            )
            for bid in offered
            if bid.score is not None and (bid.fragment.id in same or bid.fragment.id in no_room)
        ],
        hint=hint,
        stats=stats,
    )


def _item(number: int, passage: Passage, scores: Mapping[str, float], tokenizer: Tokenizer) -> PackItem:
    fragments = [piece.fragment for piece in passage]
    first = fragments[0]
    matched = [fragment.id for fragment in fragments if fragment.id in scores]
    content = said(passage)
    return PackItem(
        number=number,
        content=content,
        tokens=tokenizer.count([content])[0],
        score=max((scores[id_] for id_ in matched), default=None),
        cut=passage[-1].cut,
        conversation_id=first.conversation_id,
        title=first.title,
        source=first.source,
        models=list(dict.fromkeys(one.source_model for one in fragments if one.source_model)),
        first_at=min(fragment.timestamp for fragment in fragments),
        last_at=max(fragment.timestamp for fragment in fragments),
        matched=matched,
        lineage=[_lineage(fragment) for fragment in fragments],
    )


def _lineage(fragment: Fragment) -> Lineage:
    known = fragment.model_dump(include=set(Lineage.model_fields) - {"fragment_id"})
    return Lineage(fragment_id=fragment.id, **known)
