"""Characters that carry no text: terminal escapes, controls, invisible ones, halves of surrogate pairs.

Two strengths: :func:`without_controls` is safe for code and tables, :func:`readable` is for prose.
"""

import re
import unicodedata

import regex

_REPLACEMENT = "\ufffd"

# ECMA-48: CSI (5.4), OSC/DCS/SOS/PM/APC strings (5.6) and the short escapes. A string that is never terminated loses
# its introducer only, so that it cannot swallow what follows. Of the 8-bit forms only CSI with parameters is taken: the
# others are far more often the debris of UTF-8 that was read as Latin-1.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x9b[0-9;?]++[A-Za-z]"
    r"|\x1b\][^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[PX^_][^\x07\x1b\x9c]*+(?:\x1b\\|\x9c)"
    r"|\x1b\](?:\d{1,4};)?"
    r"|\x1b[ -/]*+[0-~]"
)
# What is left of a colour when something dropped its escape character, but not `\033[0m` in code, and not `[5m]`. Only
# looked for in a text that resets a colour somewhere.
_RESET = re.compile(r"\[(?:0m(?!\w{0,12}\]|:\d)|22m|39m|m(?![\w\]:]))|\x07")
_REMAINS = re.compile(
    r"""(?:\^\[|[␛\ufffd])?(?<![\\"'`}])(?<!\\033)(?<!\\x1[bB])(?<!\\[eE])(?<!\\u001[bB])"""
    r"\[(?:(?:\d|[1-4]\d|9[0-7]|10[0-7])(?:;\d{1,3}){0,8}m(?!\w{0,12}\]|:\d)|m(?![\w\]:])|[0-2]?K(?![\w\]:])|\?25[hl])"
    r"|\][0-9]{1,4};[^\x07\x1b\n]{0,2048}\x07"
)
_OVERSTRIKE = re.compile(r"[^\x08\n]\x08")

_BIDI = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_NON_CHARACTERS = [*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))]
_TABLE: dict[int, str | None] = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *_BIDI]),
    **dict.fromkeys([0x0B, 0x0C, 0x85, 0x2028, 0x2029], "\n"),
    **dict.fromkeys(_NON_CHARACTERS, _REPLACEMENT),
    0x09: "\t",
    0x0A: "\n",
}
_ODD_ASCII = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ODD = re.compile("[" + "".join(re.escape(chr(code)) for code in _TABLE if code not in (9, 10)) + "]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Tag characters hide text; only the flags of England, Scotland, Wales and their like (UTS #51, 2.8) are made of them.
_TAGS = re.compile("(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f)|[\U000e0000-\U000e007f]+")

_JOINED = (
    r"[\p{Arabic}\p{Syriac}\p{Nko}\p{Mongolian}\p{Mandaic}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}"
    r"\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Tibetan}\p{Myanmar}\p{Khmer}\u0640]"
)
_VIRAMA = "[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca\u1039\u17d2]"
_PERHAPS_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0100-\U000e01ef]"
)
_INVISIBLE = regex.compile(
    r"((?<=[\p{Extended_Pictographic}\ufe0f\U0001f3fb-\U0001f3ff])\u200d(?=\p{Extended_Pictographic})"
    rf"|(?<={_JOINED})[\u200c\u200d](?={_JOINED})"
    rf"|(?<={_VIRAMA})[\u200c\u200d]"
    r"|(?<=[\p{Extended_Pictographic}])[\ufe0e\ufe0f]"
    r"|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    r"|(?<=\p{Han})[\ufe00-\ufe02\U000e0100-\U000e01ef])"
    r"|[\u00ad\u180e\u200b-\u200d\u2060-\u2064\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0100-\U000e01ef]"
)
# UAX #15 (stream-safe text) allows 30 marks on a letter; more are an attack on renderers, and on the normaliser.
_TOO_MANY_MARKS = re.compile(
    "([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{30})"
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]++"
)

_TRAILING = re.compile("(?<![ \t\u00a0\u2000-\u200a\u3000])[ \t\u00a0\u2000-\u200a\u3000]++(?=\n|\\Z)")
_BLANK_LINES = re.compile(r"\n{4,}+")


def without_controls(text: str) -> str:
    """``text`` with LF line ends and without terminal escapes, control characters (tab and LF stay), bidirectional
    controls, hidden tags and a leading byte order mark; non-characters and lone surrogates become U+FFFD."""
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text or not text.isascii():
        text = _ESCAPES.sub("", text)
    if "[" in text and _RESET.search(text):
        text = _REMAINS.sub("", text)
    if "\x08" in text:
        text = _OVERSTRIKE.sub("", text)
    if text.isascii():
        return text.translate(_TABLE) if _ODD_ASCII.search(text) else text
    text = storable(text)
    if _ODD.search(text):
        text = text.translate(_TABLE)
    return _TAGS.sub(r"\1", text).removeprefix("\ufeff")


def storable(text: str) -> str:
    """``text`` without what no database takes: NUL is dropped, halves of surrogate pairs that stand next to each other
    are joined, and lonely ones become U+FFFD. File names need no more."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\x00", "")


def readable(prose: str) -> str:
    """Prose in NFC without invisible characters, trailing white space and more than two blank lines in a row.

    Joiners and variation selectors stay where an emoji or a script needs them.
    """
    if not prose.isascii():
        if _PERHAPS_INVISIBLE.search(prose):
            prose = _INVISIBLE.sub(r"\1", prose)
        prose = unicodedata.normalize("NFC", _TOO_MANY_MARKS.sub(r"\1", prose))
    return _BLANK_LINES.sub("\n\n\n", _TRAILING.sub("", prose))


def single_line(text: object, longest: int) -> str | None:
    """A name, path or model on one line of at most ``longest`` characters; ``None`` where nothing of it remains."""
    if not isinstance(text, str):
        return None
    return " ".join(readable(without_controls(text[: 4 * longest])).split())[:longest].strip() or None
