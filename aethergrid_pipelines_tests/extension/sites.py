"""The sites and their saved pages."""

from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class Site:
    """A saved page: where it is on which host, and what its conversation is called in the memory."""

    host: str
    path: str
    saved: str
    source: str
    native_id: str


CHATGPT = Site(
    "chatgpt.com", "/c/66f0aaaa-0000-4000-8000-00000000000a", "chatgpt", "chatgpt",
    "66f0aaaa-0000-4000-8000-00000000000a",
)  # fmt: skip
CHATGPT_UNITS = Site(
    "chatgpt.com", "/g/g-p-0123-notes/c/66f0cccc-0000-4000-8000-00000000000c", "chatgpt_units", "chatgpt",
    "66f0cccc-0000-4000-8000-00000000000c",
)  # fmt: skip
CLAUDE = Site(
    "claude.ai", "/chat/77a0aaaa-0000-4000-8000-00000000000a", "claude", "claude-ai",
    "77a0aaaa-0000-4000-8000-00000000000a",
)  # fmt: skip
GEMINI = Site("gemini.google.com", "/app/c0ffee0123456789", "gemini", "gemini", "c0ffee0123456789")
