"""What the neighbours of a chunk lend it."""

import datetime as dt

from aethergrid_pipelines.records.flow import Chunk
from aethergrid_pipelines.transform import window
from aethergrid_pipelines.transform.chunk import chunk
from aethergrid_pipelines.transform.window import KEPT_CHARACTERS, MOST_TERMS, SESSION_GAP, lexical_fields
from aethergrid_pipelines_tests.transform.conversations import WordTokenizer, cleaned

WORDS = ["alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "theta", "zeta"]


def turns(contents: list[str], speaker: str | None = "Ada Byron") -> list[Chunk]:
    messages = [cleaned(content, number, speaker=speaker) for number, content in enumerate(contents)]
    return chunk(messages, WordTokenizer(), 256)


def test_the_body_holds_date_speaker_and_own_terms() -> None:
    assert lexical_fields(turns(["Bought running shoes"]))[0].body == ("2024 may 8 2024-05-08 ada byron buy run shoe")


def test_without_a_speaker_the_role_stands_in() -> None:
    assert lexical_fields(turns(["Hello"], speaker=None))[0].body == "2024 may 8 2024-05-08 user hello"


def test_the_heading_is_in_the_body_but_not_in_the_neighbours() -> None:
    chunks = turns(["One", "Two"])
    chunks[0].heading = "Deployments"
    first, second = lexical_fields(chunks)
    assert "deploy" in first.body.split()
    assert second.near == "one"


def test_near_is_one_away_and_far_is_two_and_three_away() -> None:
    fields = lexical_fields(turns(WORDS))
    assert fields[4].near == "delta sigma"
    assert fields[4].far == "beta gamma kappa theta"
    assert (fields[0].near, fields[0].far) == ("beta", "gamma delta")
    assert (fields[-1].near, fields[-1].far) == ("theta", "sigma kappa")


def test_a_long_silence_parts_neighbours() -> None:
    chunks = turns(WORDS[:6])
    for piece in chunks[3:]:
        piece.timestamp += SESSION_GAP + dt.timedelta(minutes=1)
    fields = lexical_fields(chunks)
    assert (fields[2].near, fields[2].far) == ("beta", "alpha")
    assert (fields[3].near, fields[3].far) == ("omega", "sigma")


def test_a_silence_of_just_four_hours_does_not() -> None:
    chunks = turns(WORDS[:2])
    chunks[1].timestamp = chunks[0].timestamp + SESSION_GAP
    assert lexical_fields(chunks)[0].near == "beta"


def test_a_long_neighbour_gives_the_terms_nearest_to_the_chunk() -> None:
    long = " ".join(f"w{number}" for number in range(200))
    before, middle, after = lexical_fields(turns([long, "middle", long]))
    assert middle.near.split() == [
        *(f"w{number}" for number in range(200 - MOST_TERMS, 200)),
        *(f"w{number}" for number in range(MOST_TERMS)),
    ]
    assert before.far == " ".join(f"w{number}" for number in range(MOST_TERMS))
    assert after.far == " ".join(f"w{number}" for number in range(200 - MOST_TERMS, 200))


def test_no_chunks_have_no_fields() -> None:
    assert lexical_fields([]) == []


def test_a_text_that_is_read_again_has_the_same_terms_and_long_ones_are_not_kept() -> None:
    kept = window._terms
    kept.cache_clear()
    short, long = turns(["Bought running shoes", "Which ones?"]), turns(["word " * 250])
    long[0].text = "word " * KEPT_CHARACTERS
    first = lexical_fields(short), lexical_fields(long)
    held = kept.cache_info().currsize
    assert (lexical_fields(short), lexical_fields(long)) == first
    assert kept.cache_info().currsize == held == 3
    assert kept.cache_info().hits >= 4
    assert len(first[1][0].body.split()) > KEPT_CHARACTERS
