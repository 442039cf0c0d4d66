"""The page for whoever comes: by keyboard, on a phone, in the dark, with a key, before anything is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from aethergrid_pipelines_tests.api.page.conftest import Seen, Served, served

Open = Callable[..., Page]

LEAK = "/?q=why+does+the+pool+leak+connections"
PHONE = {"viewport": {"width": 360, "height": 740}}


def audited(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds wrong: (rule, element)."""
    found: dict[str, Any] = Axe().run(page).response
    return [(one["id"], node["html"]) for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("options", [{}, PHONE], ids=["desk", "phone"])
def test_nothing_stands_in_anybodys_way(
    opened: Open, memory: Served, scheme: str, options: dict[str, Any], seen: Seen
) -> None:
    page = opened(memory.url + LEAK, color_scheme=scheme, **options)
    page.get_by_role("article").first.get_by_role("button", name="Show context").click()
    expect(page.get_by_text("found here")).to_be_visible()
    page.get_by_text("Capture account").click()

    assert audited(page) == []
    page.get_by_role("article").first.get_by_role("heading").get_by_role("link").click()
    expect(page.locator("#conversation h2")).to_be_visible()
    assert audited(page) == []
    assert seen.complaints == []


def test_dark_and_light_are_told_apart(opened: Open, memory: Served) -> None:
    colours = {
        opened(memory.url, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }

    assert colours == {"rgb(245, 246, 248)", "rgb(14, 19, 24)"}


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_need_not_scroll_sideways(opened: Open, memory: Served, width: int) -> None:
    page = opened(memory.url + LEAK, viewport={"width": width, "height": 740})
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_role("combobox", name="Topic")).to_be_visible()
    page.get_by_role("article").first.get_by_role("button", name="Show context").click()
    expect(page.get_by_text("found here")).to_be_visible()
    expect(page.locator(".steps li")).to_have_count(6)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("article").first.get_by_role("heading").get_by_role("link").click()
    expect(page.locator("#conversation h2")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_keyboard_is_enough(opened: Open, memory: Served) -> None:
    page = opened(memory.url + LEAK)
    expect(page.get_by_role("article").first).to_be_visible()

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("article").first.get_by_role("heading").get_by_role("link")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show context").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show less").first).to_be_focused()
    expect(page.get_by_text("found here")).to_be_visible()

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("Dutch postcodes")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article").first).to_contain_text("Postcodes")

    page.locator(".buckets [tabindex='0']").focus()
    page.keyboard.press("Home")
    expect(page.locator(".buckets button").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".readout")).to_contain_text("6 Oct 2026: 0 passages")


def test_an_empty_memory_says_how_to_begin(opened: Open, tmp_path: Path, seen: Seen) -> None:
    with served(tmp_path) as empty:
        page = opened(empty.url)
        expect(page.get_by_role("heading", name="Nothing is remembered yet")).to_be_visible()
        expect(page.locator("main code").first).to_have_text("aethergrid import ~/.claude/projects")
        expect(page.locator("#state")).to_contain_text("empty")
        page.get_by_role("searchbox").fill("anything")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("Nothing found.")
        expect(page.get_by_role("heading", name="Nothing is remembered yet")).to_be_visible()
        assert audited(page) == []
        page.close()
    assert seen.complaints == []


def test_a_memory_that_is_not_processed_yet_says_so(opened: Open, tmp_path: Path) -> None:
    with served(tmp_path) as fresh:
        page = opened(fresh.url)
        record = {"conversation": "c", "role": "user", "content": "Is anybody there?"}
        assert page.request.post(f"{fresh.url}/api/ingest", data=record).ok
        page.reload()
        expect(page.get_by_role("heading", name="1 conversation not processed yet")).to_be_visible()
        expect(page.locator("main code")).to_have_text("aethergrid process")
        expect(page.locator("#state")).to_contain_text("1 to process")
        page.close()


