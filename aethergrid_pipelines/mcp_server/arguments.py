"""The arguments of the tools: what they may be, and what a model reads of them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema


def _given(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


# Models leave out what they do not need, or send an empty text, or null: all of that is «not given».
_OPTIONAL = BeforeValidator(_given)

Tokens = Annotated[int, Field(ge=400, le=50_000, description="The longest answer you want, in tokens")]
Note = Annotated[str, Field(min_length=1, max_length=100_000, description="Whole sentences that stand alone")]
Speaker = Annotated[Literal["user", "assistant"], Field(description="Whose words or finding it is")]
Day = Annotated[
    str | None, _OPTIONAL, WithJsonSchema({"type": "string", "description": "A date or time, as 2026-10-05; UTC"})
]
SaidBy = Annotated[
    str | None, _OPTIONAL, WithJsonSchema({"type": "string", "description": "Only what this model said, as gpt-5"})
]
Topic = Annotated[
    str | None, _OPTIONAL, WithJsonSchema({"type": "string", "description": "Only this topic; stats lists them"})
]
Inside = Annotated[
    str | None, _OPTIONAL, WithJsonSchema({"type": "string", "description": "Only in this conversation"})
]
Counting = Annotated[
    str | None,
    _OPTIONAL,
    WithJsonSchema({"type": "string", "description": "Your name, as gpt-5: tokens are counted as you count"}),
]
Near = Annotated[
    str | None,
    _OPTIONAL,
    WithJsonSchema({"type": "string", "description": "Begin shortly before this message, as a result names it"}),
]
Title = Annotated[
    str | None, _OPTIONAL, Field(max_length=200), WithJsonSchema({"type": "string", "description": "A few words"})
]
Together = Annotated[
    str | None,
    _OPTIONAL,
    Field(max_length=200),
    WithJsonSchema({"type": "string", "description": "A name of yours that keeps several notes together"}),
]
Myself = Annotated[
    str | None,
    _OPTIONAL,
    Field(max_length=128),
    WithJsonSchema({"type": "string", "description": "Your name, as claude-opus-4-5"}),
]
