"""What characters.py takes out, and what it has to leave."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aethergrid_pipelines.transform.characters import readable, single_line, storable, without_controls

ESC = "\x1b"


@pytest.mark.parametrize(
    ("captured", "expected"),
    [
        (f"{ESC}[1;31mError{ESC}[0m: no", "Error: no"),
        (f"{ESC}[2K{ESC}[1Gdone{ESC}[?25h", "done"),
        (f"{ESC}[38;5;123mcolour{ESC}[m", "colour"),
        (f"{ESC}[38:2::10:20:30mtrue colour", "true colour"),
        (f"{ESC}]0;title\x07text", "text"),
        (f"{ESC}]8;;https://a.example{ESC}\\link{ESC}]8;;{ESC}\\ end", "link end"),
        (f"{ESC}]0;never closed", "never closed"),
        (f"{ESC}(Bplain{ESC}=", "plain"),
        (f"{ESC}Pdevice string{ESC}\\text", "text"),
        ("\x9b31mred", "red"),
        ("[31mError[0m: no", "Error: no"),
        ("^[[32mok^[[0m", "ok"),
        ("␛[32mok␛[0m", "ok"),
        ("N\bNA\bAM\bME\bE", "NAME"),
        (ESC, ""),
    ],
)
def test_terminal_escapes_and_their_remains_go(captured: str, expected: str) -> None:
    assert without_controls(captured) == expected


@pytest.mark.parametrize(
    "text",
    [
        "rate(requests_total[5m]) and [1m:5s] and [0m]",
        "list[3] and [link](x) [m]",
        'echo -e "\\033[31mred\\033[0m"',
        "print('\\x1b[31mred\\x1b[0m')",
        'f"{ESC}[1m{ESC}[0m"',
        "use `[0m` to reset",
        "[member] and [King] [0ms]",
        "â€\x9cquoted".replace("\x9c", "œ"),
    ],
)
def test_what_only_looks_like_an_escape_stays(text: str) -> None:
    assert without_controls(text) == text


@pytest.mark.parametrize(
    ("captured", "expected"),
    [
        ("a\r\nb\rc\r\r\nd", "a\nb\nc\nd"),
        ("a\x00b\x07c\x7fd\x80e", "abcde"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("a\u2028b\u2029c\x85d\x0ce\x0bf", "a\nb\nc\nd\ne\nf"),
        ("\ufeffstart", "start"),
        ("a\u202eb\u2066c\u2069d\u200e", "abcd"),
        ("x\U000e0041\U000e0042y", "xy"),
        ("\ufdd0 \uffff \U0001fffe", "\ufffd \ufffd \ufffd"),
        ("lonely \ud83d half", "lonely \ufffd half"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_controls_go_and_line_ends_are_lf(captured: str, expected: str) -> None:
    assert without_controls(captured) == expected


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧‍👦 family",
        "❤️ and ❤️‍🔥",
        "👩🏽‍💻",
        "1️⃣ #️⃣",
        "🏳️‍🌈 🏴‍☠️",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می‌خواهم",
        "क्‍ष न्‌",
        "ශ්‍රී",
        "葛󠄀",
        "مرحبا بالعالم",
        "שלום עולם",
    ],
)
def test_joiners_and_selectors_stay_where_a_script_or_an_emoji_needs_them(text: str) -> None:
    assert readable(without_controls(text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("zero\u200bwidth", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("la\u200dtin \u200c", "latin"),
        ("wo\u2060rd\ufeff", "word"),
        ("a\ufe0fb", "ab"),
        ("cafe\u0301", "café"),
        ("a  \nb\t\n c \u00a0\n", "a\nb\n c\n"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("a\n \n\t\n \n \nb", "a\n\n\nb"),
        ("two\n\n\nblank", "two\n\n\nblank"),
    ],
)
def test_prose_loses_what_nobody_sees(prose: str, expected: str) -> None:
    assert readable(prose) == expected


def test_a_letter_keeps_at_most_thirty_marks() -> None:
    assert len(readable("x" + "\u0301\u0316" * 10_000)) <= 31


def test_a_name_is_one_line_of_bounded_length_or_none() -> None:
    assert single_line(" Ada\x00\n Lovelace ", 80) == "Ada Lovelace"
    assert single_line("x" * 500, 80) == "x" * 80
    assert single_line("\x00 \u200b", 80) is None
    assert single_line(7, 80) is None


def test_a_path_loses_only_what_no_database_takes() -> None:
    assert storable("a  b\x00/ü\udcff.jsonl") == "a  b/ü\ufffd.jsonl"


@given(st.text(st.characters()))
def test_any_text_becomes_storable_and_stays_so(text: str) -> None:
    clean = readable(without_controls(text))
    clean.encode("utf-8")
    assert "\x00" not in clean
    assert not any(unicodedata.category(character) == "Cc" for character in clean.replace("\n", "").replace("\t", ""))
    assert unicodedata.is_normalized("NFC", clean)
