"""``aethergrid query``."""

from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli import filters
from aethergrid_pipelines.cli.memory import opened_memory
from aethergrid_pipelines.cli.output import answers, print_json, printable

if TYPE_CHECKING:
    from aethergrid_pipelines.query.records import Hit, SearchRequest, SearchResponse

SHOWN_CHARACTERS = 600


def query(
    question: Annotated[str, typer.Argument(help="What to look for.", metavar="QUESTION")],
    *,
    limit: Annotated[int, typer.Option(help="How many results, 1 to 100.")] = 5,
    model: filters.Models = None,
    task_type: filters.TaskTypes = None,
    topic: filters.Topics = None,
    after: filters.After = None,
    before: filters.Before = None,
    space: filters.Space = None,
    context: Annotated[bool, typer.Option("--context", help="Show the conversation around each result.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show each part of a result's score.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer of the API as JSON.")] = False,
) -> None:
    """Ask the memory. Talks to the stores directly; no server has to run."""
    from pydantic import ValidationError

    from aethergrid_pipelines.cli.failures import explained
    from aethergrid_pipelines.query.records import SearchRequest

    chosen = filters.given(
        source_models=model, task_types=task_type, topics=topic, after=after, before=before, space=space
    )
    try:
        request = SearchRequest.model_validate(
            {"query": question, "filters": chosen, "max_results": limit, "return_context": context, "explain": explain}
        )
    except ValidationError as error:
        raise typer.BadParameter(explained(error) or str(error)) from error
    response = _answer(request)
    if as_json:
        print_json(response.model_dump(mode="json", by_alias=True))
    else:
        _show(response)


def _answer(request: "SearchRequest") -> "SearchResponse":
    with opened_memory() as (search, _):
        return search.search(request)


def _show(response: "SearchResponse") -> None:
    if response.hint:
        answers().print(response.hint, markup=False)
    for number, hit in enumerate(response.results, start=1):
        _show_hit(number, hit)


def _show_hit(number: int, hit: "Hit") -> None:
    about = hit.metadata
    said_by = " · ".join(name for name in (about.role, about.source_model, about.speaker) if name)
    heading = f"{number}. {about.title or 'Untitled'} — {said_by}, {about.timestamp:%Y-%m-%d %H:%M}"
    answers().print(printable(heading), markup=False, style="bold", soft_wrap=True)
    said = hit.context if hit.context is not None else hit.content
    cut = said if hit.context is not None or len(said) <= SHOWN_CHARACTERS else f"{said[:SHOWN_CHARACTERS].rstrip()} …"
    answers().print(printable(cut), markup=False)
    line = f":{hit.lineage.origin_line}" if hit.lineage.origin_line else ""
    labels = f"{about.topic}/{about.task_type}"
    repeats = f" · {hit.duplicates} more of the same" if hit.duplicates else ""
    lineage = (
        f"similarity {hit.similarity:.2f} · {labels}{repeats} · {hit.lineage.origin_path}{line} · "
        f"conversation {hit.lineage.conversation_id}"
    )
    answers().print(printable(lineage), markup=False, style="dim", soft_wrap=True)
    if hit.explanation is not None:
        parts = " + ".join(f"{name} {part:.3f}" for name, part in hit.explanation.items())
        answers().print(printable(f"score {hit.score:.3f} = {parts}"), markup=False, style="dim", soft_wrap=True)
    answers().print()
