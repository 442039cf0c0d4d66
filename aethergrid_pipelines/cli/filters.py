"""The options that say what of the memory is asked, for every command that asks it."""

from typing import Annotated, Any

import typer

Models = Annotated[list[str] | None, typer.Option("--model", help="Only what this model said; may be repeated.")]
TaskTypes = Annotated[list[str] | None, typer.Option("--task-type", help="Only this task type; may be repeated.")]
Topics = Annotated[list[str] | None, typer.Option("--topic", help="Only this topic; may be repeated.")]
After = Annotated[str | None, typer.Option(help="Not before this date or time (UTC).")]
Before = Annotated[str | None, typer.Option(help="Not after this date or time (UTC).")]
Space = Annotated[str | None, typer.Option(help="The memory to ask.")]


def given(**options: Any) -> dict[str, Any]:
    """Those options that were given, for a request's ``filters``."""
    return {name: value for name, value in options.items() if value is not None}
