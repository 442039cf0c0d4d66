"""Tool calls of Codex and what they returned, as response items."""

from collections.abc import Mapping
from typing import Any

import orjson

from aethergrid_pipelines.capture.fields import identifier_of, parsed_text, text_of

CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"}) | {
    "image_generation_call"
}
RESULTS = frozenset({"function_call_output", "custom_tool_call_output", "tool_search_output"})


def read_call(payload: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call as id, name and input, and metadata that belongs to it. Raises ``UnfitField``.

    ``arguments`` is JSON as text; what is not JSON is kept as the text that it is.
    """
    kind = payload["type"]
    call: dict[str, Any] = {}
    if call_id := identifier_of(payload, "call_id") or identifier_of(payload, "id"):
        call["id"] = call_id
    if kind == "image_generation_call":
        call.update(name="image_generation", input=payload.get("revised_prompt"))
        return call, {"attachments": [{"type": "image"}]}
    name = text_of(payload, "name") or kind.removesuffix("_call")
    space = text_of(payload, "namespace")
    call["name"] = f"{space}.{name}" if space else name
    call["input"] = parsed_text(payload.get("arguments", payload.get("input", payload.get("action"))))
    return call, {}


def read_result(payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text that a call returned, and what else is known of it. Raises ``UnfitField``."""
    call_id = identifier_of(payload, "call_id")
    result: dict[str, Any] = {"tool_use_id": call_id} if call_id else {}
    output = payload.get("output", payload.get("tools"))
    if isinstance(output, str) and output.startswith('{"output"'):
        # Until 2026 the output of a shell was JSON as text, with the exit code beside it.
        parsed = parsed_text(output)
        if isinstance(parsed, dict) and isinstance(parsed.get("output"), str):
            details = parsed.get("metadata")
            if isinstance(details, dict) and isinstance(details.get("exit_code"), int):
                result["exit_code"] = details["exit_code"]
            output = parsed["output"]
    if isinstance(output, dict) and "content" in output:
        if output.get("success") is False:
            result["is_error"] = True
        output = output["content"]
    return _text(output, result), result


def _text(output: object, result: dict[str, Any]) -> str:
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if not isinstance(output, list):
        return orjson.dumps(output).decode()
    texts: list[str] = []
    for part in output:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(text)
        elif isinstance(part, dict) and ("image_url" in part or part.get("type") == "input_image"):
            result.setdefault("attachments", []).append({"type": "image"})
        else:
            result.setdefault("other_blocks", []).append(part)
    return "\n".join(texts)
