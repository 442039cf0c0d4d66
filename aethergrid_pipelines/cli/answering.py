"""``aethergrid ask``."""

from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli import filters
from aethergrid_pipelines.cli.memory import opened_memory
from aethergrid_pipelines.cli.output import answers, errors, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.query.answer_records import AnswerRequest, AnswerResponse
    from aethergrid_pipelines.query.pack_records import PackItem

REASONS = {
    "empty": "nothing was found, and no model was asked",
    "unsupported": "the passages that were found do not tell",
    "uncited": "what the model wrote cites none of the passages",
}


def ask(
    question: Annotated[str, typer.Argument(help="What to answer.", metavar="QUESTION")],
    *,
    budget: Annotated[int | None, typer.Option(help="How many tokens of passages the model is given.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="How many tokens the answer may have.")] = None,
    by: Annotated[str | None, typer.Option(help="Another model of the configured service.")] = None,
    model: filters.Models = None,
    task_type: filters.TaskTypes = None,
    topic: filters.Topics = None,
    after: filters.After = None,
    before: filters.Before = None,
    space: filters.Space = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer of the API as JSON.")] = False,
) -> None:
    """Answer from the memory by the model that ANSWER_MODEL names, with citations."""
    from pydantic import ValidationError

    from aethergrid_pipelines.cli.failures import explained
    from aethergrid_pipelines.query.answer_records import AnswerRequest

    chosen = filters.given(
        source_models=model, task_types=task_type, topics=topic, after=after, before=before, space=space
    )
    asked = {"query": question, "token_budget": budget, "max_tokens": max_tokens, "model": by, "filters": chosen}
    try:
        request = AnswerRequest.model_validate(asked)
    except ValidationError as error:
        raise typer.BadParameter(explained(error) or str(error)) from error
    answer = _answered(request, show=not as_json)
    if as_json:
        print_json(answer.model_dump(mode="json", by_alias=True))
    else:
        _show(answer)


def _answered(request: "AnswerRequest", *, show: bool) -> "AnswerResponse":
    import contextlib

    from aethergrid_pipelines.query.answer_records import AnswerResponse
    from aethergrid_pipelines.query.contextual import Packer
    from aethergrid_pipelines.query.opening import open_answerer
    from aethergrid_pipelines.settings import load_settings

    with contextlib.ExitStack() as stack:
        search, vectors = stack.enter_context(opened_memory())
        packer = stack.enter_context(contextlib.closing(Packer(search, vectors)))
        answerer = stack.enter_context(contextlib.closing(open_answerer(load_settings(), packer)))
        for step in answerer.stream(request):
            if isinstance(step, AnswerResponse):
                return step
            if show:
                typer.echo(printable(step.text), nl=False)
    raise RuntimeError("a stream ends with an answer")


def _show(answer: "AnswerResponse") -> None:
    if answer.reason is not None:
        typer.echo("" if answer.reason == "empty" else "\n", nl=False)
        if answer.reason != "unsupported":
            typer.echo(answer.answer)
        errors().print(answer.hint or REASONS[answer.reason], markup=False, style="dim", soft_wrap=True)
        return
    typer.echo()
    if answer.cut:
        errors().print("the answer was cut at its greatest length: --max-tokens", markup=False, style="yellow")
    answers().print()
    for item in answer.citations:
        answers().print(printable(_cited(item)), markup=False, style="dim", soft_wrap=True)


def _cited(item: "PackItem") -> str:
    first = item.lineage[0]
    line = f":{first.origin_line}" if first.origin_line else ""
    said_by = ", ".join(item.models) or first.role
    return (
        f"[{item.number}] {item.title or 'Untitled'} — {said_by}, {item.first_at:%Y-%m-%d} · "
        f"{first.origin_path}{line} · conversation {item.conversation_id}"
    )
