"""What comes from a page into the memory."""

from pathlib import Path

import pytest

from aethergrid_pipelines_tests.api.page.conftest import Served, served
from aethergrid_pipelines_tests.extension.conftest import Extension, Open, kept, port_of, said, until
from aethergrid_pipelines_tests.extension.sites import (
    ANSWERING,
    ASK,
    CHATGPT,
    CHATGPT_UNITS,
    CLAUDE,
    DONE,
    GEMINI,
    WRITE,
    Site,
)

ANSWER = """Because `close()` is **never** called. See [the docs](https://docs.example/pool):

```python
with pool.get() as c:
    c.run()


# done
```

1. Open
   - once
2. Close

| n | ms |
| --- | --- |
| 1 | 2\\|3 |

So $n^2$."""

EXPECTED: dict[str, tuple[Site, str, list[tuple[str, str, str, str | None]]]] = {
    "chatgpt": (
        CHATGPT, "Pooled connections",
        [("aaaa0001-0000-4000-8000-000000000001", "user", "Why does the pool leak?\n\n    indented & kept", None),
         ("aaaa0002-0000-4000-8000-000000000002", "assistant", ANSWER, "gpt-5-2")],
    ),
    "chatgpt since October 2026": (
        CHATGPT_UNITS, "Units",
        [("bbbb0001-0000-4000-8000-000000000001", "user", "What is a unit?", None),
         ("bbbb0003-0000-4000-8000-000000000003", "assistant", "One of *two*.", None)],
    ),
    "claude": (
        CLAUDE, "Release notes",
        [("page/0", "user", "Write the notes\nfor 2.0\n\nShort, please.", None),
         ("page/1", "assistant", "## 2.0\n\n- Faster *search*\n- No ~~bugs~~\n\n```bash\nmake run\n```", None),
         ("page/2", "user", "Thanks", None),
         ("page/3", "assistant", "You are welcome.", None)],
    ),
    "gemini": (
        GEMINI, "Postcodes",
        [("r_499149de28d69796/user", "user", "A regular expression\nfor Dutch postcodes?", None),
         ("r_499149de28d69796", "assistant",
          'This one:\n\n```python\ncode = r"^[1-9][0-9]{3} ?[A-Z]{2}$"\n```\n\nIt has $10^4$ cases.', None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_page_is_captured_once_with_roles_order_code_and_title(
    extension: Extension, opened: Open, api: Served, name: str
) -> None:
    site, title, messages = EXPECTED[name]
    page = opened(site)
    until(lambda: len(said(api, site)) == len(messages))

    found = kept(api, site)
    assert [
        (one["lineage"]["nativeId"], one["role"], one["content"], one["model"]) for one in found["messages"]
    ] == messages
    assert found["title"] == title
    assert {one["timestampInferred"] for one in found["messages"]} == {True}
    assert {one["lineage"]["originPath"] for one in found["messages"]} == {"page"}
    until(lambda: extension.badge(page) == "on")

    before = extension.ask(type="status")["delivered"]
    page.reload()
    tab = extension.tab(page)
    read = f"{len(messages)} messages read on this page."
    until(lambda: (extension.ask(type="status", tab=tab)["here"] or {}).get("text") == read)
    assert extension.ask(type="status")["delivered"] == before == len(messages)


def test_an_answer_is_captured_when_it_is_finished(extension: Extension, opened: Open, api: Served) -> None:
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)
    page.evaluate(ASK, ["3", "And then?"])
    page.evaluate(ANSWERING, ["4", "Close"])
    until(lambda: len(said(api, CHATGPT)) == 3)
    page.evaluate(WRITE, " it")
    page.wait_for_timeout(2_500)
    assert [text for _, text in said(api, CHATGPT)][2:] == ["And then?"]

    page.evaluate(WRITE, " again.")
    page.evaluate(DONE)
    until(lambda: len(said(api, CHATGPT)) == 4)

    asked, answered = kept(api, CHATGPT)["messages"][2:]
    assert (answered["content"], answered["model"]) == ("Close it again.", "gpt-5-2")
    # What was said before one's eyes has a time of its own.
    assert not asked["timestampInferred"]
    assert not answered["timestampInferred"]


def test_the_model_of_an_answer_is_the_one_that_was_picked_while_it_was_written(
    extension: Extension, opened: Open, api: Served
) -> None:
    page = opened(CLAUDE)
    until(lambda: len(said(api, CLAUDE)) == 4)
    page.evaluate("""() => document.querySelector("[role='list']").insertAdjacentHTML("beforeend",
      `<div data-index="4"><div data-is-streaming="true"><div class="font-claude-response">
       <div class="standard-markdown"><p>One more thing</p></div></div></div></div>`)""")
    page.wait_for_timeout(2_500)
    assert len(said(api, CLAUDE)) == 4

    page.evaluate("""() => {
      document.querySelector("[data-testid='model-selector-dropdown']").textContent = "Opus 5";
      document.querySelector("[data-is-streaming='true']").dataset.isStreaming = "false";
    }""")
    until(lambda: len(said(api, CLAUDE)) == 5)
    assert kept(api, CLAUDE)["messages"][4]["model"] == "Sonnet 4.6"


def test_an_answer_that_is_left_is_kept_as_partial_and_completed_later(
    extension: Extension, opened: Open, api: Served
) -> None:
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)
    page.evaluate(ANSWERING, ["4", "Half of"])
    page.wait_for_timeout(1_500)
    page.goto("https://chatgpt.com/")
    until(lambda: len(said(api, CHATGPT)) == 3)
    assert kept(api, CHATGPT)["messages"][2]["metadata"] == {"partial": True}

    page = opened(CHATGPT)
    page.evaluate(ANSWERING, ["4", "Half of it, and the rest."])
    page.evaluate(DONE)
    until(lambda: said(api, CHATGPT)[2:] == [("assistant", "Half of it, and the rest.")])
    assert kept(api, CHATGPT)["messages"][2]["metadata"] == {}


def test_what_an_edit_replaces_is_kept_apart(extension: Extension, opened: Open, api: Served) -> None:
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)
    page.evaluate(ASK, ["3", "And then?"])
    page.evaluate(ANSWERING, ["4", "First"])
    page.evaluate(DONE)
    until(lambda: len(said(api, CHATGPT)) == 4)

    page.evaluate("document.querySelectorAll('section').forEach((turn, at) => at > 1 && turn.remove())")
    page.evaluate(ASK, ["5", "And before?"])
    page.evaluate(ANSWERING, ["6", "Second"])
    page.evaluate(DONE)
    until(lambda: [text for _, text in said(api, CHATGPT)][2:] == ["And before?", "Second"])

    alternates = [one for one in kept(api, CHATGPT)["messages"] if one["metadata"] == {"alternate_branch": True}]
    assert [one["content"] for one in alternates] == ["And then?", "First"]


def test_an_edited_message_replaces_the_one_in_its_row(extension: Extension, opened: Open, api: Served) -> None:
    page = opened(CLAUDE)
    until(lambda: len(said(api, CLAUDE)) == 4)

    page.evaluate("""() => {
      document.querySelector("[data-index='3']").remove();
      document.querySelector("[data-index='2'] p").textContent = "Longer, please.";
    }""")
    until(lambda: said(api, CLAUDE)[2:] == [("user", "Longer, please.")])

    alternates = [one for one in kept(api, CLAUDE)["messages"] if one["metadata"].get("alternate_branch")]
    assert [one["content"] for one in alternates] == ["You are welcome."]


def test_a_message_that_is_being_edited_is_not_taken_for_what_was_said(
    extension: Extension, opened: Open, api: Served
) -> None:
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)
    before = kept(api, CHATGPT)

    page.evaluate("""() => { document.querySelector("[data-message-author-role='user']").innerHTML =
      "<textarea>Why does</textarea><button>Cancel</button><button>Send</button>" }""")
    page.wait_for_timeout(3_000)
    page.evaluate(ASK, ["3", "And then?"])
    until(lambda: len(said(api, CHATGPT)) == 3)

    assert kept(api, CHATGPT)["messages"][:2] == before["messages"]


