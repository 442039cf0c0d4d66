"""Ids and digests never change: what they are made of is written down here in the plain, slow way."""

import datetime as dt
import hashlib
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.records.canonical_json import SHORT, canonical_object, canonical_text
from aethergrid_pipelines.records.conversation import Message, Origin, Role
from aethergrid_pipelines.records.ids import NAMESPACE, conversation_id, fragment_id, message_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.datetimes(timezones=st.just(dt.UTC) | st.just(dt.timezone(dt.timedelta(hours=5, minutes=30))))


def _uuid5(*parts: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))


@given(TEXTS, TEXTS, TEXTS)
def test_ids_are_uuids_of_version_5(space: str, source: str, native_id: str) -> None:
    owner = conversation_id(space, source, native_id)
    assert owner == _uuid5("conversation", space, source, native_id)
    assert message_id(owner, native_id) == _uuid5("message", owner, native_id)
    assert fragment_id(owner, source, space) == _uuid5("fragment", owner, source, space)
    assert uuid.UUID(owner).version == 5


@given(
    st.builds(
        Message,
        id=st.just("m"),
        conversation_id=st.just("c"),
        native_id=st.just("n"),
        timestamp=MOMENTS.filter(lambda moment: dt.MINYEAR < moment.year < dt.MAXYEAR),
        timestamp_inferred=st.booleans(),
        role=st.sampled_from(Role),
        content=st.text(),
        model=st.none() | st.text(),
        metadata=st.dictionaries(TEXTS, JSON, max_size=3),
        origin=st.just(Origin(path="chat.jsonl")),
    )
)
def test_a_digest_is_that_of_canonical_json(message: Message) -> None:
    moment = None if message.timestamp_inferred else message.timestamp.astimezone(dt.UTC).isoformat()
    said = [message.role.value, message.content, message.model, moment, message.metadata]
    canonical = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    assert message.digest == hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def _plainly(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=str).encode()


NUMBERS = (1.0, 1e16, -1e-7, 123456789.125, 1e300, float("nan"), float("-inf"), 2**63, -(2**70), 7, -7, True, None)
STRINGS = ("", "DEL \x7f", "NUL \x00", "\b\t\n\f\r\x1f", "a/b", '"\\', "Grüße", "\u2028", "\ud800", "[1.5,2e3]", "null")
OTHERS = (dt.datetime(2026, 10, 5, 9, 30, tzinfo=dt.UTC), dt.date(2026, 10, 5), uuid.UUID(int=7), Role.USER)


@pytest.mark.parametrize("value", [*NUMBERS, *STRINGS, *OTHERS], ids=repr)
@pytest.mark.parametrize("length", [0, SHORT])
def test_canonical_json_is_what_python_writes(value: object, length: int) -> None:
    for told in (
        {"value": value, "z": "z" * length, "a": [value, {"b": (value,)}]},
        {"text" if isinstance(value, float) else str(value): "x" * length, "B": 1, "b": [-1.5]},
    ):
        assert canonical_object(told) == _plainly(told)
    if isinstance(value, str):
        assert canonical_text(value) == _plainly(value)
