import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.embedders.byte_pairs import EstimatingTokenizer
from aethergrid_pipelines.embedders.local import WordPieceTokenizer
from aethergrid_pipelines.embedders.protocol import Tokenizer
from aethergrid_pipelines.query.bids import Bid
from aethergrid_pipelines.query.packing import Packed, filled, pack
from aethergrid_pipelines_tests.query.said import MONDAY, fragment

WORDS = WordPieceTokenizer()
ESTIMATE = EstimatingTokenizer()
LONG = "Each request leaks a connection. " * 30


def bid(content: str, ordinal: int, value: float = 1.0, conversation: str = "c1", day: int = 0) -> Bid:
    start = MONDAY + dt.timedelta(days=day)
    return Bid(fragment(content, ordinal, conversation=conversation, start=start), value, score=value)


def shown(packed: Packed) -> list[str]:
    return [piece.fragment.id for passage in packed.passages for piece in passage]


@st.composite
def offers(draw: st.DrawFn) -> list[Bid]:
    texts = draw(st.lists(st.text(max_size=200) | st.just(LONG), max_size=12))
    return [
        bid(
            text,
            draw(st.integers(0, 3)) + 4 * at,
            draw(st.floats(0.01, 1.0)),
            draw(st.sampled_from(["c1", "c2"])),
            draw(st.integers(0, 1)),
        )
        for at, text in enumerate(texts)
    ]


@pytest.mark.parametrize("tokenizer", [WORDS, ESTIMATE], ids=lambda tokenizer: tokenizer.name)
@given(offered=offers(), budget=st.integers(0, 400), numbered=st.booleans())
def test_a_pack_never_has_more_tokens_than_its_budget_and_accounts_for_all(
    tokenizer: Tokenizer, offered: list[Bid], budget: int, numbered: bool
) -> None:
    packed = pack(offered, budget, tokenizer, numbered=numbered)

    assert packed.tokens == tokenizer.count([packed.text])[0] <= budget
    ids = [one.fragment.id for one in offered]
    assert sorted(shown(packed) + [one.fragment.id for one in packed.left]) == sorted(ids)


def test_everything_is_in_where_there_is_room_for_it() -> None:
    offered = [bid(f"Sentence number {at}.", at) for at in range(20)]

    packed = pack(offered, 1_000_000, WORDS)

    assert packed.left == []
    assert len(packed.passages) == 1


def test_a_budget_of_nothing_holds_nothing() -> None:
    packed = pack([bid("a", 0)], 0, WORDS)

    assert (packed.text, packed.tokens, len(packed.left)) == ("", 0, 1)


def test_the_best_go_first_and_smaller_ones_fill_what_is_left() -> None:
    best, large, small = bid("The pool leaks.", 0, 1.0), bid(LONG, 10, 0.9), bid("At noon.", 20, 0.1)

    packed = pack([best, large, small], 40, WORDS)

    assert shown(packed) == [best.fragment.id, small.fragment.id]
    assert packed.left == [large]


def test_what_shares_a_heading_costs_less() -> None:
    first = bid("The pool leaks.", 0, 1.0)
    same, other = bid("At noon it is worst.", 1, 0.5), bid("At noon it is worst.", 0, 0.5, "c2")

    chosen = filled([first, other, same], 1_000, WORDS)

    assert chosen == [first, same, other]


def test_what_is_too_long_is_shown_in_whole_sentences() -> None:
    packed = pack([bid(LONG, 0)], 100, WORDS)

    [[piece]] = packed.passages
    assert piece.cut
    assert piece.text.removesuffix(" …").endswith("leaks a connection.")
    assert 80 < packed.tokens <= 100


def test_a_single_long_sentence_is_cut_between_words() -> None:
    packed = pack([bid("connection " * 300, 0)], 60, WORDS)

    assert packed.text.endswith("connection …")
    assert packed.tokens <= 60


def test_a_budget_too_small_for_a_heading_holds_nothing() -> None:
    assert pack([bid(LONG, 0)], 5, WORDS).text == ""
