"""Cleaned messages → chunks within the embedder's window.

A message that fits is one chunk; messages are never merged, because search adds the neighbours of a chunk by its own
means (:mod:`.window`). A longer one is cut at the best boundaries that :mod:`.boundaries` finds.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.records.flow import Chunk, CleanedMessage
from aethergrid_pipelines.records.ids import chunk_id, sha256_hex
from aethergrid_pipelines.transform.pack import Piece, Splitter, trimmed

CHUNK_VERSION = "chunk-1"

SMALLEST_WINDOW = 8

# A message of more characters than this for each token of the window is taken to be too long without counting it, so
# that no text is tokenised twice for nothing.
_CHARACTERS_PER_TOKEN = 8


def embedded_text(chunk: Chunk) -> str:
    """What the embedder sees of a chunk: ``speaker: heading↵text``, as far as there are speaker and heading."""
    return embedded_from(chunk.speaker, chunk.heading, chunk.text)


def embedded_from(speaker: str | None, heading: str | None, text: str) -> str:
    """The same of its parts."""
    return (f"{speaker}: " if speaker else "") + (f"{heading}\n" if heading else "") + text


def chunk(messages: Sequence[CleanedMessage], tokenizer: Tokenizer, window: int) -> list[Chunk]:
    """The chunks of one conversation, in the order of its messages; dropped ones give none.

    No chunk's embedded text has more than ``window`` tokens. A speaker's name of more than a quarter of the window is
    cut. ``tokens_used`` of a message is shared out over its chunks by their length, so that sums stay true. Raises
    ``ValueError`` where ``window`` is below :data:`SMALLEST_WINDOW`, or one character has more tokens than it.
    """
    if window < SMALLEST_WINDOW:
        raise ValueError(f"a window of {window} tokens; at least {SMALLEST_WINDOW} are needed")
    drafts = [_Draft(message) for message in messages if message.dropped is None and message.content.strip()]
    _take_whole(drafts, tokenizer, window)
    _split_long(drafts, tokenizer, window)
    chunks: list[Chunk] = []
    for draft in drafts:
        chunks += draft.chunks(len(chunks))
    return chunks


@dataclass(slots=True)
class _Draft:
    """A message and its pieces, in order, each with the exact number of its tokens."""

    message: CleanedMessage
    pieces: list[tuple[Piece, int]]

    def __init__(self, message: CleanedMessage) -> None:
        self.message = message
        self.pieces = []

    def text(self, piece: Piece) -> str:
        return embedded_from(piece.speaker, piece.heading, self.message.content[piece.start : piece.end])

    def chunks(self, ordinal: int) -> Iterator[Chunk]:
        message = self.message
        seen: Counter[str] = Counter()
        total, so_far = sum(tokens for _, tokens in self.pieces), 0
        for part, (piece, tokens) in enumerate(self.pieces):
            sha256 = sha256_hex(self.text(piece))
            yield Chunk(
                id=chunk_id(message.id, sha256, seen[sha256]),
                conversation_id=message.conversation_id,
                message_id=message.id,
                ordinal=ordinal + part,
                part=part,
                start=piece.start,
                end=piece.end,
                timestamp=message.timestamp,
                role=message.role,
                speaker=piece.speaker,
                model=message.model,
                heading=piece.heading,
                text=message.content[piece.start : piece.end],
                tokens=tokens,
                sha256=sha256,
                tokens_used=_share(message.tokens_used, so_far, so_far + tokens, total),
                origin_path=message.origin_path,
                origin_line=message.origin_line,
            )
            seen[sha256] += 1
            so_far += tokens


def _share(used: int | None, before: int, after: int, total: int) -> int | None:
    if used is None or total == 0:
        return used
    return used * after // total - used * before // total


def _take_whole(drafts: Sequence[_Draft], tokenizer: Tokenizer, window: int) -> None:
    """Make one piece of each message that fits."""
    short: list[tuple[_Draft, Piece]] = []
    for draft in drafts:
        start, end = trimmed(draft.message.content, 0, len(draft.message.content))
        if end - start <= _CHARACTERS_PER_TOKEN * window:
            short.append((draft, Piece(start, end, draft.message.speaker, None)))
    counts = tokenizer.count([draft.text(piece) for draft, piece in short]) if short else []
    for (draft, piece), tokens in zip(short, counts, strict=True):
        if tokens <= window:
            draft.pieces = [(piece, tokens)]


def _split_long(drafts: Sequence[_Draft], tokenizer: Tokenizer, window: int) -> None:
    """Cut the messages that have no piece yet. The count of a cut text may differ a little from the sum of its tokens,
    so every piece is counted, all in one batch, and cut again where it is too long."""
    splitters = {id(draft): Splitter(draft.message, tokenizer, window) for draft in drafts if not draft.pieces}
    pending = [(draft, piece) for draft in drafts if not draft.pieces for piece in splitters[id(draft)].split()]
    while pending:
        again: list[tuple[_Draft, Piece]] = []
        counts = tokenizer.count([draft.text(piece) for draft, piece in pending])
        for (draft, piece), tokens in zip(pending, counts, strict=True):
            if tokens <= window:
                draft.pieces.append((piece, tokens))
            else:
                again += [(draft, smaller) for smaller in splitters[id(draft)].split_again(piece, tokens - window)]
        pending = again
    for draft in drafts:
        draft.pieces.sort(key=lambda counted: counted[0].start)
