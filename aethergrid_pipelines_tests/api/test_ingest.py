from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.settings import load_settings
from aethergrid_pipelines_tests.api.conftest import components, post
from aethergrid_pipelines_tests.capture.spooling import wait_until

MESSAGE = {
    "conversation": "retro-41",
    "id": "m1",
    "timestamp": "2026-10-05T09:30:00Z",
    "role": "user",
    "content": "Why did the import take 40 minutes?",
}


def stored(client: TestClient, conversation_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/conversations/{conversation_id}").json()["messages"]
    return found


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [record["outcome"] for record in answer["records"]]


def test_a_message_is_stored_and_can_be_read_back(client: TestClient) -> None:
    response = client.post("/api/ingest", json=MESSAGE)

    assert response.status_code == 200
    [conversation] = response.json()["conversationIds"]
    [message] = stored(client, conversation)
    assert (message["content"], message["role"]) == (MESSAGE["content"], "user")
    assert message["lineage"] == {"nativeId": "m1", "originPath": "api", "originLine": 1}


def test_sending_the_same_again_stores_nothing_twice(client: TestClient) -> None:
    nameless = {"conversation": "c", "role": "user", "content": "no id, no time"}

    assert outcomes(post(client, MESSAGE, nameless)) == ["stored", "stored"]
    assert outcomes(post(client, MESSAGE, nameless)) == ["merged", "merged"]


def test_an_edit_replaces_what_was_there(client: TestClient) -> None:
    post(client, MESSAGE)
    answer = post(client, {**MESSAGE, "content": "Why 40 minutes?"})

    assert outcomes(answer) == ["updated"]
    assert [message["content"] for message in stored(client, answer["conversationIds"][0])] == ["Why 40 minutes?"]


def test_messages_without_id_and_time_in_several_requests_do_not_replace_each_other(client: TestClient) -> None:
    for content in ("first", "second", "third"):
        answer = post(client, {"conversation": "c", "role": "user", "content": content})

    said = [message["content"] for message in stored(client, answer["conversationIds"][0])]
    assert said == ["first", "second", "third"]


def test_a_conversation_that_grew_adds_only_what_is_new(client: TestClient) -> None:
    turns = [{"role": "user", "content": "Which postcodes?"}, {"role": "assistant", "content": "Dutch ones."}]
    first = post(client, {"id": "chat-7", "model": "gpt-5", "messages": turns[:1]})
    second = post(client, {"id": "chat-7", "model": "gpt-5", "messages": turns})

    assert (outcomes(first), outcomes(second)) == (["stored"], ["merged", "stored"])
    assert [message["model"] for message in stored(client, second["conversationIds"][0])] == [None, "gpt-5"]


@pytest.mark.parametrize(
    "names",
    [
        {"conversation": "c", "id": "m", "model": "gpt-5"},
        {"conversationId": "c", "messageId": "m", "sourceModel": "gpt-5"},
        {"conversation_id": "c", "message_id": "m", "source_model": "gpt-5"},
    ],
)
def test_the_names_of_the_api_are_understood_too(client: TestClient, names: dict[str, str]) -> None:
    answer = post(client, {**names, "role": "assistant", "content": "Dutch ones.", "createdAt": "2026-10-05"})

    [message] = stored(client, answer["conversationIds"][0])
    assert (message["model"], message["lineage"]["nativeId"]) == ("gpt-5", "m")
    assert message["timestamp"].startswith("2026-10-05T00:00:00")


@pytest.mark.parametrize("wrapper", ["records", "conversations"])
def test_records_may_stand_in_a_wrapper(client: TestClient, wrapper: str) -> None:
    response = client.post("/api/ingest", json={wrapper: [MESSAGE, {**MESSAGE, "id": "m2"}]})

    assert response.json()["account"]["stored"] == 2


def test_bad_records_are_named_and_the_others_stored(client: TestClient) -> None:
    answer = post(
        client,
        MESSAGE,
        {**MESSAGE, "id": "m2", "role": "wizard"},
        {**MESSAGE, "id": "m3", "content": 5},
        7,
        {**MESSAGE, "id": "m4", "timestamp": "soon"},
        {**MESSAGE, "id": "m5", "timestamp": "2999-01-01T00:00:00Z"},
        {**MESSAGE, "conversation": None},
        {"messages": [{"role": "user", "content": "good"}, {"role": "user"}]},
    )

    rejected = [(row["index"], row["field"]) for row in answer["records"] if row["outcome"] == "rejected"]
    assert rejected == [
        (1, "role"),
        (2, "content"),
        (3, None),
        (4, "timestamp"),
        (5, "timestamp"),
        (6, "conversation"),
        (7, "messages[1].content"),
    ]
    account = answer["account"]
    assert (account["read"], account["stored"], account["rejected"]) == (9, 2, 7)
    assert all(row["reason"] for row in answer["records"] if row["outcome"] == "rejected")


def test_one_record_per_line_is_accepted_and_a_broken_line_is_only_itself(client: TestClient) -> None:
    good = b'{"conversation": "c", "role": "user", "content": "%s"}'
    body = b"\n".join([good % b"one", b"{broken", b"", good % b"two"])
    response = client.post("/api/ingest", content=body, headers={"content-type": "application/x-ndjson"})

    assert outcomes(response.json()) == ["stored", "rejected", "stored"]
    assert "not JSON" in response.json()["records"][1]["reason"]


def test_a_request_of_which_nothing_can_be_read_is_a_problem(client: TestClient) -> None:
    response = client.post("/api/ingest", json=[{"role": "user", "content": "whose?"}])

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0] == {
        "index": 0,
        "field": "conversation",
        "reason": "expected the id of the conversation that the message belongs to",
    }
    assert response.json()["account"]["rejected"] == 1


