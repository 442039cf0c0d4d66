"""Where sentences begin. Rules, not a model: fast, and the same on every machine."""

import re

# Marks that end a sentence without white space behind them (CJK, and the Indic, Ethiopic and Khmer full stops), and
# those that need it. Closing quotes and emphasis belong to the sentence that they close.
_END = re.compile(
    r"(?<![.!?…。！？])(?:[。！？｡．…]*[。！？｡．][」』”’）》】\"')]*+\s*+|[।॥።។၊။]+\s*+"
    r"|[.!?…؟۔։]++[\"'”’»)\]*_`]*+(?=\s)\s++)"
)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘*_]+\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
_ENUMERATION = re.compile(r"(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4})\.")
_ABBREVIATIONS_TEXT = """
    al. approx. apr. art. aug. ave. bldg. blvd. bros. ca. capt. cf. ch. chap. col. corp. cmdr. dec. dept. diff. dipl.
    dr. ed. eds. eq. eqs. esp. est. etc. ex. excl. feb. fig. figs. fr. gen. gov. hon. hr. hrs. inc. incl. inst. jan. jr.
    jul. jun. lt. ltd. maj. max. min. mr. mrs. ms. mt. mx. no. nos. nov. nr. oct. op. orig. para. pg. ph.d. pl. pp.
    pres. prof. pt. ref. refs. rep. resp. rev. sec. sect. sen. sep. sept. sgt. sr. st. str. supp. tab. tel. univ. v.
    ver. viz. vol. vols. vs. e.g. i.e. z.b. d.h. u.a. bzw. usw. evtl. ggf. nr. hr. fr. p.ej. sra. sres. mme. mlle. env.
"""
_ABBREVIATIONS = frozenset(_ABBREVIATIONS_TEXT.split())
# These do end sentences, too: before a capital letter the sentence is taken to be over.
_OFTEN_LAST_TEXT = "etc. inc. ltd. corp. jr. sr. usw. a.m. p.m. u.s. u.k. e.u. no. min. max. al."
_OFTEN_LAST = frozenset(_OFTEN_LAST_TEXT.split())
_LOOK_BACK = 40


def sentence_starts(text: str) -> list[int]:
    """The offsets in ``text`` at which a sentence begins, ascending, without 0.

    Abbreviations, initials, enumerations and full stops before a small letter do not end a sentence; decimals, versions
    and URLs have no white space after their dots.
    """
    return [end.end() for end in _END.finditer(text) if end.end() < len(text) and _is_end(text, end)]


def _is_end(text: str, end: re.Match[str]) -> bool:
    following = text[end.end()]
    mark = end[0].rstrip()
    if mark[0] not in ".!?…":
        return True
    if following.islower():
        return "\n\n" in end[0]
    full_stop = mark[0] == "." and not mark.startswith("..")
    return not full_stop or not _is_abbreviated(text, end.start(), following)


def _is_abbreviated(text: str, stop: int, following: str) -> bool:
    """Whether the full stop at ``stop`` belongs to the word before it."""
    before = _LAST_WORD.search(text, max(0, stop - _LOOK_BACK), stop)
    if before is None:
        return False
    word = before[0].lower() + "."
    if word in _OFTEN_LAST:
        return not following.isupper()
    if word in _ABBREVIATIONS or (_INITIALS.fullmatch(word) and word != "i."):
        return True
    line_start = text.rfind("\n", max(0, stop - _LOOK_BACK), before.start()) + 1
    return bool(_ENUMERATION.fullmatch(word)) and not text[line_start : before.start()].strip(" \t>")
