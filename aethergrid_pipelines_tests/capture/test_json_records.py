import io
import json
import tracemalloc
import zlib
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.capture import json_records
from aethergrid_pipelines.capture.json_records import BrokenExport, key_paths, split_records

RECORDS: list[Any] = [
    {"a": 'quotes " and \\ and brackets ]}{['},
    {"nested": [{"b": [1, 2]}, "x"], "é": "😀"},
    {},
    {"long": "word " * 400, "escaped": '\\"' * 300},
]


def _split(text: bytes, **options: Any) -> tuple[list[tuple[int, bytes | None]], str | None]:
    """The pieces, and why there are no more."""
    found: list[tuple[int, bytes | None]] = []
    try:
        for piece in split_records(io.BytesIO(text), **options):
            found.append((piece.number, piece.raw))  # noqa: PERF401
    except BrokenExport as error:
        return found, str(error)
    return found, None


def _values(text: bytes) -> list[Any]:
    pieces, problem = _split(text)
    assert problem is None
    assert [number for number, _ in pieces] == list(range(1, len(pieces) + 1))
    return [json.loads(raw or b"") for _, raw in pieces]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 65_536])
@pytest.mark.parametrize("form", ["array", "indented", "lines", "byte order mark"])
def test_the_records_are_the_same_however_they_are_written_and_read(
    monkeypatch: pytest.MonkeyPatch, form: str, chunk: int
) -> None:
    monkeypatch.setattr(json_records, "CHUNK_BYTES", chunk)
    text = json.dumps(RECORDS, indent=2 if form == "indented" else None)
    if form == "lines":
        text = "\r\n".join(json.dumps(record) for record in RECORDS)
    assert _values((b"\xef\xbb\xbf" if form == "byte order mark" else b"") + text.encode()) == RECORDS


VALUES = st.text(max_size=20) | st.lists(st.text(max_size=9) | st.integers(), max_size=4)


@given(st.lists(st.dictionaries(st.text(max_size=9), VALUES, max_size=4), max_size=6))
def test_any_array_of_objects_is_split_into_its_objects(records: list[Any]) -> None:
    assert _values(json.dumps(records, ensure_ascii=False).encode("utf-8", "surrogatepass")) == records


ALIKE = st.dictionaries(st.text(max_size=3), VALUES | st.just([{"t": 1}, {"t": [{"t": "},{"}]}]), max_size=3)


@given(
    st.lists(ALIKE.map(lambda record: {"t": '}, {"t', **record}), max_size=7),
    st.sampled_from([None, 1]),
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 9), st.sampled_from([b"", b"{", b"}", b'"', b"\\", b"]", b",5"]))
    ),
    st.sampled_from([1, 7, 64, 65_536]),
    st.sampled_from([40, 400, 40_000]),
)
def test_guessing_where_records_end_changes_nothing_however_they_are_damaged(
    records: list[Any], indent: int | None, damages: list[tuple[int, int, bytes]], chunk: int, largest: int
) -> None:
    text = json.dumps(records, indent=indent).encode()
    for at, length, instead in damages:
        text = text[:at] + instead + text[at + length :]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_records, "CHUNK_BYTES", chunk)
        guessed = _split(text, largest=largest)
        patched.setattr(json_records, "MISSES", 0)
        assert guessed == _split(text, largest=largest)


def test_of_records_that_begin_alike_all_but_the_first_two_and_the_last_are_parsed_at_once() -> None:
    text = json.dumps([{"title": "a", "nodes": [{"title": "},{"}]}] * 9).encode()
    assert [piece.value is not None for piece in split_records(io.BytesIO(text))] == [False, False, *[True] * 6, False]


def test_a_single_object_is_one_record() -> None:
    assert _values(b' {"a": [{"b": 1}]} ') == [{"a": [{"b": 1}]}]


@pytest.mark.parametrize("text", [b"", b"  \n", b"[]", b"[ ]\n", b"\xef\xbb\xbf"])
def test_where_there_is_nothing_there_are_no_records(text: bytes) -> None:
    assert _split(text) == ([], None)


def test_what_is_no_object_is_a_record_too() -> None:
    assert _split(b'[1, "two", {"a": 1}, null, [3]]') == (
        [(1, b"1"), (2, b' "two"'), (3, b'{"a": 1}'), (4, b" null"), (5, b"[3]")],
        None,
    )


def test_a_bracket_too_many_costs_a_record_and_not_the_file() -> None:
    assert _split(b'[{"a": 1}}, {"b": 2}]') == ([(1, b'{"a": 1}'), (2, b"}"), (3, b'{"b": 2}')], None)


