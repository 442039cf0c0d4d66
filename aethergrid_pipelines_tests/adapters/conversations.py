"""The same conversation in the form of each family's API."""

from typing import Any

ANTHROPIC: dict[str, Any] = {
    "id": "depot",
    "model": "claude-sonnet-4-5",
    "system": [{"type": "text", "text": "Answer briefly."}],
    "messages": [
        {"role": "user", "content": "Where is parcel 4711?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I have to look."},
                {"type": "tool_use", "id": "call_1", "name": "locate", "input": {"parcel": 4711}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "depot Utrecht"}]},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [{"type": "text", "text": "In the depot in Utrecht."}],
            "usage": {"input_tokens": 40, "output_tokens": 8},
        },
    ],
}

_CALL = {"id": "call_1", "type": "function", "function": {"name": "locate", "arguments": '{"parcel": 4711}'}}
OPENAI: dict[str, Any] = {
    "id": "depot",
    "model": "gpt-5",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "Where is parcel 4711?"},
        {"role": "assistant", "content": None, "tool_calls": [_CALL], "reasoning_content": "I have to look."},
        {"role": "tool", "tool_call_id": "call_1", "content": "depot Utrecht"},
        {
            "role": "assistant",
            "content": "In the depot in Utrecht.",
            "usage": {"prompt_tokens": 40, "completion_tokens": 8},
        },
    ],
}

GEMINI: dict[str, Any] = {
    "id": "depot",
    "modelVersion": "models/gemini-2.5-pro",
    "systemInstruction": {"parts": [{"text": "Answer briefly."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Where is parcel 4711?"}]},
        {
            "role": "model",
            "parts": [
                {"text": "I have to look.", "thought": True},
                {"functionCall": {"id": "call_1", "name": "locate", "args": {"parcel": 4711}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "call_1", "name": "locate", "response": {"output": "depot Utrecht"}}}
            ],
        },
        {"role": "model", "parts": [{"text": "In the depot in Utrecht."}]},
    ],
}

_OLLAMA_CALL = {"function": {"name": "locate", "arguments": {"parcel": 4711}}}
OLLAMA: dict[str, Any] = {
    "id": "depot",
    "model": "qwen2.5:7b",
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "Where is parcel 4711?"},
        {"role": "assistant", "content": "", "thinking": "I have to look.", "tool_calls": [_OLLAMA_CALL]},
        {"role": "tool", "tool_name": "locate", "content": "depot Utrecht"},
        {"role": "assistant", "content": "In the depot in Utrecht."},
    ],
}

FORMS = {"claude": ANTHROPIC, "gpt": OPENAI, "gemini": GEMINI, "local": OLLAMA}
MODELS = {"claude": "claude-sonnet-4-5", "gpt": "gpt-5", "gemini": "gemini-2.5-pro", "local": "qwen2.5:7b"}