def test_an_api_that_is_down_is_told_with_what_to_do(opened: Open, memory: Served) -> None:
    page = opened(memory.url)
    expect(page.locator("#state")).to_contain_text("up to date")
    page.route("**/api/**", lambda route: route.abort("connectionrefused"))

    page.get_by_role("searchbox").fill("why does the pool leak connections")
    page.keyboard.press("Enter")

    alert = page.locator("main").get_by_role("alert")
    expect(alert).to_contain_text("The API does not answer")
    expect(alert.locator("code").first).to_have_text("make run")
    page.unroute("**/api/**")
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("article").first).to_contain_text("pool holds ten")


@pytest.mark.parametrize(
    ("status", "answer", "heading"),
    [
        (503, '{"detail": "MongoDB does not answer"}', "A part of the memory does not answer"),
        (422, '{"detail": "x", "errors": [{"field": "filters", "reason": "after is later than before"}]}',
         "This cannot be asked"),
        (500, "no JSON at all", "Something went wrong"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told_in_words(opened: Open, memory: Served, status: int, answer: str, heading: str) -> None:
    page = opened(memory.url)
    page.route("**/api/query/semantic", lambda route: route.fulfill(status=status, body=answer))

    page.get_by_role("searchbox").fill("anything")
    page.keyboard.press("Enter")

    expect(page.locator("main").get_by_role("heading", name=heading)).to_be_visible()
    if status == 422:
        expect(page.locator("main").get_by_role("alert")).to_contain_text("after is later than before")


def test_a_slow_answer_does_not_take_the_place_of_a_later_one(opened: Open, memory: Served) -> None:
    page = opened(memory.url)
    held: list[Any] = []
    page.route(
        "**/api/query/semantic",
        lambda route: held.append(route) if "slow" in route.request.post_data else route.continue_(),
    )
    for text in ("slow question", "why does the pool leak connections"):
        page.get_by_role("searchbox").fill(text)
        page.keyboard.press("Enter")

    expect(page.get_by_role("article").first).to_contain_text("pool holds ten")
    assert len(held) == 1
    held[0].abort()
    expect(page.get_by_role("article").first).to_contain_text("pool holds ten")


def test_the_key_is_asked_for_and_kept_in_this_tab_only(opened: Open, tmp_path: Path) -> None:
    with served(tmp_path, API_KEY="a-long-key") as guarded:
        page = opened(guarded.url)
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        assert audited(page) == []

        dialog.get_by_label("Key", exact=True).fill("wrong")
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("That key was not accepted")
        dialog.get_by_label("Key", exact=True).fill("a-long-key")
        page.keyboard.press("Enter")

        expect(dialog).to_be_hidden()
        expect(page.get_by_role("heading", name="Nothing is remembered yet")).to_be_visible()
        assert page.evaluate("Object.values(sessionStorage)") == ["a-long-key"]
        assert page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0
        page.reload()
        expect(page.get_by_role("heading", name="Nothing is remembered yet")).to_be_visible()
        expect(dialog).to_be_hidden()
        page.close()


def test_the_page_is_small_and_all_of_it_comes_from_here(opened: Open, memory: Served, seen: Seen) -> None:
    page = opened(memory.url + LEAK)
    expect(page.get_by_role("article").first).to_be_visible()
    files = [request for request in seen.requests if "/api/" not in request.url]

    assert {urlsplit(request.url).path.rpartition(".")[2] for request in files} == {"/", "css", "js", "svg"}
    assert sum(request.sizes()["responseBodySize"] for request in files) < 30_000
    assert {urlsplit(request.url).netloc for request in seen.requests} == {urlsplit(memory.url).netloc}


def test_no_text_can_become_markup(opened: Open, memory: Served) -> None:
    page = opened(memory.url)
    page.route("**/page.js", lambda route: route.fulfill(
        content_type="text/javascript", body="document.body.innerHTML = '<p>I was text</p>'"))  # fmt: skip

    with page.expect_event("pageerror") as failed:
        page.reload()

    assert "TrustedHTML" in str(failed.value)
    assert page.get_by_text("I was text").count() == 0
