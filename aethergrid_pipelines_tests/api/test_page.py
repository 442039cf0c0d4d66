"""The page's files and what it asks: without a browser."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.api.page import FOLDER
from aethergrid_pipelines.flow.steps import STEPS
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.api.conftest import materialise, post
from aethergrid_pipelines_tests.opened import Place

TURNS = [
    {"role": "user" if turn % 2 == 0 else "assistant", "content": f"turn {turn}", "model": "gpt-5"}
    for turn in range(9)
]  # fmt: skip


def test_the_page_is_asked_for_anew_and_its_files_are_kept_for_good(client: TestClient) -> None:
    page = client.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert client.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    files = re.findall(r'"(/page/[^"]+)"', page.text)
    assert {path.rpartition("/")[2] for path in files} == {path.name for path in FOLDER.iterdir()} - {"index.html"}
    for path in files:
        file = client.get(path)
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.content == (FOLDER / path.rpartition("/")[2]).read_bytes()


def test_a_page_of_yesterday_gets_the_files_of_today_and_does_not_keep_them(client: TestClient) -> None:
    assert client.get("/page/0123456789abcdef/page.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "..%2fpage.py", "%2e%2e/page.py"])
def test_only_the_files_of_the_page_are_served(client: TestClient, name: str) -> None:
    assert client.get(f"/page/x/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/x/page.js"])
def test_nothing_but_the_page_itself_may_run_in_it(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "img", "connect")} == {"'self'"}
    assert (policy["frame-ancestors"], policy["require-trusted-types-for"]) == ("'none'", "'script'")
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_no_module_of_the_page_makes_markup_of_text() -> None:
    scripts = "".join(path.read_text() for path in FOLDER.glob("*.js"))

    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b", scripts)
    assert not re.findall(r"\b(?:https?:)?//(?!localhost|www\.w3\.org)[a-z]", re.sub(r"// .*", "", scripts))


def test_the_page_opens_without_the_key_that_its_requests_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "a-long-key")

    with TestClient(create_app(load_settings())) as client:
        assert client.get("/").status_code == 200
        assert client.get("/page/x/page.js").status_code == 200
        assert client.get("/api/pipeline").status_code == 401
        assert client.get("/api/stats/timeline").status_code == 401


def test_the_pipeline_is_told_before_and_after_a_run(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        post(client, {"id": "c", "messages": TURNS})
        waiting = client.get("/api/pipeline").json()
        materialise(client)
        done = client.get("/api/pipeline").json()

    assert [step["step"] for step in done["steps"]] == list(STEPS)
    assert (waiting["captured"], waiting["steps"][0]["stale"], waiting["steps"][0]["lastRunId"]) == (1, 1, None)
    assert {step["stale"] for step in done["steps"]} == {0}
    assert all(step["lastRunId"].startswith("test-") and step["lastProcessedAt"] for step in done["steps"])
    assert (done["rejected"], done["rejects"], done["live"]) == (0, [], False)
    assert done["dagsterUrl"] == "http://localhost:3000"


def test_the_timeline_counts_what_was_said(there: Place) -> None:
    with TestClient(create_app(there.settings())) as client:
        post(
            client,
            {"conversation": "a", "timestamp": "2026-10-05", "role": "user", "content": "Why is the index slow?"},
            {"conversation": "b", "timestamp": "2026-10-07", "role": "assistant", "content": "So.", "model": "gpt-5"},
        )
        materialise(client)
        found: dict[str, Any] = client.get("/api/stats/timeline").json()
        elsewhere = client.get("/api/stats/timeline", params={"by": "topic", "space": "elsewhere"}).json()
        origins = client.get("/api/stats").json()["origins"]

    assert (found["unit"], found["starts"]) == ("day", ["2026-10-05", "2026-10-06", "2026-10-07"])
    assert {one["name"]: one["fragments"] for one in found["series"]} == {"none": [1, 0, 0], "gpt-5": [0, 0, 1]}
    assert (elsewhere["starts"], elsewhere["series"]) == ([], [])
    assert origins == [{"source": "generic", "conversations": 2}]


@pytest.mark.parametrize("given", [{"by": "colour"}, {"most": 0}, {"most": 1_000}])
def test_a_timeline_that_cannot_be_drawn_is_a_problem(client: TestClient, given: dict[str, Any]) -> None:
    assert client.get("/api/stats/timeline", params=given).status_code == 422


@pytest.mark.parametrize(("turn", "first", "count"), [(0, 0, 5), (1, 0, 5), (4, 2, 5), (8, 6, 3)])
def test_a_conversation_is_read_around_a_message(client: TestClient, turn: int, first: int, count: int) -> None:
    [conversation] = post(client, {"id": "c", "messages": TURNS})["conversationIds"]
    path = f"/api/conversations/{conversation}"
    message = client.get(path).json()["messages"][turn]["id"]

    found = client.get(path, params={"around": message, "limit": 5}).json()

    assert found["offset"] == first
    assert [one["content"] for one in found["messages"]] == [f"turn {first + place}" for place in range(count)]


def test_a_message_of_another_conversation_is_not_found(client: TestClient) -> None:
    [conversation] = post(client, {"id": "c", "messages": TURNS})["conversationIds"]

    assert client.get(f"/api/conversations/{conversation}", params={"around": "nobody"}).status_code == 404
