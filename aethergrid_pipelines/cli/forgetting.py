"""``aethergrid forget``."""

from typing import Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors, print_json, printable


def forget(
    conversation: Annotated[str, typer.Argument(help="The id of the conversation.", metavar="ID")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what remains as JSON.")] = False,
) -> None:
    """Erase a conversation from every store, for good: it does not come back when it is imported again."""
    import uuid

    from aethergrid_pipelines.flow.forget import forget as forget_everywhere
    from aethergrid_pipelines.flow.stores import open_stores
    from aethergrid_pipelines.settings import load_settings

    with open_stores(load_settings()) as stores:
        # Who does not want to be asked can have forgotten what is spooled while the store does not answer.
        state = None if yes else next(stores.conversations.states(ids=[conversation]), None)
        if state is not None:
            title = printable(state.conversation.title or "Untitled")
            errors().print(f"{title}: {state.message_count} messages, {state.day}", markup=False)
            typer.confirm("Erase it for good?", abort=True, err=True)
        # Also where the conversation store has nothing: a run that was cut short is finished.
        forgotten = forget_everywhere(stores, conversation, run_id=f"forget-{uuid.uuid4()}")
    if not forgotten.found:
        errors().print(f"there is no conversation {printable(conversation)}", markup=False, style="red")
        raise typer.Exit(1)
    left = sum(forgotten.remains.values())
    if as_json:
        print_json({"conversationId": conversation, "forgotten": left == 0, "remains": forgotten.remains})
    else:
        for place, count in forgotten.remains.items():
            answers().print(f"{place}: {count}", markup=False)
        answers().print("Nothing of it remains." if left == 0 else "Something remains; run the command again.")
    if left:
        raise typer.Exit(1)
