"""What is forgotten must be gone, so nothing that was said may reach Dagster's event log (docs/decisions/0004)."""

import datetime as dt
from pathlib import Path

from aethergrid_pipelines.demo import materialise_assets
from aethergrid_pipelines.flow.stores import open_stores
from aethergrid_pipelines.records.conversation import Conversation, Message, Origin, Role
from aethergrid_pipelines.records.ids import conversation_id, message_id
from aethergrid_pipelines.settings import load_settings

SECRET = "zanzibarquux"


def conversation() -> tuple[Conversation, list[Message]]:
    identity = conversation_id("default", "generic", "one")
    said = [
        (Role.USER, f"Why does the {SECRET} service restart every night?", {}),
        (Role.ASSISTANT, f"# {SECRET}\n\nIts memory limit is too low.\n\n```python\n{SECRET} = 1\n```", {}),
        (Role.TOOL, f"{SECRET}: exit 137", {"tools_used": [SECRET]}),
        (Role.USER, f"<system-reminder>{SECRET}</system-reminder>", {}),
    ]
    messages = [
        Message(
            id=message_id(identity, str(position)),
            conversation_id=identity,
            native_id=str(position),
            timestamp=dt.datetime(2026, 3, 2, 9, position, tzinfo=dt.UTC),
            role=role,
            content=content,
            model=None if role is Role.USER else "local",
            position=position,
            metadata=metadata,
            origin=Origin(path="chats.jsonl", line=position + 1),
        )
        for position, (role, content, metadata) in enumerate(said)
    ]
    title = f"About the {SECRET} service"
    return Conversation(id=identity, source="generic", native_id="one", title=title), messages


def files_with(word: str, folder: Path) -> list[str]:
    return [
        str(file.relative_to(folder))
        for file in sorted(folder.rglob("*"))
        if file.is_file() and word.encode() in file.read_bytes().lower()
    ]


def test_nothing_that_was_said_is_in_dagsters_home(tmp_path: Path) -> None:
    from dagster import DagsterInstance

    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with open_stores(load_settings()) as stores, DagsterInstance.from_config(str(dagster_home)) as instance:
        stores.conversations.append([conversation()])
        figures = materialise_assets(stores, instance)

    assert figures["weaviate_fragments"]["upserted"] > 0
    assert files_with(SECRET, load_settings().home_path) != []
    assert files_with("weaviate_fragments", dagster_home) != []
    assert files_with(SECRET, dagster_home) == []
