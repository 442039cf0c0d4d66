"""A context pack as a tool's answer, with where its passages come from, in the budget together."""

import json

from aethergrid_pipelines.mcp_server.answers import ContextPack, ContextSource
from aethergrid_pipelines.mcp_server.text import context_text
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.pack_records import Pack, PackRequest
from aethergrid_pipelines.query.token_counts import TokenCounts

ATTEMPTS = 6


def context_pack(packer: Packer, counts: TokenCounts, request: PackRequest) -> ContextPack:
    """The pack for ``request``, smaller where text and sources, or their JSON, would exceed its budget.

    Counted as the pack is: by the tokenizer of ``request.model`` where that is here. Raises what a search raises.
    """
    tokenizer, _ = counts.of(request.model)
    budget = request.token_budget
    for _ in range(ATTEMPTS):
        answer = _answer(packer.pack(request.model_copy(update={"token_budget": budget})))
        written = json.dumps(answer.model_dump(mode="json"), ensure_ascii=False)
        over = max(tokenizer.count([context_text(answer), written])) - request.token_budget
        if over <= 0:
            return answer
        budget = max(0, budget - over - over // 8)
    return answer.model_copy(update={"text": "", "sources": [], "hint": "nothing fits: raise max_tokens"})


def _answer(pack: Pack) -> ContextPack:
    passages: dict[str, list[int]] = {}
    for item in pack.items:
        passages.setdefault(item.conversation_id, []).append(item.number)
    sources = [ContextSource(conversation_id=one, passages=numbers) for one, numbers in passages.items()]
    return ContextPack(
        text=pack.text,
        sources=sources,
        left_out=len(pack.left_out),
        counted_by=pack.counted_by.name,
        hint=pack.hint,
    )