def test_numbers_go_on_from_where_an_earlier_piece_ended() -> None:
    assert _split(b'[{"a": 1}, {"b": 2}]', after=40)[0] == [(41, b'{"a": 1}'), (42, b'{"b": 2}')]


@pytest.mark.parametrize("at", range(1, 46))
def test_a_text_that_was_cut_gives_what_is_whole_and_says_where_it_ends(at: int) -> None:
    text = b'[{"a": "one"}, {"b": ["two"]}, {"c": "{\\"3"}]'
    ends = [text.index(b"}, {"), text.index(b"}, {", 16), text.rindex(b"}")]
    whole = sum(end < at for end in ends)
    pieces, problem = _split(text[:at])
    assert len(pieces) == whole
    if at == len(text):
        assert problem is None
    else:
        assert problem is not None
        assert problem.endswith(": the file is truncated")
        assert f"record {whole + 1}" in problem or f"after record {whole}" in problem


@pytest.mark.parametrize("chunk", [1, 5, 100, 65_536])
def test_a_record_that_is_too_long_is_passed_over_without_being_held(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(json_records, "CHUNK_BYTES", chunk)
    records = [{"a": 1}, {"b": 'y\\"' * 500}, {"c": 2}, {"d": ["z"] * 500}, {"e": 3}]
    pieces, problem = _split(json.dumps(records).encode(), largest=100)
    assert problem is None
    assert [number for number, raw in pieces if raw is None] == [2, 4]
    assert [json.loads(raw) for _, raw in pieces if raw is not None] == [{"a": 1}, {"c": 2}, {"e": 3}]


def test_what_lies_between_records_is_not_held_without_end() -> None:
    pieces, problem = _split(b'[{"a": 1}' + b" " * 300_000 + b"]", largest=1_000)
    assert pieces == [(1, b'{"a": 1}')]
    assert problem is not None
    assert "no JSON record within" in problem


class Long(io.RawIOBase):
    """An array of twenty megabytes that exists nowhere."""

    def __init__(self) -> None:
        self._left = 20_000
        self._ready = b"["

    def read(self, size: int = -1, /) -> bytes:
        while len(self._ready) < size and self._left:
            self._left -= 1
            self._ready += json.dumps({"number": self._left, "text": "word " * 200}).encode()
            self._ready += b", " if self._left else b"]"
        part, self._ready = self._ready[:size], self._ready[size:]
        return part


def test_memory_does_not_grow_with_the_file() -> None:
    stream = cast(BinaryIO, Long())
    tracemalloc.start()
    try:
        assert sum(1 for _ in split_records(stream)) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


class Damaged(io.BytesIO):
    """Bytes that can be read up to a point."""

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if not part:
            raise zlib.error("Error -3 while decompressing data: invalid block type")
        return part


def test_damage_in_what_holds_the_text_ends_it_where_it_shows() -> None:
    stream: BinaryIO = Damaged(b'[{"a": 1}, {"b"')
    records = split_records(stream)
    assert next(records).raw == b'{"a": 1}'
    with pytest.raises(BrokenExport, match=r"ends within record 2: .*invalid block type"):
        next(records)


HEAD = b"""[{"title": "T: \\"mapping\\": {", "mapping": {"n": {"message": {"author": {}}, "children": [{"deep": 1}]}},
  "list": [{"chat_messages": [1]}], "chat": {"history": {"messages": {"m": {"x": 1}}}}}]"""


@pytest.mark.parametrize("at", range(0, len(HEAD), 5))
def test_the_keys_of_a_beginning_are_some_of_those_of_the_whole(at: int) -> None:
    assert key_paths(HEAD[:at]) <= key_paths(HEAD)


def test_keys_are_told_by_where_they_are() -> None:
    assert key_paths(HEAD) == {
        ("title",),
        ("mapping",),
        ("mapping", "n"),
        ("mapping", "n", "message"),
        ("mapping", "n", "children"),
        ("mapping", "n", "children[]"),
        ("list",),
        ("list[]",),
        ("chat",),
        ("chat", "history"),
        ("chat", "history", "messages"),
    }


@pytest.mark.parametrize("text", [b"", b"{", b"]]}}", b'"', b"\x00\xff", b'[[{"a": 1}]]', b'["a", "b"]'])
def test_what_has_no_records_has_no_keys(text: bytes) -> None:
    assert key_paths(text) == set()
