"""The same conversation by the page and by the site's export."""

from typing import Any

from aethergrid_pipelines.capture.importer import import_paths
from aethergrid_pipelines.flow.stores import open_stores
from aethergrid_pipelines.transform.clean import clean
from aethergrid_pipelines_tests.api.page.conftest import Served
from aethergrid_pipelines_tests.capture.exports import write_json
from aethergrid_pipelines_tests.extension.conftest import Extension, Open, kept, said, until
from aethergrid_pipelines_tests.extension.sites import ASK, CHATGPT, CLAUDE, Site


def import_export(api: Served, site: Site) -> None:
    """Import what the site's export says of the conversation on its saved page; it names the same messages."""
    stamps = (1_767_603_600, 1_767_603_660)
    if site is CHATGPT:
        names = [f"aaaa000{number}-0000-4000-8000-00000000000{number}" for number in (1, 2)]
        mapping: dict[str, Any] = {
            name: {"id": name, "parent": parent, "message": {
                "id": name, "author": {"role": role}, "create_time": stamp,
                "content": {"content_type": "text", "parts": [f"exported: {role}"]}}}
            for name, parent, role, stamp in zip(names, [None, *names], ("user", "assistant"), stamps, strict=False)
        }  # fmt: skip
        conversation: dict[str, Any] = {
            "conversation_id": site.native_id,
            "mapping": mapping,
            "current_node": names[-1],
        }
    else:
        messages: list[dict[str, Any]] = [
            {"uuid": f"00000000-0000-4000-8000-{number:012}", "sender": sender, "text": text,
             "created_at": f"2026-01-05T09:0{number}:00Z", "content": [{"type": "text", "text": text}]}
            for number, (sender, text) in enumerate((("human", "Write the notes\nfor 2.0\n\nShort, please."),
                                                     ("assistant", "## 2.0")))
        ]  # fmt: skip
        conversation = {"uuid": site.native_id, "name": "Release notes", "chat_messages": messages}
    file = write_json(api.settings.home_path / "conversations.json", [conversation])
    with open_stores(api.settings) as stores:
        report = import_paths([file], store=stores.conversations, space="default")
    assert report.total.stored == 2


def test_an_export_and_the_page_are_one_conversation_and_the_export_wins(
    extension: Extension, opened: Open, api: Served
) -> None:
    page = opened(CHATGPT)
    until(lambda: len(said(api, CHATGPT)) == 2)

    import_export(api, CHATGPT)
    assert said(api, CHATGPT) == [("user", "exported: user"), ("assistant", "exported: assistant")]
    assert kept(api, CHATGPT)["day"] == "2026-01-05"
    page.evaluate(ASK, ["3", "And then?"])
    until(lambda: len(said(api, CHATGPT)) == 3)
    assert [text for _, text in said(api, CHATGPT)] == ["exported: user", "exported: assistant", "And then?"]


def test_a_page_that_is_opened_after_an_import_overwrites_nothing(
    extension: Extension, opened: Open, api: Served
) -> None:
    import_export(api, CHATGPT)
    before = kept(api, CHATGPT)

    opened(CHATGPT)
    until(lambda: extension.ask(type="status")["delivered"] == 2)

    assert kept(api, CHATGPT) | {"title": None} == before


def test_claudes_messages_have_no_name_on_the_page_but_are_in_the_same_conversation(
    extension: Extension, opened: Open, api: Served
) -> None:
    opened(CLAUDE)
    until(lambda: len(said(api, CLAUDE)) == 4)
    import_export(api, CLAUDE)
    with open_stores(api.settings) as stores:
        cleaned = clean(list(stores.conversations.messages([kept(api, CLAUDE)["id"]])))

    assert len(cleaned) == 6
    # Said once for the search: what the person wrote is word for word the same.
    assert [row.dropped for row in cleaned].count("duplicate") == 1
