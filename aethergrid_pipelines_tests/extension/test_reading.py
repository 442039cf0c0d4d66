"""The readers: from a document to messages, without the site and without the extension around them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from aethergrid_pipelines_tests.api.page.conftest import browser  # noqa: F401 (a fixture)
from aethergrid_pipelines_tests.extension.conftest import EXTENSION
from aethergrid_pipelines_tests.extension.sites import PAGES

Evaluate = Callable[..., Any]
ID = "12345678-0000-4000-8000-000000000001"

READ = """([site, html]) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  const { messages, title, unread, gaps } = aethergrid.sites[site].read(page);
  const told = messages.map(({ element, ...told }) => told);
  return { messages: told, title, unread, gaps: gaps.length };
}"""
MARKDOWN = """html => {
  const page = new DOMParser().parseFromString(`<main>${html}</main>`, "text/html");
  return aethergrid.markdown(page.querySelector("main"));
}"""
ADDRESS = "([site, address]) => aethergrid.sites[site].conversationOf(new URL(address))"


@pytest.fixture(scope="module")
def evaluate(browser: Browser) -> Iterator[Evaluate]:  # noqa: F811
    """Run code in an empty page that has the readers."""
    page = browser.new_page()
    for script in (
        "page/markdown.js",
        "page/digest.js",
        "page/thread.js",
        "sites/chatgpt.js",
        "sites/claude.js",
        "sites/gemini.js",
    ):
        page.add_script_tag(path=EXTENSION / script)
    yield page.evaluate
    page.close()


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a <b>b</b> <i>c</i><br>d</p><hr><p>e</p>", "a **b** *c*\nd\n\n---\n\ne"),
        (
            "<h3>Title <code>x</code></h3><blockquote><p>said</p><p>more</p></blockquote>",
            "### Title `x`\n\n> said\n>\n> more",
        ),
        (
            "<ol start=3><li>three<ul><li>deep<ol><li>deeper</li></ol></li></ul></li><li>four</li></ol>",
            "3. three\n   - deep\n     1. deeper\n4. four",
        ),
        ("<p><code>a`b</code></p>", "`` a`b ``"),
        ("<pre><code class='language-md'>```sh\nls\n```\n</code></pre>", "````md\n```sh\nls\n```\n````"),
        (
            (
                "<pre><div><span>TypeScript</span><button>Copy</button></div>"
                "<div class='cm-editor'><div class='cm-content'>"
                "<div class='cm-line'>let a;</div><div class='cm-line'><br></div>"
                "<div class='cm-line'>a;</div></div></div></pre>"
            ),
            "```typescript\nlet a;\n\na;\n```",
        ),
        (
            (
                "<p><span class='katex-display'><span class='katex'><math><annotation encoding='application/x-tex'>a^2"
                "</annotation></math></span></span></p>"
            ),
            "$$\na^2\n$$",
        ),
        (
            "<p><a href='https://x.example'>x</a> <a href='#top'>top</a> <img alt='a plot' src=x></p>",
            "[x](https://x.example) top ![a plot]",
        ),
        ("<p>kept</p><button>Copy</button><span class='sr-only'>You said</span><svg><text>no</text></svg>", "kept"),
        ("<div class='whitespace-pre-wrap'>  a  b\n\n\nc &lt;b&gt;</div>", "  a  b\n\n\nc <b>"),
        ("<script>alert(1)</script><p>&lt;script&gt;alert(1)&lt;/script&gt;</p>", "<script>alert(1)</script>"),
    ],
)
def test_what_a_page_shows_becomes_markdown(evaluate: Evaluate, html: str, expected: str) -> None:
    assert evaluate(MARKDOWN, html) == expected.strip()


@pytest.mark.parametrize(
    ("site", "address", "expected"),
    [
        ("chatgpt", f"https://chatgpt.com/c/{ID}", ID),
        ("chatgpt", f"https://chatgpt.com/g/g-p-0f-notes/c/{ID}?model=x", ID),
        ("chatgpt", "https://chatgpt.com/c/WEB:1234", None),
        ("chatgpt", "https://chatgpt.com/", "none"),
        ("chatgpt", f"https://chatgpt.com/share/{ID}", "none"),
        ("chatgpt", f"https://chatgpt.com/c/{ID}?temporary-chat=true", "none"),
        ("claude", f"https://claude.ai/chat/{ID}", ID),
        ("claude", f"https://claude.ai/project/{ID}/chat/{ID}", ID),
        ("claude", f"https://claude.ai/chat/{ID}?incognito", "none"),
        ("claude", f"https://claude.ai/project/{ID}", "none"),
        ("gemini", "https://gemini.google.com/app/c0ffee0123456789", "c0ffee0123456789"),
        ("gemini", "https://gemini.google.com/u/1/app/c0ffee0123456789", "c0ffee0123456789"),
        ("gemini", "https://gemini.google.com/gem/coder/c0ffee0123456789", "c0ffee0123456789"),
        ("gemini", "https://gemini.google.com/app", "none"),
    ],
)
def test_the_address_names_the_conversation(evaluate: Evaluate, site: str, address: str, expected: str | None) -> None:
    found = evaluate(ADDRESS, [site, address])

    assert found == (None if expected == "none" else {"id": expected})


@pytest.mark.parametrize(
    ("site", "html", "expected"),
    [
        ("chatgpt", "<div data-message-author-role=user>Hi</div>", [(None, "user", "Hi", False)]),
        ("chatgpt", "<div data-message-author-role=tool data-message-id=x>hidden</div>", []),
        (
            "chatgpt",
            (
                f"<div data-message-author-role=assistant data-message-id={ID}><div data-testid='thinking-1'>"
                "<div class=markdown>Hm</div></div><div class=markdown>One</div><div class=markdown>Two</div></div>"
            ),
            [(ID, "assistant", "One\n\nTwo", False)],
        ),
        (
            "chatgpt",
            (
                f"<div data-turn-key=fallback-turn-3 data-x>"
                "<div data-content-search-unit-key='fallback-turn-3:0:user'"
                f" data-chatgpt-search-message-ids={ID}><div data-user-message-bubble>Hi</div></div></div>"
            ),
            [(ID, "user", "Hi", False)],
        ),
        (
            "chatgpt",
            (
                f"<div data-message-author-role=assistant data-message-id={ID}>"
                "<div class='markdown result-streaming'>"
                "<p>Wri</p></div></div>"
            ),
            [(ID, "assistant", "Wri", True)],
        ),
        (
            "claude",
            "<div class='font-user-message'>Hi</div><div class='font-claude-message'><p>Hello</p></div>",
            [(None, "user", "Hi", False), (None, "assistant", "Hello", False)],
        ),
        (
            "claude",
            (
                "<div data-index=4><div data-is-streaming=true><div class=font-claude-response>"
                "<div class=progressive-markdown><div class=standard-markdown><p>Wri</p></div></div></div></div></div>"
            ),
            [("page/4", "assistant", "Wri", True)],
        ),
        (
            "claude",
            (
                "<div data-index=5><div class=font-claude-response><div class=standard-markdown><p>a</p></div></div>"
                "<div class=tool-use>ran</div><div class=font-claude-response>"
                "<div class=standard-markdown><p>b</p></div></div>"
                "</div>"
            ),
            [("page/5", "assistant", "a\n\nb", False)],
        ),
        ("claude", "<div id=markdown-artifact class=font-claude-response>A report</div>", []),
        (
            "gemini",
            (
                "<model-response><message-content id='message-content-id-r_00ff00ff00ff00ff'><p>Hello</p>"
                "</message-content></model-response>"
            ),
            [("r_00ff00ff00ff00ff", "assistant", "Hello", False)],
        ),
        ("gemini", "<user-query><div class=query-text>Hi</div></user-query>", [(None, "user", "Hi", False)]),
        (
            "gemini",
            (
                "<model-response><message-content><div class=markdown aria-busy=true>Wri</div></message-content>"
                "</model-response>"
            ),
            [(None, "assistant", "Wri", True)],
        ),
    ],
)
def test_other_layouts_are_read_too(evaluate: Evaluate, site: str, html: str, expected: list[Any]) -> None:
    found = evaluate(READ, [site, html])["messages"]

    assert [(one["id"], one["role"], one["content"], one["streaming"]) for one in found] == expected


def test_an_answer_that_never_says_that_it_is_finished_is_taken_when_it_grows_no_more(evaluate: Evaluate) -> None:
    taken = evaluate("""() => {
      const thread = new aethergrid.Thread();
      const element = document.createElement("p");
      const at = (content, now) => {
        const message = { element, id: "a", role: "assistant", content, model: null, streaming: true, editing: false };
        const { messages } = thread.take({ messages: [message], gaps: [] }, { now });
        return messages.map((one) => [one.content, one.partial]);
      };
      return [at("", 0), at("Wri", 1_000), at("Written", 60_000), at("Written", 179_000), at("Written", 180_000),
        at("Written on", 181_000)];
    }""")

    assert taken == [[], [], [], [], [["Written", False]], []]


def test_turns_that_are_not_on_the_page_now_are_gaps_and_not_losses(evaluate: Evaluate) -> None:
    html = (PAGES / "chatgpt.html").read_text()
    html = html.replace('<div id="thread">', '<div id="thread"><div data-turn-id-container="t0" style="--x:1px"></div>')

    found = evaluate(READ, ["chatgpt", html])

    assert (found["gaps"], found["unread"], len(found["messages"])) == (1, 0, 2)