def test_what_scrolls_out_of_a_long_conversation_is_not_lost_and_comes_in_order(
    extension: Extension, opened: Open, api: Served
) -> None:
    page = opened(CLAUDE)
    page.evaluate("window.rows = [...document.querySelectorAll('[data-index]')]; rows[0].remove(); rows[1].remove()")
    until(lambda: len(said(api, CLAUDE)) == 2)
    page.evaluate("""() => { const list = document.querySelector("[role='list']");
      list.replaceChildren(...rows.slice(0, 3)) }""")
    until(lambda: len(said(api, CLAUDE)) == 4)

    assert [one["lineage"]["nativeId"] for one in kept(api, CLAUDE)["messages"]] == [f"page/{row}" for row in range(4)]


def test_going_to_another_conversation_within_the_page_keeps_them_apart(
    extension: Extension, opened: Open, api: Served
) -> None:
    other = "66f0bbbb-0000-4000-8000-00000000000b"
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)

    # The address changes at once, what it shows some seconds later.
    page.evaluate(f"history.pushState({{}}, '', '/c/{other}'); document.title = 'Something else'")
    page.wait_for_timeout(4_000)
    page.evaluate("document.querySelectorAll('#thread > div').forEach(turn => turn.remove())")
    page.evaluate(ASK, ["7", "Is this another one?"])
    until(lambda: len(said(api, CHATGPT, other)) == 1)
    page.go_back()
    page.wait_for_timeout(2_500)

    assert said(api, CHATGPT, other) == [("user", "Is this another one?")]
    assert kept(api, CHATGPT, other)["title"] == "Something else"
    assert len(said(api, CHATGPT)) == 2


