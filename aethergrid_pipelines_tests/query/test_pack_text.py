import datetime as dt

from aethergrid_pipelines.query.pack_text import Piece, as_text, passages, said
from aethergrid_pipelines_tests.query.said import MONDAY, fragment


def whole(*args: object, **given: object) -> Piece:
    found = fragment(*args, **given)  # type: ignore[arg-type]
    return Piece(found, found.content)


def test_a_pack_reads_as_it_was_said() -> None:
    pieces = [
        whole("Return it in a finally block.", 5, model="gpt-5"),
        whole("Which postcode?", 0, conversation="c0", title=None, start=MONDAY + dt.timedelta(days=1)),
        whole("Each request leaks one.", 1, model="gpt-5"),
        whole("Why do connections run out?", 0),
    ]

    read = passages(pieces)

    assert as_text(read) == (
        "# Connections\n5 Oct 2026\n"
        "user: Why do connections run out?\ngpt-5: Each request leaks one.\n\ngpt-5: Return it in a finally block.\n\n"
        "# generic\n6 Oct 2026\nuser: Which postcode?"
    )
    assert [len(passage) for passage in read] == [2, 1, 1]


def test_each_passage_has_its_number() -> None:
    read = passages([whole("a", 0), whole("b", 1), whole("c", 7)])

    assert as_text(read, numbered=True).splitlines()[2:] == ["[1] user: a", "user: b", "", "[2] user: c"]


def test_the_date_is_said_again_when_the_day_changes() -> None:
    night = dt.datetime(2026, 10, 5, 23, 59, tzinfo=dt.UTC)

    text = as_text(passages([whole("late", 0, start=night), whole("later", 1, start=night)]))

    assert text == "# Connections\n5 Oct 2026\nuser: late\n\n6 Oct 2026\nuser: later"


def test_parts_of_one_message_name_its_speaker_once() -> None:
    parts = [whole("First.", 0, message="m", model="gpt-5"), whole("Second.", 1, message="m", model="gpt-5")]

    assert said(passages(parts)[0]) == "gpt-5: First.\nSecond."
    apart = [parts[0], whole("Fourth.", 3, message="m", model="gpt-5")]
    assert [said(passage) for passage in passages(apart)] == ["gpt-5: First.", "gpt-5: Fourth."]


def test_what_was_cut_ends_its_passage() -> None:
    cut = Piece(fragment("a b", 0), "a …", cut=True)

    assert len(passages([cut, whole("c", 1)])) == 2


def test_a_title_of_several_lines_is_one_heading() -> None:
    assert as_text(passages([whole("a", title="one\ntwo")])).splitlines()[0] == "# one two"


def test_of_nothing_the_text_is_empty() -> None:
    assert as_text(passages([])) == ""
