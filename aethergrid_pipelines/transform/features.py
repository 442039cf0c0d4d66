"""What can be read off a text without understanding it: its code, its errors, its form, what it asks for.

Every feature is 0…1. Those that count saturate: more hits than *enough* say no more than *enough* do.
"""

import re
from dataclasses import dataclass

from aethergrid_pipelines.remembered import Remembered, among

_FENCE = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_URL = re.compile(r"https?://\S+")

# A line is code when it begins as statements of common languages do, or is punctuated as prose never is.
_CODE_LINE = re.compile(
    r"""\s*(?:
        (?:def|class|func|fn|function|import|package|using|const|let|var|return|public|private|static|async|export|
           elif|except|catch|switch|struct|enum|interface|impl|assert|SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|FROM|WHERE|
           GROUP\ BY|ORDER\ BY)\b(?=.*[(){}\[\]=;:,<>"'.*+])
        | from\ [\w.]+\ import\b | (?:if|for|while|with|try|else)\b.*[:{]\s*$
        | @\w[\w.]*(?:\(|$) | \#include\b | \#! | \$\ \w | </?\w[^>]*>\s*$ | [{}\[\])]+[;,)]*\s*$
        | [\w.\[\]"'$]+(?:,\ *\w+)*\ *(?::=|[-+*/|&]?=)\ *\S | (?:done|fi|esac|then|end)\s*$
        | set\ -\w | [.\#@][\w-][^{]*\{
        | [\w.]+\(.*\)\s*$
    )""",
    re.VERBOSE,
)
# The same, but for what stands somewhere in the line: to look for it takes long, and without a sign there is none.
_CODE_SIGN = re.compile(r"[$>|;{]")
_SIGNED_CODE_LINE = re.compile(
    r"""\s*(?:
        [\w./-]+\ .*(?:"?\$\{?[A-Za-z_@]|\ >>?\ |\ \|\ \w).*
        | (?=.*[()\[\]{}=<>"'])[\x20-\x7e]*[;{]\s*$ | .*;\ (?:do|then)\s*$
    )""",
    re.VERBOSE,
)
_ERROR = re.compile(
    r"[a-z](?:Error|Exception)\b|Traceback \(most|\bERR!|\b(?:ERROR|FATAL|fatal|panic|error):|\bexit code [1-9]"
    r"|^\s+at [\w.$]+\(|^\s*File \"[^\"]+\", line \d",
    re.MULTILINE,
)
# Without one of these there is no match: looking for them is fifty times faster than the patterns are.
_SIGNS_OF_ERROR = ("Error", "Exception", "Traceback", "ERR", "FATAL", "fatal", "panic", "error:", "exit code", 'File "')
_SIGNS_OF_LETTER = ("Dear", "Subject:", "regards", "Sincerely", "Best", "Yours")
LIST_ITEM = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+\S", re.MULTILINE)
_SIGNS_OF_STAGE = ("Day", "Week", "Phase", "Step")
_ITEM_OR_STAGE = re.compile(rf"{LIST_ITEM.pattern}|\b(?:{'|'.join(_SIGNS_OF_STAGE)})s? \d", re.MULTILINE)
_TABLE_ROW = re.compile(r"^\s*\|.*\|\s*$|^[^\n,;]+(?:[,;]\s*[\d.]+){3,}\s*$", re.MULTILINE)
_LETTER = re.compile(
    r"^(?:Dear|Subject:)\s|\b(?:[Kk]ind|[Bb]est|[Ww]arm) regards\b|^(?:Sincerely|Best|Yours),", re.MULTILINE
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][a-z]+)?")

# How a sentence begins that asks for something, up to the word that says what.
_ASKING = re.compile(
    r"(?:^|[.!?:;,\n])\s*"
    r"(?:(?:please|now|then|can|could|would|you|help|me|us|i|need|want|to|and|just|let's|hey|hi|so)[ ,]+)*([a-z']+)"
)
_VERBS = {
    "asks_code": "implement refactor code program hash parse port",
    "asks_writing": "write draft translate rephrase rewrite proofread shorten reword compose",
    "asks_explanation": "explain what's why describe teach clarify",
    "asks_analysis": "compare evaluate review assess judge critique weigh",
    "asks_planning": "plan schedule organise organize arrange prepare",
    "asks_data": "calculate count sum compute aggregate plot extract tabulate",
    "asks_research": "find search research recommend suggest summarise summarize",
}
_VERB_OF = {verb: name for name, verbs in _VERBS.items() for verb in verbs.split()}

NAMES = ("code", "error", "list", "table", "letter", "question", "exclamation", "short", *_VERBS)


@dataclass(frozen=True, slots=True)
class Text:
    """A text taken apart: ``prose`` without code and addresses, its ``pieces`` between white space, its ``words`` in
    lower case, ``code``, and ``code_share`` of the characters that are not white space. ``fenced``: its author said
    what is code."""

    prose: str
    pieces: list[str]
    words: list[str]
    code: str
    code_share: float
    fenced: bool


def take_apart(text: str) -> Text:
    """Separate code from prose: fenced blocks, inline code, and outside of both lines that look like code."""
    fenced = _FENCE.findall(text) if "```" in text else []
    outside = _FENCE.sub("\n", text) if fenced else text
    prose: list[str] = []
    code: list[str] = list(fenced)
    for line in outside.split("\n"):
        (code if line and _is_code(line) else prose).append(line)
    code_text, prose_text = "\n".join(code), "\n".join(prose)
    if "`" in prose_text:
        prose_text = _INLINE_CODE.sub(" ", prose_text)
    if "://" in prose_text:
        prose_text = _URL.sub(" ", prose_text)
    pieces = prose_text.split()
    solid = sum(map(len, code_text.split()))
    total = solid + sum(map(len, pieces))
    words = list(among(pieces, _known_words))
    return Text(prose_text, pieces, words, code_text, solid / total if total else 0.0, bool(fenced))


def _words(piece: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(piece.lower().replace("’", "'")))


_known_words = Remembered(_words)


def _is_code(line: str) -> bool:
    return bool(_CODE_LINE.match(line) or (_CODE_SIGN.search(line) and _SIGNED_CODE_LINE.match(line)))


def of_text(text: str, parts: Text) -> list[float]:
    """The features of :data:`NAMES`, in their order."""
    prose = parts.prose
    item = _ITEM_OR_STAGE if any(sign in prose for sign in _SIGNS_OF_STAGE) else LIST_ITEM
    asked = {_VERB_OF.get(word) for word in _ASKING.findall(prose.lower())}
    return [
        parts.code_share,
        min(1.0, len(_ERROR.findall(text)) / 2) if _may_tell_of_error(text) else 0.0,
        min(1.0, len(item.findall(prose)) / 3),
        min(1.0, len(_TABLE_ROW.findall(prose)) / 2) if "|" in prose or "," in prose else 0.0,
        min(1.0, len(_LETTER.findall(prose)) / 2) if any(sign in prose for sign in _SIGNS_OF_LETTER) else 0.0,
        1.0 if "?" in prose or "？" in prose else 0.0,
        min(1.0, (prose.count("!") + prose.count("！")) / 2),
        max(0.0, 1 - len(text) / 80),
        *(1.0 if name in asked else 0.0 for name in _VERBS),
    ]


def _may_tell_of_error(text: str) -> bool:
    # A line of a stack trace is «at place(»; elsewhere the two are common.
    return any(sign in text for sign in _SIGNS_OF_ERROR) or ("at " in text and "(" in text)