def test_a_new_chat_is_captured_when_it_has_an_address(extension: Extension, opened: Open, api: Served) -> None:
    page = opened(CHATGPT, path="/")
    page.wait_for_timeout(3_000)
    assert said(api, CHATGPT) == []

    page.evaluate(f"history.replaceState({{}}, '', '{CHATGPT.path}')")
    until(lambda: len(said(api, CHATGPT)) == 2)


def test_what_waits_while_the_api_is_down_is_delivered_once_and_in_order(
    extension: Extension, opened: Open, silent: str, tmp_path: Path
) -> None:
    extension.reset(silent)
    page = opened(CHATGPT)
    until(lambda: extension.badge(page) == "2" and "does not answer" in extension.title(page))
    page.evaluate(ASK, ["3", "And then?"])
    until(lambda: extension.waiting() == 3)
    page.close()
    opened(CLAUDE)
    until(lambda: extension.waiting() == 7)

    with served(tmp_path, port=port_of(silent)) as again:
        until(lambda: extension.waiting() == 0, seconds=90)
        assert [role for role, _ in said(again, CHATGPT)] == ["user", "assistant", "user"]
        assert len(said(again, CLAUDE)) == 4
    assert extension.ask(type="status")["delivered"] == 7


def test_what_waits_survives_a_worker_that_is_stopped(
    extension: Extension, opened: Open, silent: str, tmp_path: Path
) -> None:
    extension.reset(silent)
    page = opened(CHATGPT)
    until(lambda: extension.waiting() == 2)
    page.close()
    # What the worker was about to try again is in its alarm alone from here on; nobody wakes it.
    session = extension.context.new_cdp_session(extension.own)
    session.send("ServiceWorker.enable")
    session.send("ServiceWorker.stopAllWorkers")

    queue = "chrome.storage.local.get('queue').then(({ queue }) => queue.next - queue.first)"
    with served(tmp_path, port=port_of(silent)) as back:
        assert extension.own.evaluate(queue) == 2
        until(lambda: extension.own.evaluate(queue) == 0, seconds=120)
        assert len(said(back, CHATGPT)) == 2


def test_off_holds_back_what_waits(extension: Extension, opened: Open, api: Served, silent: str) -> None:
    extension.reset(silent)
    opened(CHATGPT)
    until(lambda: extension.waiting() == 2)
    extension.ask(type="switch", change={"on": False})
    extension.ask(type="connect", change={"address": api.url})
    extension.ask(type="deliver")
    assert (extension.waiting(), said(api, CHATGPT)) == (2, [])

    extension.ask(type="switch", change={"on": True})
    extension.ask(type="deliver")
    until(lambda: len(said(api, CHATGPT)) == 2)
