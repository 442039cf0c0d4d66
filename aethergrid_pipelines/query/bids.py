"""What each fragment is worth to a pack: hits by their scores, what is said around them by a share of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from aethergrid_pipelines.records.flow import Fragment

SHARPNESS = 12.0
"""A hit is worth ``exp(SHARPNESS · (score − best score))``: half as much for every 0.06 below the best. Chosen on
LoCoMo (Maharana et al., 2024) with ``benchmarks/packs.py``, where 8 to 16 do equally well."""

SAME_MESSAGE, ANSWER, BESIDE = 0.5, 0.5, 0.2
"""What a fragment next to a hit is worth, as a share of the hit: of the same message, an answer to it, and any other.
On LoCoMo 0.2 for any costs nothing, and 0.4 costs half a point of the evidence."""

SAME_TASK = 1.25
"""How much more a fragment of the task type that is asked for is worth: as much as 0.02 of a score."""

REACH = 2


@dataclass(frozen=True, slots=True)
class Bid:
    """A fragment that may go into a pack. ``value`` is relative; ``score`` is that of a hit, ``None`` of what only
    stands beside one."""

    fragment: Fragment
    value: float
    score: float | None = None


def bids(
    hits: Sequence[tuple[Fragment, float]], around: Sequence[Fragment], *, task_type: str | None = None
) -> list[Bid]:
    """Hits with their scores, and fragments around them, of which those at most :data:`REACH` away count → what each
    is worth, best first; ties by id."""
    best = max((score for _, score in hits), default=0.0)
    found = {
        fragment.id: Bid(fragment, exp(SHARPNESS * (score - best)) * _preferred(fragment, task_type), score)
        for fragment, score in hits
    }
    places = {(bid.fragment.conversation_id, bid.fragment.ordinal): bid for bid in found.values()}
    for fragment in around:
        lent = _lent(fragment, places)
        known = found.get(fragment.id)
        if lent and (known is None or lent > known.value):
            found[fragment.id] = Bid(fragment, lent, known.score if known else None)
    return sorted(found.values(), key=lambda bid: (-bid.value, bid.fragment.id))


def _preferred(fragment: Fragment, task_type: str | None) -> float:
    return SAME_TASK if task_type is not None and fragment.task_type == task_type else 1.0


def _lent(fragment: Fragment, places: dict[tuple[str, int], Bid]) -> float:
    """The most that a hit nearby gives, less for each step between."""
    most = 0.0
    for distance in range(-REACH, REACH + 1):
        hit = places.get((fragment.conversation_id, fragment.ordinal + distance))
        if hit is not None and distance:
            most = max(most, hit.value * _share(fragment, hit.fragment) ** abs(distance))
    return most


def _share(fragment: Fragment, hit: Fragment) -> float:
    if fragment.message_id == hit.message_id:
        return SAME_MESSAGE
    answers = hit.role == "user" and fragment.role == "assistant" and fragment.ordinal > hit.ordinal
    return ANSWER if answers else BESIDE
