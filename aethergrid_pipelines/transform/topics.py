"""Fragments → how much each conversation says on each topic."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from aethergrid_pipelines.records.flow import TopicStat

TOPICS_VERSION = "1"

NO_MODEL = "none"
"""Stands for «said by a person» in ``source_model``, which is part of the key and so never null."""


def topic_stats(header: Mapping[str, Any], fragments: Iterable[Mapping[str, Any]]) -> list[TopicStat]:
    """The statistics of one conversation, one for each (topic, task type, model), in the order of these.

    ``header`` holds its ``id``, ``space`` and ``day``; a fragment holds ``topic``, ``task_type``, ``source_model``,
    ``tokens_used``, ``complexity`` (0…1; the mean is kept) and ``timestamp``.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for fragment in fragments:
        key = (fragment["topic"], fragment["task_type"], fragment["source_model"] or NO_MODEL)
        groups[key].append(fragment)
    return [
        TopicStat(
            conversation_id=header["id"],
            space=header["space"],
            day=header["day"],
            topic=topic,
            task_type=task_type,
            source_model=source_model,
            fragments=len(group),
            tokens=sum(fragment["tokens_used"] for fragment in group),
            complexity=sum(fragment["complexity"] for fragment in group) / len(group),
            first_at=min(fragment["timestamp"] for fragment in group),
            last_at=max(fragment["timestamp"] for fragment in group),
        )
        for (topic, task_type, source_model), group in sorted(groups.items())
    ]
