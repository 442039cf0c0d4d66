"""The sites, their saved pages, and what the program of ChatGPT's page does while one talks."""

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

ASK = """([id, text]) => {
  const turn = document.createElement("section");
  turn.dataset.testid = "conversation-turn-" + id; turn.dataset.turn = "user";
  turn.innerHTML = `<div data-message-author-role="user" data-message-id="aaaa000${id}-0000-4000-8000-00000000000${id}">
    <div class="whitespace-pre-wrap"></div></div>`;
  turn.querySelector(".whitespace-pre-wrap").textContent = text;
  document.querySelector("#thread").append(turn);
}"""
ANSWERING = """([id, text]) => {
  const turn = document.createElement("section");
  turn.dataset.testid = "conversation-turn-" + id; turn.dataset.turn = "assistant";
  turn.innerHTML = `<div data-message-author-role="assistant" data-message-model-slug="gpt-5-2"
    data-message-id="aaaa000${id}-0000-4000-8000-00000000000${id}">
    <div class="markdown prose result-streaming"><p></p></div></div>`;
  turn.querySelector("p").textContent = text;
  document.querySelector("#thread").append(turn);
  const stop = document.createElement("button");
  stop.dataset.testid = "stop-button";
  document.querySelector("form").append(stop);
}"""
WRITE = "text => document.querySelector('.result-streaming p').append(text)"
DONE = """() => {
  document.querySelector('.result-streaming').classList.remove('result-streaming');
  document.querySelector('[data-testid="stop-button"]').remove();
}"""