@pytest.mark.parametrize("empty", [[], {"records": []}])
def test_a_request_without_records_stores_nothing(client: TestClient, empty: Any) -> None:
    assert client.post("/api/ingest", json=empty).json()["account"]["read"] == 0


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{broken", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
    ],
)
def test_what_is_no_json_is_refused(client: TestClient, body: bytes, media_type: str, status: int) -> None:
    response = client.post("/api/ingest", content=body, headers={"content-type": media_type})

    assert response.status_code == status
    assert response.json()["status"] == status


def test_nul_and_lone_surrogates_and_emoji_are_taken_in(client: TestClient) -> None:
    body = b'{"conversation": "c", "id": "m", "role": "user", "content": "a\\u0000b \\ud800 \\ud83d\\ude80"}'
    response = client.post("/api/ingest", content=body, headers={"content-type": "application/json"})

    assert outcomes(response.json()) == ["stored"]
    [message] = stored(client, response.json()["conversationIds"][0])
    assert message["content"].startswith("a")
    assert message["content"].endswith("🚀")


def test_a_message_of_five_megabytes_is_taken_in(client: TestClient) -> None:
    answer = post(client, {**MESSAGE, "content": "word " * 1_000_000})

    assert len(stored(client, answer["conversationIds"][0])[0]["content"]) == 5_000_000


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_more_than_32_mb_is_refused(client: TestClient, chunked: bool) -> None:
    def parts() -> Any:
        for _ in range(33):
            yield b" " * 1024 * 1024

    body = parts() if chunked else b" " * (33 * 1024 * 1024)
    response = client.post("/api/ingest", content=body, headers={"content-type": "application/json"})

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


def test_a_space_of_its_own_gives_other_conversations(client: TestClient) -> None:
    ours, theirs = post(client, MESSAGE), post(client, MESSAGE, params={"space": "team"})

    assert ours["conversationIds"] != theirs["conversationIds"]
    assert client.get(f"/api/conversations/{theirs['conversationIds'][0]}").json()["space"] == "team"


def test_nothing_is_taken_in_where_capturing_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTURE_ENABLED", "false")

    with TestClient(create_app(load_settings())) as client:
        response = client.post("/api/ingest", json=MESSAGE)

    assert response.status_code == 403
    assert "CAPTURE_ENABLED=true" in response.json()["detail"]


def test_what_was_forgotten_does_not_come_back(client: TestClient) -> None:
    [conversation] = post(client, MESSAGE)["conversationIds"]
    components(client).conversations.forget(conversation)

    answer = post(client, MESSAGE)

    assert (outcomes(answer), answer["account"]["skipped"]) == (["skipped"], {"forgotten": 1})


def test_what_comes_in_while_the_store_is_down_is_stored_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "home" / "conversations.db"
    blocked.mkdir(parents=True)
    monkeypatch.setenv("AETHERGRID_HOME", str(tmp_path / "home"))

    with TestClient(create_app(load_settings())) as client:
        response = client.post("/api/ingest", json=[MESSAGE, {**MESSAGE, "role": "wizard"}])
        waiting = client.get("/api/stats").json()["spool"]
        blocked.rmdir()
        wait_until(lambda: client.get("/api/stats").json()["spool"]["records"] == 0)
        [message] = stored(client, response.json()["conversationIds"][0])

    assert response.status_code == 202
    assert outcomes(response.json()) == ["spooled", "rejected"]
    account = response.json()["account"]
    assert (account["read"], account["stored"], account["rejected"], account["spooled"]) == (2, 0, 1, 1)
    assert (waiting["records"], waiting["bytes"] > 0, waiting["refused"], waiting["dropped"]) == (1, True, 0, 0)
    assert waiting["oldestAt"]
    assert message["content"] == MESSAGE["content"]


def test_what_is_only_spooled_can_be_forgotten_while_the_store_is_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "home" / "conversations.db"
    blocked.mkdir(parents=True)
    monkeypatch.setenv("AETHERGRID_HOME", str(tmp_path / "home"))

    with TestClient(create_app(load_settings())) as client:
        [conversation] = client.post("/api/ingest", json=MESSAGE).json()["conversationIds"]
        down = client.delete(f"/api/conversations/{conversation}")
        spooled = [path.read_bytes() for path in (tmp_path / "home" / "spool").glob("*.spool")]
        blocked.rmdir()
        wait_until(lambda: client.get("/api/stats").json()["spool"]["records"] == 0)
        read = client.get(f"/api/conversations/{conversation}")
        again = client.post("/api/ingest", json=MESSAGE)

    assert down.status_code == 503
    assert "1 spooled messages are erased" in down.json()["detail"]
    assert len(spooled) == 1
    assert MESSAGE["content"].encode() not in spooled[0]
    assert read.status_code == 404
    assert again.json()["account"]["skipped"] == {"forgotten": 1}


def test_what_can_neither_be_stored_nor_spooled_is_a_503_that_says_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "spool").write_text("a file where the folder should be")
    monkeypatch.setenv("AETHERGRID_HOME", str(tmp_path / "home"))

    with TestClient(create_app(load_settings())) as client:
        response = client.post("/api/ingest", json=MESSAGE)

    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "spool" in response.json()["detail"]


def test_a_message_beyond_what_stores_take_is_rejected_at_once(client: TestClient) -> None:
    answer = post(client, MESSAGE, {**MESSAGE, "id": "m2", "content": "x" * 16_000_001})

    assert outcomes(answer) == ["stored", "rejected"]
    assert answer["records"][1]["field"] == "content"
