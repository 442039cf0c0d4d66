"""What somebody sees of the extension, and can switch."""

import json
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from aethergrid_pipelines_tests.api.page.conftest import Served, served
from aethergrid_pipelines_tests.extension.conftest import EXTENSION, Extension, Open, said, until
from aethergrid_pipelines_tests.extension.sites import CHATGPT, CLAUDE, GEMINI


def test_off_means_that_nothing_is_sent(extension: Extension, opened: Open, api: Served) -> None:
    extension.ask(type="switch", change={"on": False})
    page = opened(CHATGPT)
    until(lambda: extension.badge(page) == "off")
    page.wait_for_timeout(3_000)

    assert extension.waiting() == 0
    assert said(api, CHATGPT) == []
    assert extension.badge() == "off"

    popup = extension.popup(page)
    popup.get_by_role("switch", name="Everywhere").check()
    until(lambda: len(said(api, CHATGPT)) == 2)
    until(lambda: extension.badge(page) == "on")


def test_a_site_is_switched_off_apart_from_the_others(extension: Extension, opened: Open, api: Served) -> None:
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)

    popup = extension.popup(page)
    popup.get_by_role("switch", name="chatgpt.com").uncheck()
    until(lambda: extension.badge(page) == "off")
    page.evaluate("document.querySelector('.markdown p').append('And more.')")
    other = opened(CLAUDE)
    until(lambda: len(said(api, CLAUDE)) == 4)
    page.wait_for_timeout(2_000)

    assert not any("And more." in text for _, text in said(api, CHATGPT))
    assert extension.badge(other) == "on"
    assert extension.badge() == "on"


def test_a_conversation_that_cannot_be_read_is_told(extension: Extension, opened: Open) -> None:
    pages = {site: opened(site, saved="") for site in (CHATGPT, CLAUDE, GEMINI)}
    for page in pages.values():
        page.evaluate(
            "document.body.innerHTML = '<main><div class=x1>Hello</div><div class=x2>Hello to you</div></main>'"
        )
    until(lambda: {extension.badge(page) for page in pages.values()} == {"!"})
    for page in pages.values():
        assert "no message on this page can be read" in extension.title(page)
    expect(extension.popup(pages[CLAUDE]).locator("#here.trouble")).to_contain_text("a conversation is open")

    pages[GEMINI].goto(f"https://{GEMINI.host}/?saved=")
    until(lambda: extension.badge(pages[GEMINI]) == "on")


def test_a_tab_that_goes_elsewhere_is_forgotten(extension: Extension, opened: Open) -> None:
    page = opened(CHATGPT)
    tab = extension.tab(page)
    until(lambda: extension.ask(type="status", tab=tab)["here"] is not None)

    page.goto("about:blank")
    until(lambda: extension.ask(type="status", tab=tab)["here"] is None)


def test_a_turn_that_cannot_be_read_among_others_is_told(extension: Extension, opened: Open) -> None:
    page = opened(CHATGPT)
    page.evaluate("""() => { document.querySelector("#thread").insertAdjacentHTML("beforeend",
      "<section data-testid='conversation-turn-3' data-turn='assistant'><div class=x>New markup</div></section>") }""")
    until(lambda: extension.badge(page) == "!")

    assert "1 message on this page cannot be read" in extension.title(page)


def test_the_popup_tells_what_waits_and_why(extension: Extension, opened: Open, silent: str) -> None:
    extension.reset(silent)
    page = opened(CLAUDE)
    until(lambda: extension.badge(page) == "4")

    popup = extension.popup(page)
    expect(popup.locator("#here")).to_have_text("4 messages read on this page.")
    expect(popup.locator("#queue")).to_have_text("4 messages waiting, 0 delivered.")
    expect(popup.get_by_role("alert")).to_have_text(f"The API does not answer at {silent}.")
    assert [violation["id"] for violation in Axe().run(popup).response["violations"]] == []


