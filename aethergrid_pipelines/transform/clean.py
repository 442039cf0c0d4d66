"""Captured messages → cleaned messages: what people and models said, apart from what surrounds it.

Says nothing of where one chunk ends and the next begins (:mod:`.chunk`) or what a word is (:mod:`.analyse`).
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

from aethergrid_pipelines.records.conversation import ALTERNATE, Message, Role
from aethergrid_pipelines.records.flow import CleanedMessage
from aethergrid_pipelines.transform.characters import readable, single_line, storable, without_controls
from aethergrid_pipelines.transform.markdown import fences, tables
from aethergrid_pipelines.transform.noise import Noise, note, without_blobs, without_lines, without_tags

CLEAN_VERSION = "clean-1"

TOOL_HEAD = 2_000
"""How many characters of a tool's output stay searchable."""

_LONGEST_NAME = 80
_LARGEST_INTEGER = 2**31 - 1
_TOKEN_KEYS = ("output_tokens", "completion_tokens", "output", "total_tokens", "total")
# A run of two CJK characters counts as a word, as it mostly is one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,2}|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_FEW_WORDS = 5
# Runs of three: two hexadecimal digits are no word.
_LANGUAGE = re.compile(r"[A-Za-z]{3,}|[^\W\d_\x00-\x7f]+")


def clean(messages: Sequence[Message]) -> list[CleanedMessage]:
    """One cleaned message for each of the messages of one conversation, in their order.

    A message of which nothing remains is dropped as ``empty``, one off the current branch as ``alternate``, a tool's
    output without any language as ``tool``, and what repeats an earlier message of the same role word for word as
    ``duplicate``; a few words ("yes", "go on") may be said twice.
    """
    seen: dict[tuple[str, str], str] = {}
    cleaned: list[CleanedMessage] = []
    for message in messages:
        row = _clean_one(message)
        if row.dropped is None and _is_substantial(row.content):
            first = seen.setdefault((row.role, row.content), row.id)
            if first != row.id:
                row.dropped, row.duplicate_of = "duplicate", first
        cleaned.append(row)
    return cleaned


def clean_text(text: str, noise: Noise) -> str:
    """``text`` cleaned; what was taken out is added to ``noise``. Code and tables keep their white space."""
    text = without_blobs(without_controls(text), noise)
    text = without_tags(text, noise)
    code = fences(text)
    kept = sorted([*code, *tables(text, code)])
    if not kept:
        return _prose(text, noise).strip("\n").rstrip()
    parts: list[str] = []
    at = 0
    for start, end in kept:
        parts += [_prose(text[at:start], noise), text[start:end]]
        at = end
    parts.append(_prose(text[at:], noise).rstrip())
    parts[0] = parts[0].lstrip("\n")
    return "".join(parts)


def _prose(text: str, noise: Noise) -> str:
    return readable(without_lines(text, noise)) if text else text


def _clean_one(message: Message) -> CleanedMessage:
    noise: Noise = []
    content = clean_text(message.content, noise)
    dropped = None if content.strip() else "empty"
    if message.metadata.get(ALTERNATE) is True and not dropped:
        dropped = "alternate"
    if message.role is Role.TOOL and not dropped:
        content, dropped = _tool_head(content, noise)
    name = single_line(message.metadata.get("name"), _LONGEST_NAME)
    return CleanedMessage(
        id=message.id,
        conversation_id=message.conversation_id,
        position=message.position,
        timestamp=message.timestamp,
        role=message.role.value,
        speaker=name or single_line(message.metadata.get("speaker"), _LONGEST_NAME),
        model=single_line(message.model, _LONGEST_NAME),
        content="" if dropped == "empty" else content,
        noise=noise,
        dropped=dropped,
        tokens_used=_tokens_used(message.metadata.get("tokens")),
        origin_path=storable(message.origin.path),
        origin_line=message.origin.line,
    )


def _tool_head(content: str, noise: Noise) -> tuple[str, str | None]:
    """The searchable head of a tool's output, cut at a line's end, and ``tool`` where it is no language at all."""
    head = content
    if len(content) > TOOL_HEAD:
        line_end = content.rfind("\n", TOOL_HEAD // 2, TOOL_HEAD + 1)
        cut = line_end if line_end > 0 else max(content.rfind(" ", TOOL_HEAD // 2, TOOL_HEAD + 1), 0) or TOOL_HEAD
        head = content[:cut].rstrip()
        note(noise, "tool_output", content[cut:].strip("\n"))
    if len(head) >= 200 and sum(map(len, _LANGUAGE.findall(head))) < 0.2 * len(head):
        note(noise, "tool_output", head)
        return "", "tool"
    return head, None


def _is_substantial(content: str) -> bool:
    return next(islice(_WORD.finditer(content, 0, 200), _FEW_WORDS, None), None) is not None


def _tokens_used(tokens: Any) -> int | None:
    """The tokens of a message itself, from a number or from what the APIs call usage."""
    if isinstance(tokens, dict):
        return next((count for key in _TOKEN_KEYS if (count := _tokens_used(tokens.get(key))) is not None), None)
    if isinstance(tokens, bool) or not isinstance(tokens, int):
        return None
    return tokens if 0 <= tokens <= _LARGEST_INTEGER else None
