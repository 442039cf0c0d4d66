"""Secrets are taken out of what was captured before it is written anywhere: ``[redacted: github-token]``.

Every route ends in one of two places, and both ask here: :class:`~aethergrid_pipelines.capture.file_import.FileImport`
(files, on their way to the store) and :class:`~aethergrid_pipelines.capture.spool.Spool` (the API and the proxy, on
their way to the disk). Ids are made before, from what was said: they stay the same whether this is on or off, by every
route. docs/capture/secrets.md says more.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from aethergrid_pipelines.capture.secret_finder import find_secrets, is_secret_value, may_hold_secrets
from aethergrid_pipelines.capture.secret_patterns import ASSIGNMENT, NAMES
from aethergrid_pipelines.records.conversation import Conversation, Message

ABOUT = 500
"""Characters that a message takes beside its texts, about."""


class Redacted(NamedTuple):
    """Both as they may be stored, the kinds of the secrets in the message, one for each, and about how many characters
    the message has."""

    conversation: Conversation
    message: Message
    secrets: list[str]
    size: int


@dataclass(frozen=True, slots=True)
class Redaction:
    """``redacts``: whether what is found is replaced, or only told."""

    redacts: bool = True

    def captured(self, conversation: Conversation, message: Message) -> Redacted:
        """Look through a message, its metadata and the title of its conversation."""
        content, metadata = message.content, message.metadata
        if self.redacts and conversation.title:
            title = _clean(conversation.title) if len(conversation.title) <= CACHED else redact(conversation.title, [])
            if title != conversation.title:
                conversation = conversation.model_copy(update={"title": title})
        kinds: list[str] = []
        size = ABOUT + len(content)
        if metadata:
            beside, telling = texts_in(metadata)
            # All at once: the automaton lets other threads go ahead at each call, and then has to wait for them.
            everything = "\n".join((content, *beside))
            size = ABOUT + len(everything)
            if not telling and not may_hold_secrets(everything):
                return Redacted(conversation, message, kinds, size)
        content = redact(content, kinds)
        metadata = redacted_json(metadata, kinds) if metadata else metadata
        if not kinds or not self.redacts:
            return Redacted(conversation, message, kinds, size)
        # Not a copy: that would keep the digest of what was there before.
        fields = {name: getattr(message, name) for name in Message.model_fields}
        return Redacted(conversation, Message(**{**fields, "content": content, "metadata": metadata}), kinds, size)

    def text(self, text: str) -> str:
        """A text of ours that may quote what was captured."""
        return redact(text, []) if self.redacts else text


CACHED = 200
"""Characters; longer titles and names of fields hardly come twice."""

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


@lru_cache(maxsize=1_024)
def _clean(title: str) -> str:
    # Remembered, since every message of a conversation comes with it.
    return redact(title, [])


def redacted_json(value: Any, kinds: list[str]) -> Any:
    """The same for every text in a JSON value, names of fields included. One without secrets is returned as it is;
    otherwise a copy."""
    texts, telling = texts_in(value)
    if not telling and not may_hold_secrets("\n".join(texts)):
        return value
    before = len(kinds)
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
    return root[0] if len(kinds) > before else value


def texts_in(value: Any) -> tuple[list[str], bool]:
    """Every text in a JSON value but the names of fields; and whether such a name is a secret, or says that the text
    of its field may be one."""
    texts: list[str] = []
    telling = False
    pending = [value]
    while pending:
        found = pending.pop()
        if isinstance(found, str):
            texts.append(found)
        elif isinstance(found, dict):
            for name, inner in found.items():
                # One by one and remembered, since they are always the same, and «tokens» is in many of them.
                says = _says(name) if len(name) <= CACHED else _look_at(name)
                if isinstance(inner, str):
                    texts.append(inner)
                    telling = telling or says is not None
                else:
                    pending.append(inner)
                    telling = telling or says == "secret"
        elif isinstance(found, list | tuple):
            pending.extend(found)
    return texts, telling


def _replaced(name: object, text: str, kinds: list[str]) -> str:
    redacted = redact(text, kinds)
    if redacted == text and isinstance(name, str) and _names_secret(name) and is_secret_value(name, text):
        kinds.append(ASSIGNMENT.kind)
        return f"[redacted: {ASSIGNMENT.kind}]"
    return redacted


def _look_at(name: str) -> str | None:
    """``secret`` where the name of a field is one, ``named`` where its text may be one."""
    if find_secrets(name):
        return "secret"
    return "named" if _names_secret(name) else None


_says = lru_cache(maxsize=4_096)(_look_at)


def _names_secret(name: str) -> bool:
    return any(known in name for known in NAMES)