def test_the_key_is_asked_for_and_what_waits_is_delivered_with_it(
    extension: Extension, opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "guarded").mkdir()
    with served(tmp_path / "guarded", API_KEY="a-long-key") as guarded:
        extension.reset(guarded.url)
        page = opened(CHATGPT)
        until(lambda: "asks for its key" in extension.title(page))
        assert extension.waiting() == 2

        options = extension.context.new_page()
        options.goto(f"{extension.origin}/options/options.html")
        options.get_by_label("Key, where").fill("wrong")
        options.get_by_role("button").click()
        expect(options.get_by_role("status")).to_have_text("The API asks for its key, and this is not it.")
        options.get_by_label("Key, where").fill("a-long-key")
        options.get_by_role("button").click()
        expect(options.get_by_role("status")).to_have_text("The API takes what is sent.")
        until(lambda: extension.waiting() == 0)
        assert [violation["id"] for violation in Axe().run(options).response["violations"]] == []
        options.close()


def test_what_the_api_refuses_is_shown_and_does_not_hold_up_the_rest(
    extension: Extension, opened: Open, api: Served
) -> None:
    extension.own.evaluate("""async () => {
      const record = { conversation: "c", source: "chatgpt", id: "x", role: "narrator", content: "?" };
      await chrome.storage.local.set({ "queue 0": { record, bytes: 90 }, queue: { first: 0, next: 1, bytes: 90 } });
    }""")
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)
    until(lambda: extension.waiting() == 0)

    popup = extension.popup(page)
    popup.get_by_text("Refused by the API: 1").click()
    expect(popup.get_by_role("listitem")).to_contain_text("c / x: role: expected one of user")


def test_a_full_queue_is_told_and_takes_more_when_there_is_room(
    extension: Extension, opened: Open, api: Served
) -> None:
    extension.own.evaluate("chrome.storage.local.set({ queue: { first: 0, next: 0, bytes: 4_999_999 } })")
    page = opened(CHATGPT)
    until(lambda: extension.badge(page) == "full")
    assert said(api, CHATGPT) == []

    extension.own.evaluate("chrome.storage.local.set({ queue: { first: 0, next: 0, bytes: 0 } })")
    until(lambda: len(said(api, CHATGPT)) == 2)
    until(lambda: extension.badge(page) == "on")


def test_scripts_of_pages_reach_neither_the_key_nor_the_settings(extension: Extension, opened: Open) -> None:
    page = opened(CHATGPT)
    until(lambda: extension.badge(page) == "on")
    session = extension.context.new_cdp_session(page)
    worlds: list[dict[str, Any]] = []
    session.on("Runtime.executionContextCreated", lambda event: worlds.append(event["context"]))
    session.send("Runtime.enable")
    [ours] = [world["id"] for world in worlds if world["name"] == "AetherGrid capture"]

    def within(code: str) -> Any:
        given = {"expression": code, "contextId": ours, "awaitPromise": True, "returnByValue": True}
        return session.send("Runtime.evaluate", given)["result"].get("value")

    assert within("chrome.storage.local.get(null).then(() => 'read', () => 'refused')") == "refused"
    assert within("chrome.runtime.sendMessage({type: 'status'}).then(answer => answer ?? null)") is None
    assert within(
        "chrome.runtime.sendMessage({type: 'connect', change: {address: 'https://attacker.example'}})"
        ".then(() => 'done', () => 'refused')"
    ) in {"done", "refused"}
    assert extension.ask(type="status")["address"].startswith("http://127.0.0.1:")


def test_it_asks_for_few_permissions_and_runs_nothing_from_elsewhere() -> None:
    manifest = json.loads((EXTENSION / "manifest.json").read_text())
    sources = {path: path.read_text() for path in EXTENSION.rglob("*.*") if path.suffix in {".js", ".html"}}

    assert manifest["permissions"] == ["storage", "alarms"]
    assert manifest["host_permissions"] == ["http://127.0.0.1/*", "http://localhost/*"]
    named = [file for script in manifest["content_scripts"] for file in script["js"]]
    named += [manifest["background"]["service_worker"], *manifest["icons"].values()]
    assert [file for file in named if not (EXTENSION / file).is_file()] == []
    banned = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "importScripts",
    )
    assert [(path.name, word) for path, text in sources.items() for word in banned if word in text] == []
    assert [path.name for path, text in sources.items() if 'src="http' in text or 'from "http' in text] == []
