"""What exchanges become: compressed, cut off, unreadable, or too many at once."""

import datetime as dt
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from aethergrid_pipelines.capture.spool import Spool
from aethergrid_pipelines.proxy.exchange import MAX_COPY_BYTES, Exchange
from aethergrid_pipelines.proxy.prefixes import Prefixes
from aethergrid_pipelines.proxy.recorder import MAX_WAITING, Recorder
from aethergrid_pipelines.records.conversation import Message
from aethergrid_pipelines_tests.capture.spooling import Gate

NOON = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
STREAM = b"".join(
    b"data: %b\n\n" % json.dumps({"model": "gpt-5", "choices": [{"index": 0, "delta": {"content": word}}]}).encode()
    for word in ("one ", "two ", "three ") * 300
)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "conversations.db")


@pytest.fixture
def spool(tmp_path: Path, gate: Gate) -> Iterator[Spool]:
    found = Spool(tmp_path / "spool", gate)
    yield found
    found.close()


@pytest.fixture
def recorder(tmp_path: Path, spool: Spool) -> Recorder:
    return Recorder(spool, Prefixes(tmp_path / "proxy.db"), "default")


def exchange(answer: bytes, *, encoding: str = "", asked: Any = None, complete: bool = True) -> Exchange:
    found = Exchange("chat/completions", NOON, status=200, streamed=True, encoding=encoding, complete=complete)
    asked = asked or {"model": "gpt-5", "messages": [{"role": "user", "content": "Count."}]}
    found.request.add(asked if isinstance(asked, bytes) else json.dumps(asked).encode())
    found.answer.add(answer)
    return found


def captured(recorder: Recorder, spool: Spool, gate: Gate) -> list[Message]:
    """Everything that the recorder took, when it is stored."""
    recorder.close()
    spool.close()
    return [message for state in gate.store.states() for message in gate.store.messages([state.conversation.id])]


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "zstd"])
def test_compressed_answers_are_read(recorder: Recorder, spool: Spool, gate: Gate, encoding: str) -> None:
    packed = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}.get(encoding, bytes)(STREAM)
    recorder.take(exchange(packed, encoding=encoding))

    assert captured(recorder, spool, gate)[1].content == "one two three " * 300


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_answer_that_was_cut_off_is_kept_as_far_as_it_came(
    recorder: Recorder, spool: Spool, gate: Gate, encoding: str
) -> None:
    packed = gzip.compress(STREAM, 0) if encoding else STREAM
    recorder.take(exchange(packed[: len(packed) // 2], encoding=encoding, complete=False))

    [_, answer] = captured(recorder, spool, gate)
    assert answer.metadata["partial"] is True
    assert 0 < len(answer.content) < 14 * 300
    assert ("one two three " * 300).startswith(answer.content)


@pytest.mark.parametrize(
    "asked",
    [b"no json", b"[]", {"messages": "no list"}, {"messages": [7]}, {"messages": [{"role": "wizard", "content": ""}]}],
)
def test_what_is_not_understood_holds_up_nothing(recorder: Recorder, spool: Spool, gate: Gate, asked: Any) -> None:
    recorder.take(exchange(STREAM, asked=asked))
    recorder.take(exchange(STREAM))

    assert [message.content for message in captured(recorder, spool, gate)] == ["Count.", "one two three " * 300]


def test_an_answer_that_is_too_long_to_keep_leaves_the_question(recorder: Recorder, spool: Spool, gate: Gate) -> None:
    endless = exchange(b"", complete=True)
    for _ in range(MAX_COPY_BYTES // 1024**2 + 1):
        endless.answer.add(b"x" * 1024**2)
    recorder.take(endless)

    assert [message.content for message in captured(recorder, spool, gate)] == ["Count."]
    assert endless.answer.bytes() == b""


def test_more_than_fits_is_counted_and_nobody_waits(
    recorder: Recorder, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(recorder, "_capture", lambda _: release.wait(30))
    for _ in range(MAX_WAITING + 10):
        recorder.take(exchange(b""))
    release.set()
    recorder.close()

    assert recorder.lost == 10


def test_only_the_latest_histories_are_remembered(tmp_path: Path) -> None:
    prefixes = Prefixes(tmp_path / "proxy.db", limit=100)
    for number in range(300):
        prefixes.keep(f"c{number}", {f"h{number}": 1})

    known = [number for number in range(300) if prefixes.longest([f"h{number}"])]
    prefixes.close()
    assert known == list(range(300 - len(known), 300))
    assert 90 <= len(known) <= 100


def test_the_longest_history_that_is_known_counts(tmp_path: Path) -> None:
    prefixes = Prefixes(tmp_path / "proxy.db")
    prefixes.keep("c", {"one": 1, "two": 2})
    prefixes.close()
    again = Prefixes(tmp_path / "proxy.db")

    assert again.longest(["one", "two", "three"]) == ("c", 1, 2)
    assert again.longest(["three"]) is None
    again.close()


Q, A = {"role": "user", "content": "Count."}, {"role": "assistant", "content": "one two three " * 300}


@pytest.mark.parametrize(
    ("messages", "known"),
    [
        ([Q, A, {"role": "user", "content": "Further."}], True),
        ([Q], False),
        ([Q, {"role": "assistant", "content": "No."}], False),
        ([{"role": "user", "content": "Further."}], False),
        (["no message"], False),
        ([], False),
    ],
)
def test_a_request_goes_on_with_what_it_repeats_more_than_the_first_message_of(
    recorder: Recorder, spool: Spool, gate: Gate, messages: list[Any], known: bool
) -> None:
    recorder.take(exchange(STREAM))
    [question, _] = captured(recorder, spool, gate)

    found = recorder.going_on(exchange(b"", asked={"model": "gpt-5", "messages": messages}))

    assert found == (question.conversation_id if known else None)


def test_what_is_no_json_goes_on_with_nothing(recorder: Recorder) -> None:
    assert recorder.going_on(exchange(b"", asked=b"no json")) is None
    recorder.close()
