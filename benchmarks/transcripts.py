"""Generated conversations in the forms in which tools write them, for :mod:`benchmarks.importing`.

Lengths, in tokens of 4.4 characters:

* ``chat``: a few long questions among many short ones, and longer answers: 296 (standard deviation 1,609) and 441 (411)
  on average, log-normal, cut at 20,000. These were chosen, not measured on anybody's chats;
* ``short``: those of :mod:`benchmarks.generate`, 79 in the median for both.
"""

import json
import math
import random
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from benchmarks.generate import CHARACTERS_PER_TOKEN, Record, conversations, passage

Line = dict[str, Any]
Writer = Callable[[Path, int, str], tuple[Path, int]]

LENGTHS = ("chat", "short")
ASKED, ANSWERED = (296, 1_609), (441, 411)
LONGEST = 20_000


def talk(length: str) -> Iterator[list[Record]]:
    """Conversations without end, of messages of one of the lengths."""
    if length == "short":
        return conversations()
    return ([_as_long_as_chats(record) for record in records] for records in conversations())


def _as_long_as_chats(record: Record) -> Record:
    rng = random.Random(f"{record['conversation']}:{record['id']}")
    answers = record["role"] == "assistant"
    mean, deviation = ANSWERED if answers else ASKED
    variance = math.log(1 + (deviation / mean) ** 2)
    tokens = min(rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance)), LONGEST)
    return {**record, "content": passage(rng, tokens * CHARACTERS_PER_TOKEN, answers=answers)}


def batched(records: Iterable[list[Record]], size: int) -> Iterator[list[list[Record]]]:
    """So many conversations at a time."""
    rest = iter(records)
    while batch := list(islice(rest, size)):
        yield batch


def _lines(form: Callable[[list[Record]], Iterable[Line]]) -> Writer:
    """A writer of JSON Lines: of so many bytes, until there are that many."""

    def write(folder: Path, size: int, length: str) -> tuple[Path, int]:
        path, written = folder / "export.jsonl", 0
        with path.open("wb") as file:
            for line in chain.from_iterable(map(form, talk(length))):
                written += file.write(json.dumps(line).encode() + b"\n")
                if written >= size:
                    break
        return path, written

    return write


def _claude_code(session: str, records: Iterable[Record]) -> Iterator[Line]:
    before = None
    for record in records:
        said = record["role"] == "assistant"
        content = [{"type": "text", "text": record["content"]}] if said else record["content"]
        message: Line = {"role": record["role"], "content": content}
        if said:
            usage = {
                "input_tokens": 12,
                "cache_read_input_tokens": 18_211,
                "output_tokens": len(record["content"]) // 4,
            }
            about = {"id": f"msg_{record['conversation']}_{record['id']}", "type": "message", "stop_reason": None}
            message |= {**about, "model": record["model"], "usage": usage}
        row = {"parentUuid": before, "isSidechain": False, "userType": "external", "cwd": "/home/dev/parcels"}
        before = f"{record['conversation']}-{record['id']}"
        row |= {"sessionId": session, "version": "2.0.14", "gitBranch": "main", "uuid": before}
        yield {**row, "type": record["role"], "message": message, "timestamp": record["timestamp"]}


def _sessions(folder: str, name: str, form: Callable[[str, Iterable[Record]], Iterable[Line]]) -> Writer:
    """A writer of a folder of sessions, a file for each: twenty conversations in a row, some 250 messages."""

    def write(place: Path, size: int, length: str) -> tuple[Path, int]:
        (place / folder).mkdir(parents=True)
        written = 0
        for number, records in enumerate(batched(talk(length), 20)):
            session = str(uuid.UUID(int=number))
            rows = (json.dumps(row).encode() + b"\n" for row in form(session, chain.from_iterable(records)))
            with (place / folder / name.format(session)).open("wb") as file:
                written += sum(map(file.write, rows))
            if written >= size:
                break
        return place / folder, written

    return write


def _rollout(session: str, records: Iterable[Record]) -> Iterator[Line]:
    begun = {
        "id": session,
        "timestamp": "2026-10-05T09:00:00.000Z",
        "cwd": "/home/dev/parcels",
        "cli_version": "0.153.0",
    }
    yield {"timestamp": begun["timestamp"], "type": "session_meta", "payload": begun}
    for record in records:
        said, text = record["role"] == "assistant", record["content"]
        part = {"type": "output_text" if said else "input_text", "text": text}
        item = {"type": "message", "role": record["role"], "content": [part]}
        event = {"type": "agent_message" if said else "user_message", "message": text}
        moment = {"timestamp": record["timestamp"]}
        yield {**moment, "type": "response_item", "payload": item}
        yield {**moment, "type": "event_msg", "payload": event}


def _otel(records: list[Record]) -> Iterator[Line]:
    for question, answer in zip(records[::2], records[1::2], strict=True):
        told = {"input": question, "output": answer}
        attributes = {
            "gen_ai.conversation.id": question["conversation"],
            "gen_ai.request.model": answer.get("model"),
            "gen_ai.operation.name": "chat",
            **{
                f"gen_ai.{name}.messages": json.dumps(
                    [{"role": said["role"], "parts": [{"type": "text", "content": said["content"]}]}]
                )
                for name, said in told.items()
            },
        }
        values = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        span = {"traceId": question["conversation"], "spanId": answer["id"], "name": "chat", "attributes": values}
        times = {"startTimeUnixNano": "1791190800000000000", "endTimeUnixNano": "1791190801000000000"}
        yield {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **times}]}]}]}


def _chatgpt(folder: Path, size: int, length: str) -> tuple[Path, int]:
    """The archive; ``conversations.json`` in it has so many bytes."""
    path, written = folder / "export.zip", 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("conversations.json", "w") as file:
        for number, records in enumerate(talk(length)):
            mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["0"]}}
            for index, record in enumerate(records):
                content = {"content_type": "text", "parts": [record["content"]]}
                message: Line = {"id": str(index), "author": {"role": record["role"]}, "content": content}
                message |= {"create_time": 1_791_190_800.0 + index, "metadata": {"model_slug": record.get("model")}}
                children = [str(index + 1)] if index + 1 < len(records) else []
                parent = str(index - 1) if index else "root"
                mapping[str(index)] = {"id": str(index), "message": message, "parent": parent, "children": children}
            found: Line = {"id": str(number), "title": records[0]["title"], "create_time": 1_791_190_800.0}
            found |= {"mapping": mapping, "current_node": str(len(records) - 1)}
            written += file.write((b"[" if not number else b",") + json.dumps(found).encode())
            if written >= size:
                break
        file.write(b"]")
    return path, written


SOURCES: dict[str, Writer] = {
    "generic": _lines(lambda records: records),
    "claude-code": _sessions("projects/-home-dev-parcels", "{}.jsonl", _claude_code),
    "codex": _sessions("sessions/2026/10/05", "rollout-2026-10-05T09-00-00-{}.jsonl", _rollout),
    "chatgpt": _chatgpt,
    "otel": _lines(_otel),
}
