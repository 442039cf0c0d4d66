"""What a context pack holds of the evidence within a budget of tokens, on LoCoMo conversations (Maharana et al., 2024).

    python -m benchmarks.packs FILE… [--json]

The files, questions and evidence are those of ``benchmarks.locomo``, and so is the way into the memory. For every
question a pack is asked for with 500, 1,000 and 2,000 tokens; the figure is the share of its evidence turns that stand
in the pack whole, as a mean over the questions. Beside it, in the same run and counted by the same tokenizer, the plain
top-k turns of the search: «speaker: text», a line each, best first, until the next one does not fit; and the same with
the date before each turn, which a pack says as well.
"""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aethergrid_pipelines.embedders.local import WordPieceTokenizer
from aethergrid_pipelines.query.contextual import Packer
from aethergrid_pipelines.query.pack_records import Pack, PackRequest
from aethergrid_pipelines.query.records import Filters, Hit
from aethergrid_pipelines.records.ids import conversation_id, message_id
from benchmarks import locomo
from benchmarks.home import Home, fresh_home

BUDGETS = (500, 1_000, 2_000)
TOKENIZER = WordPieceTokenizer()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of one conversation: the ids of its evidence messages, and its kind."""

    text: str
    conversation: str
    evidence: frozenset[str]
    kind: str


def measure(files: Sequence[Path]) -> dict[str, Any]:
    """Import, materialise and ask; shares by what was handed over and by budget."""
    conversations = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    shares: dict[str, list[float]] = defaultdict(list)
    used: dict[str, list[int]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, fresh_home() as home:
        for name, conversation in conversations.items():
            lines = (json.dumps(turn) for turn in locomo.turns(conversation, name))
            (Path(folder) / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        home.import_and_materialise([folder])
        packer = Packer(home.asking, home.stores.vectors)
        asked = [one for name, conversation in conversations.items() for one in _questions(name, conversation)]
        for question in asked:
            for way, tokens, inside in _ways(home, packer, question):
                share = len(question.evidence & inside) / len(question.evidence)
                shares[way].append(share)
                used[way].append(tokens)
                if way.startswith("pack"):
                    shares[f"{way} {question.kind}"].append(share)
        packer.close()
    means = {way: round(sum(found) / len(found), 4) for way, found in sorted(shares.items(), key=_by_way)}
    return {"questions": len(asked), **means, "tokens": {way: round(sum(n) / len(n)) for way, n in used.items()}}


def _questions(name: str, conversation: Mapping[str, Any]) -> Iterator[Asked]:
    own = conversation_id(locomo.SPACE, locomo.SOURCE, name)
    known = {turn["id"] for turn in locomo.turns(dict(conversation), name)}
    for question in locomo.questions(dict(conversation), known):
        evidence = frozenset(message_id(own, turn) for turn in question.evidence)
        yield Asked(question.text, own, evidence, locomo.CATEGORIES[question.category])


def _ways(home: Home, packer: Packer, question: Asked) -> Iterator[tuple[str, int, set[str]]]:
    """What was handed over at which budget, how many tokens that has, and the messages that stand in it whole."""
    hits = home.search(question.text, conversation_ids=[question.conversation], limit=locomo.MAX_HITS)
    bare = _counted(f"{hit.metadata.speaker}: {hit.content}" for hit in hits)
    dated = _counted(f"{hit.metadata.timestamp:%Y-%m-%d} {hit.metadata.speaker}: {hit.content}" for hit in hits)
    for budget in BUDGETS:
        yield (f"turns@{budget}", *_first(hits, bare, budget))
        yield (f"dated turns@{budget}", *_first(hits, dated, budget))
        filters = Filters(conversation_ids=[question.conversation])
        pack = packer.pack(PackRequest(task=question.text, token_budget=budget, filters=filters))
        if pack.tokens > budget:
            raise RuntimeError(f"a pack of {pack.tokens} tokens for a budget of {budget}: {question.text}")
        yield f"pack@{budget}", pack.tokens, _whole(pack)


def _counted(lines: Iterator[str]) -> list[int]:
    return TOKENIZER.count([f"{line}\n" for line in lines])


def _first(hits: Sequence[Hit], costs: Sequence[int], budget: int) -> tuple[int, set[str]]:
    used = 0
    inside: set[str] = set()
    for hit, cost in zip(hits, costs, strict=True):
        if used + cost > budget:
            break
        used += cost
        inside.add(hit.lineage.message_id)
    return used, inside


def _whole(pack: Pack) -> set[str]:
    """A turn is one fragment here, and only the last fragment of a passage can be cut."""
    return {lineage.message_id for item in pack.items for lineage in (item.lineage[:-1] if item.cut else item.lineage)}


def _by_way(item: tuple[str, Any]) -> tuple[bool, int, str]:
    way, _, rest = item[0].partition("@")
    budget, _, kind = rest.partition(" ")
    return bool(kind), int(budget), f"{kind}{way}"


if __name__ == "__main__":
    locomo.run(measure, "Evidence within a budget of tokens, on LoCoMo conversations.")
