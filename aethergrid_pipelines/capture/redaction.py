"""Secrets are taken out of what was captured before it is written anywhere: ``[redacted: github-token]``.

Every route ends in one of two places, and both ask here: :class:`~aethergrid_pipelines.capture.file_import.FileImport`
(files, on their way to the store) and :class:`~aethergrid_pipelines.capture.spool.Spool` (the API and the proxy, on
their way to the disk). Ids are made before, from what was said: they stay the same whether this is on or off, by every
route. docs/capture/secrets.md says more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aethergrid_pipelines.capture.secret_finder import find_secrets, is_secret_value, may_hold_secrets
from aethergrid_pipelines.capture.secret_patterns import ASSIGNMENT, NAMES
from aethergrid_pipelines.records.conversation import Conversation, Message


@dataclass(frozen=True, slots=True)
class Redaction:
    """``redacts``: whether what is found is replaced, or only told."""

    redacts: bool = True

    def captured(self, conversation: Conversation, message: Message) -> tuple[Conversation, Message, list[str]]:
        """Both as they may be stored, and the kinds of the secrets in the message, one for each."""
        kinds: list[str] = []
        beside = _texts_in(message.metadata) if message.metadata else []
        # All texts at once: the automaton lets other threads go ahead at each call, and then has to wait for them.
        if beside is not None and not may_hold_secrets("\n".join((conversation.title or "", message.content, *beside))):
            return conversation, message, kinds
        title = conversation.title and redact(conversation.title, [])
        if self.redacts and title != conversation.title:
            conversation = conversation.model_copy(update={"title": title})
        content = redact(message.content, kinds)
        metadata = message.metadata
        if beside is None or (beside and may_hold_secrets("\n".join(beside))):
            metadata = redacted_json(metadata, kinds)
        if not kinds or not self.redacts:
            return conversation, message, kinds
        # Not a copy: that would keep the digest of what was there before.
        fields = {name: getattr(message, name) for name in Message.model_fields}
        return conversation, Message(**{**fields, "content": content, "metadata": metadata}), kinds

    def text(self, text: str) -> str:
        """A text of ours that may quote what was captured."""
        return redact(text, []) if self.redacts else text


CACHED = 200
"""Characters; longer names of fields hardly come twice."""

REDACTING = Redaction()
"""What holds where nobody says otherwise."""


def redact(text: str, kinds: list[str]) -> str:
    """A text with its secrets replaced; their kinds are added to ``kinds``. Doing it twice changes nothing."""
    found = find_secrets(text)
    if not found:
        return text
    parts, end = [], 0
    for secret in found:
        parts += [text[end : secret.start], f"[redacted: {secret.kind}]"]
        end = secret.end
        kinds.append(secret.kind)
    return "".join([*parts, text[end:]])


def redacted_json(value: Any, kinds: list[str]) -> Any:
    """The same for every text in a JSON value, names of fields included. One without secrets is returned as it is;
    otherwise a copy."""
    if not any(_holds_secret(name, text) for name, text in _texts(value)):
        return value
    root = [value]
    pending: list[Any] = [root]
    while pending:
        # Without recursion: how deep it goes is for the file to say.
        node = pending.pop()
        for key, inner in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(inner, dict):
                copied: Any = {redact(name, kinds): field for name, field in inner.items()}
            elif isinstance(inner, list | tuple):
                copied = list(inner)
            else:
                copied = _replaced(key, inner, kinds) if isinstance(inner, str) else inner
            node[key] = copied
            if isinstance(copied, dict | list):
                pending.append(copied)
    return root[0]


def _texts_in(value: Any) -> list[str] | None:
    """Every text in a JSON value but the names of fields; ``None`` where such a name tells of a secret, or is one."""
    texts = []
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        name, found = pending.pop()
        if isinstance(found, str):
            if _names_secret(name):
                return None
            texts.append(found)
        elif isinstance(found, dict):
            # One by one and remembered, since they are always the same, and «tokens» is in many of them.
            if any(map(_is_secret, found)):
                return None
            pending.extend(found.items())
        elif isinstance(found, list | tuple):
            pending.extend(("", inner) for inner in found)
    return texts


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, with the name of its field, and the names themselves."""
    pending: list[tuple[str, Any]] = [("", value)]
    while pending:
        name, found = pending.pop()
        if isinstance(found, str):
            yield name, found
        elif isinstance(found, dict):
            for key, inner in found.items():
                yield "", key
                pending.append((key, inner))
        elif isinstance(found, list | tuple):
            pending.extend(("", inner) for inner in found)


def _holds_secret(name: str, text: str) -> bool:
    return bool(find_secrets(text)) or (_names_secret(name) and is_secret_value(name, text))


def _replaced(name: object, text: str, kinds: list[str]) -> str:
    redacted = redact(text, kinds)
    if redacted == text and isinstance(name, str) and _names_secret(name) and is_secret_value(name, text):
        kinds.append(ASSIGNMENT.kind)
        return f"[redacted: {ASSIGNMENT.kind}]"
    return redacted


def _is_secret(name: str) -> bool:
    return _holds_any(name) if len(name) <= CACHED else bool(find_secrets(name))


@lru_cache(maxsize=4_096)
def _holds_any(name: str) -> bool:
    return bool(find_secrets(name))


@lru_cache(maxsize=4_096)
def _names_secret(name: str) -> bool:
    return any(known in name for known in NAMES)
