"""Answers as text for a model to read."""

from collections.abc import Sequence

from aethergrid_pipelines.mcp_server.answers import (
    ContextPack,
    ConversationPart,
    Count,
    MemoryStats,
    Passage,
    Passages,
    Remembered,
    Turn,
)


def short_source(path: str, line: int | None) -> str:
    """The file's name and the line; the API's lineage has the whole path."""
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path
    return f"{name}:{line}" if line else name


def passage_text(passage: Passage) -> str:
    """One result: who said it and when, what, and where it comes from."""
    title = f" — {passage.title}" if passage.title else ""
    lineage = f"conversation {passage.conversation_id}, message {passage.message_id}, {passage.source}"
    return (
        f"[{passage.said_by}, {passage.said_at:%Y-%m-%d %H:%M}{title}]\n"
        f"{passage.content}\n"
        f"({lineage}, similarity {passage.similarity:.2f})"
    )


def passages_text(found: Passages) -> str:
    if not found.results:
        return found.hint or "nothing was found"
    more = f"\n\n({found.left_out} more did not fit: raise max_tokens, or ask more narrowly)" if found.left_out else ""
    return "\n\n".join(passage_text(passage) for passage in found.results) + more


def context_text(pack: ContextPack) -> str:
    """The pack, and below it which conversation each of its numbers is of."""
    if not pack.sources:
        return pack.hint or pack.text
    sources = (f"{_numbers(source.passages)} conversation {source.conversation_id}" for source in pack.sources)
    return "\n".join([pack.text, "", *sources])


def _numbers(passages: Sequence[int]) -> str:
    return " ".join(f"[{number}]" for number in passages)


def turn_text(turn: Turn) -> str:
    """One message; its id is what ``get_conversation`` takes."""
    return f"[{turn.said_by}, {turn.said_at:%Y-%m-%d %H:%M}, message {turn.message_id}]\n{turn.content}"


def conversation_text(part: ConversationPart) -> str:
    last = part.offset + len(part.messages)
    shown = f"messages {part.offset + 1} to {last} of {part.message_count}" if part.messages else "no messages here"
    heading = f"# {part.title or 'Untitled'}\n({part.captured_by}, conversation {part.conversation_id}, {shown})"
    rest = [] if part.next_offset is None else [f"(more: call get_conversation with offset {part.next_offset})"]
    return "\n\n".join([heading, *(turn_text(turn) for turn in part.messages), *rest])


def remembered_text(remembered: Remembered) -> str:
    return f"{remembered.outcome}: {remembered.note}"


def stats_text(stats: MemoryStats) -> str:
    days = f", {stats.first_day} to {stats.last_day}" if stats.first_day else ""
    held = f"{stats.conversations} conversations, {stats.messages} messages, {stats.passages} searchable passages"
    lines = [f"{held}{days} (space {stats.space})", *(_counts(name, counts) for name, counts in _groups(stats))]
    if stats.waiting:
        lines.append(f"{stats.waiting} captured messages wait for the conversation store")
    return "\n".join(line for line in lines if line)


def _groups(stats: MemoryStats) -> list[tuple[str, Sequence[Count]]]:
    return [("Models", stats.models), ("Topics", stats.topics), ("Task types", stats.task_types)]


def _counts(name: str, counts: Sequence[Count]) -> str:
    return f"{name}: " + ", ".join(f"{count.name} {count.passages}" for count in counts) if counts else ""
