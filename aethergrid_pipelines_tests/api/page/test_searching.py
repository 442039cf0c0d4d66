"""Somebody searches, reads and goes back."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from aethergrid_pipelines_tests.api.page.conftest import Seen, Served
from aethergrid_pipelines_tests.api.page.conversations import HOSTILE, HOSTILE_TITLE

Open = Callable[..., Page]

LEAK = "/?q=why+does+the+pool+leak+connections"


@pytest.fixture(autouse=True)
def _nothing_is_complained_about(seen: Seen, memory: Served) -> object:
    """Whatever these tests do, the page says nothing to the console and asks nobody but its own host."""
    yield
    assert seen.complaints == []
    assert {urlsplit(request.url).netloc for request in seen.requests} == {urlsplit(memory.url).netloc}


def test_a_question_is_answered_and_its_words_are_marked(opened: Open, memory: Served) -> None:
    page = opened(memory.url)

    page.get_by_role("searchbox", name="Search the memory").fill("why does the pool leak connections?")
    page.get_by_role("button", name="Search", exact=True).click()

    first = page.get_by_role("article").first
    expect(first).to_contain_text("The pool holds ten connections")
    expect(first.locator("mark")).to_have_text(["pool", "connections", "leaks"])
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"10 passages in [\d.]+ ms"))
    assert page.url.endswith("/?q=why+does+the+pool+leak+connections%3F")
    assert page.title().startswith("why does the pool leak connections?")


def test_a_search_can_be_linked_and_going_back_shows_the_one_before(opened: Open, memory: Served) -> None:
    page = opened(memory.url + LEAK + "&model=gpt-5")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("gpt-5")
    expect(page.get_by_role("article").first).to_contain_text("pool holds ten")

    page.get_by_role("searchbox").fill("Dutch postcodes")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_role("article").first).to_contain_text("Postcodes")
    page.go_back()

    expect(page.get_by_role("article").first).to_contain_text("pool holds ten")
    expect(page.get_by_role("searchbox")).to_have_value("why does the pool leak connections")
    expect(page.get_by_role("combobox", name="Model")).to_have_value("gpt-5")


@pytest.mark.parametrize(
    ("label", "value", "parameter"),
    [("Model", "gemini-2.5-pro", "model"), ("Source", "generic", "source"), ("After", "2026-10-07", "after")],
)
def test_filters_narrow_the_answer_and_are_in_the_address(
    opened: Open, memory: Served, label: str, value: str, parameter: str
) -> None:
    page = opened(memory.url + "/?q=connections+and+postcodes")
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.locator("#state")).to_contain_text("up to date")

    field = page.locator("#filters").get_by_label(label, exact=True)
    if label == "After":
        field.fill(value)
    else:
        field.select_option(value)

    expect(page).to_have_url(re.compile(f"{parameter}={value}"))
    expect(page.get_by_role("button", name="Clear filters")).to_be_visible()
    if label != "Source":
        expect(page.get_by_role("article").filter(has_text="Connections")).to_have_count(0)
        expect(page.get_by_role("article").first).to_contain_text("Postcodes")


def test_topics_are_offered_to_begin_with(opened: Open, memory: Served) -> None:
    page = opened(memory.url)
    topics = page.get_by_role("list", name="Topics to begin with").get_by_role("link")
    expect(topics.first).to_be_visible()
    name = topics.first.inner_text()

    topics.first.click()

    expect(page.get_by_role("article").first.get_by_role("button", name=f"Only topic {name}")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value(name)


def test_topic_and_task_of_a_hit_become_filters(opened: Open, memory: Served) -> None:
    page = opened(memory.url + LEAK)
    chip = page.get_by_role("article").first.get_by_role("button", name=re.compile("Only topic"))
    topic = chip.inner_text()

    chip.click()

    expect(page.locator("select[name=topic] option:checked")).to_have_text(topic)
    expect(page).to_have_url(re.compile("topic="))


def test_a_time_in_which_nothing_was_said_offers_to_search_without_filters(opened: Open, memory: Served) -> None:
    page = opened(memory.url + LEAK + "&after=2030-01-01")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()

    page.get_by_role("button", name="Search without filters").click()

    expect(page.get_by_role("article").first).to_contain_text("pool holds ten")


def test_the_conversation_around_a_hit_opens_in_place(opened: Open, memory: Served) -> None:
    page = opened(memory.url + LEAK)
    hit = page.get_by_role("article").filter(has_text="The pool holds ten").first
    button = hit.get_by_role("button", name="Show context")

    button.click()

    expect(hit.get_by_role("listitem").filter(has_text="found here")).to_contain_text("The pool holds ten connections")
    expect(hit.locator("pre code")).to_have_text("finally:\n    connection.close()")
    expect(hit.locator("strong")).to_have_text("Then")
    expect(hit).to_contain_text("conversations.jsonl:2")
    run = hit.get_by_role("link", name=re.compile("^run"))
    assert run.get_attribute("href") == "http://dagster.example:3000/runs/00000000-0000-0000-0000-000000000007"
    hit.get_by_role("button", name="Show less").click()
    expect(hit.locator("pre")).to_be_hidden()


def test_a_whole_conversation_opens_where_the_hit_is_and_leads_back(opened: Open, memory: Served) -> None:
    page = opened(memory.url + "/?q=turn+130+lighthouse+130")
    page.get_by_role("article").filter(has_text="lighthouse 130").first.get_by_role("link", name="A long walk").click()

    expect(page.locator("main").get_by_role("heading", name="A long walk")).to_be_focused()
    found = page.locator("[aria-current]")
    expect(found).to_contain_text("lighthouse 130")
    expect(found).to_be_in_viewport()
    expect(found.locator("mark").first).to_be_visible()
    expect(page.locator(".message")).to_have_count(100)
    for name in ("Earlier messages", "Later messages"):
        while page.get_by_role("button", name=name).is_visible():
            before = page.locator(".message").count()
            page.get_by_role("button", name=name).click()
            expect(page.locator(".message")).not_to_have_count(before)
    expect(page.locator(".message")).to_have_count(260)
    told = page.locator(".message .prose").all_inner_texts()
    assert [int(text.split()[1]) for text in told] == list(range(260))

    page.get_by_role("link", name="← Back").click()
    expect(page.get_by_role("searchbox")).to_have_value("turn 130 lighthouse 130")
    expect(page.get_by_role("article").first).to_be_visible()


def test_what_was_said_is_shown_and_never_run(opened: Open, memory: Served) -> None:
    page = opened(memory.url + "/?q=marzipan&model=qwen2.5-7b")
    hit = page.get_by_role("article").first
    expect(hit).to_contain_text("<img src=x onerror=\"document.title='owned'\">")
    expect(hit.get_by_role("heading")).to_have_text(HOSTILE_TITLE)
    hit.get_by_role("button", name="Show context").click()
    expect(hit.locator(".message").first).to_contain_text(HOSTILE)

    hit.get_by_role("heading").get_by_role("link").click()
    expect(page.locator("#conversation h2")).to_have_text(HOSTILE_TITLE)
    expect(page.locator(".message").last).to_contain_text(HOSTILE)
    assert page.locator("#content img, #content script, #content b").count() == 0
    assert "owned" not in page.title()


def test_a_question_that_is_markup_is_a_question(opened: Open, memory: Served) -> None:
    page = opened(memory.url + "/?q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&topic=%3Cb%3E")

    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("<img src=x onerror=alert(1)>")
    assert page.locator("main img").count() == 0


def test_the_timeline_is_drawn_and_chooses_a_time(opened: Open, memory: Served) -> None:
    page = opened(memory.url + "/?q=connections")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator("rect").first).to_be_attached()
    bucket = timeline.get_by_role("button", name=re.compile("^9 Oct 2026: 260 passages"))
    expect(bucket).to_be_visible()
    timeline.get_by_text("Topic", exact=True).click()
    expect(timeline.get_by_role("radio", name="Topic")).to_be_checked()

    timeline.get_by_role("button", name=re.compile("^5 Oct 2026")).click()

    expect(page).to_have_url(re.compile("after=2026-10-05&before=2026-10-05"))
    expect(page.get_by_role("article").first).to_contain_text("connections")


def test_the_pipeline_is_told_with_links_into_dagster(opened: Open, memory: Served) -> None:
    page = opened(memory.url)
    pipeline = page.get_by_role("region", name="Pipeline")

    expect(pipeline.locator(".steps li")).to_have_count(6)
    expect(pipeline).to_contain_text("4 conversations, 268 messages")
    expect(pipeline.get_by_text("current")).to_have_count(6)
    expect(page.locator("#state")).to_contain_text("up to date")
    links = [link.get_attribute("href") for link in pipeline.locator(".steps a").all()]
    assert "http://dagster.example:3000/assets/weaviate_fragments" in links
    assert "http://dagster.example:3000/runs/00000000-0000-0000-0000-000000000007" in links
    pipeline.get_by_text("Capture account").click()
    cells = pipeline.get_by_role("row", name=re.compile("generic")).get_by_role("cell").all_inner_texts()
    assert cells == ["1", "268", "268", "0", "0", "0"]
