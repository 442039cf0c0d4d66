"""``aethergrid context``."""

from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli import filters
from aethergrid_pipelines.cli.memory import opened_memory
from aethergrid_pipelines.cli.output import answers, errors, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.query.pack_records import Pack, PackRequest


def context(
    task: Annotated[str, typer.Argument(help="What is about to be done.", metavar="TASK")],
    *,
    budget: Annotated[int, typer.Option(help="How many tokens the text may have.")] = 2_000,
    for_model: Annotated[str | None, typer.Option("--for", help="The model that will read it; it counts.")] = None,
    prefer: Annotated[str | None, typer.Option(help="The task type to prefer.")] = None,
    numbered: Annotated[bool, typer.Option("--numbered", help="Number the passages.")] = False,
    model: filters.Models = None,
    task_type: filters.TaskTypes = None,
    topic: filters.Topics = None,
    after: filters.After = None,
    before: filters.Before = None,
    space: filters.Space = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer of the API as JSON.")] = False,
) -> None:
    """Print what the memory holds for a task, within a budget of tokens. The text goes to stdout, its account to
    stderr."""
    from pydantic import ValidationError

    from aethergrid_pipelines.cli.failures import explained
    from aethergrid_pipelines.query.pack_records import PackRequest

    chosen = filters.given(
        source_models=model, task_types=task_type, topics=topic, after=after, before=before, space=space
    )
    asked = {"task": task, "token_budget": budget, "model": for_model, "task_type": prefer, "numbered": numbered}
    try:
        request = PackRequest.model_validate({**asked, "filters": chosen})
    except ValidationError as error:
        raise typer.BadParameter(explained(error) or str(error)) from error
    pack = _packed(request)
    if as_json:
        print_json(pack.model_dump(mode="json", by_alias=True))
    else:
        _show(pack)


def _packed(request: "PackRequest") -> "Pack":
    import contextlib

    from aethergrid_pipelines.query.contextual import Packer

    with opened_memory() as (search, vectors), contextlib.closing(Packer(search, vectors)) as packer:
        return packer.pack(request)


def _show(pack: "Pack") -> None:
    if pack.hint:
        errors().print(pack.hint, markup=False)
    if pack.text:
        answers().print(printable(pack.text), markup=False, soft_wrap=True)
    exactly = "" if pack.counted_by.exact else f" ({pack.counted_by.note})"
    account = (
        f"{pack.tokens} of {pack.token_budget} tokens by {pack.counted_by.name}{exactly} · "
        f"{len(pack.items)} passages · {len(pack.left_out)} hits left out"
    )
    errors().print(account, markup=False, style="dim", soft_wrap=True)
