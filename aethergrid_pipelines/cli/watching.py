"""``aethergrid watch``."""

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from aethergrid_pipelines.cli.output import answers, errors, printable

if TYPE_CHECKING:
    from rich.status import Status

    from aethergrid_pipelines.capture.follow import Follower, Read
    from aethergrid_pipelines.capture.watch import Told

TEMPORARY_FAILURE = 75
"""The exit code (``EX_TEMPFAIL`` of sysexits.h) where another process follows already."""


def watch(
    folders: Annotated[
        list[str] | None, typer.Argument(help="Folders to follow beside those of known tools.", metavar="[FOLDER]...")
    ] = None,
    *,
    tools: Annotated[bool, typer.Option(help="Follow the folders of known tools, too.")] = True,
    once: Annotated[bool, typer.Option("--once", help="Read what has changed, and end: for cron.")] = False,
    space: Annotated[str | None, typer.Option(help="The memory to capture into.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what happens as one JSON object a line.")] = False,
    install: Annotated[
        bool | None,
        typer.Option(
            "--install/--uninstall", help="Write (remove) a user service that runs this command.", show_default=False
        ),
    ] = None,
) -> None:
    """Follow the folders where tools write transcripts: the history first, then every message as it is written."""
    from aethergrid_pipelines.capture.watch_session import WatcherRunning, followed_folders, following
    from aethergrid_pipelines.settings import load_settings
    from aethergrid_pipelines.stores.journal import CatalogJournal
    from aethergrid_pipelines.stores.select import open_catalog, open_conversation_store

    settings = load_settings()
    if install is False:
        _uninstall()
        return
    try:
        followed = followed_folders(settings, folders or [], tools=tools)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="FOLDER") from error
    if install:
        _install(folders or [], tools=tools, space=space)
        return
    store, catalog, stop = open_conversation_store(settings), open_catalog(settings), threading.Event()
    tell = _Teller(as_json=as_json)
    try:
        with (
            following(
                settings,
                followed,
                store=store,
                journal=CatalogJournal(catalog),
                space=space or settings.space,
                stopped=stop.is_set,
            ) as follower,
            tell,
        ):
            _follow(follower, tell, stop, once=once)
    except WatcherRunning as running:
        errors().print(printable(str(running)), markup=False, style="yellow")
        raise typer.Exit(TEMPORARY_FAILURE) from running
    finally:
        store.close()
        catalog.close()
    tell.ended(once=once)
    if once and tell.failed:
        raise typer.Exit(1)


def _follow(follower: "Follower", tell: "_Teller", stop: threading.Event, *, once: bool) -> None:
    from aethergrid_pipelines.capture.follow import Interrupted
    from aethergrid_pipelines.capture.watch import Watch

    def stopping(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    def terminated(_number: int, _frame: FrameType | None) -> None:
        # An import that is under way heeds SIGINT, between two batches.
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, stopping), signal.signal(signal.SIGTERM, terminated)
    try:
        if not once:
            Watch(follower, tell, stop).run()
            return
        for found in follower.scan():
            tell(found)
        if follower.archive is not None:
            follower.archive.compress_old()
    except Interrupted:
        stop.set()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


class _Teller:
    """Says what happens: a JSON object or a line for each event, and a status line where somebody looks."""

    def __init__(self, *, as_json: bool) -> None:
        self.failed = False
        self._json = as_json
        self._read = self._stored = 0
        self._folders = 0
        self._last = ""
        self._status: Status | None = None

    def __enter__(self) -> "_Teller":
        if not self._json and errors().is_terminal:
            self._status = errors().status("looking")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, told: "Told") -> None:
        from aethergrid_pipelines.capture.follow import Gone, Read

        if isinstance(told, Read):
            self.failed = self.failed or told.error is not None or told.account.rejected > 0
            self._read += 1
            self._stored += told.account.stored
            # A journal is for what happened: a file that was read again for nothing new is not worth a line.
            text = _told_of(told) if told.error or told.account.stored or told.account.rejected else ""
        elif isinstance(told, Gone):
            text = f"{told.path} is gone; " + ("the archive has it" if told.archived else "what was said is stored")
        else:
            self._folders = len(told.about.get("folders", [])) if told.event == "following" else self._folders
            text = " ".join([told.event, *(f"{value}" for value in told.about.values())])
        if self._json:
            self._print_json(told.as_json())
        elif text and (self._status is None or not isinstance(told, Read) or told.error or told.account.rejected):
            errors().print(printable(text), markup=False, soft_wrap=True)
        self._show(told)

    def _show(self, told: "Told") -> None:
        from rich.text import Text

        from aethergrid_pipelines.capture.follow import Read

        if isinstance(told, Read):
            self._last = f" · {printable(told.path.name)}"
        if self._status is not None:
            # A text and not a string: the name of a file is no markup.
            self._status.update(Text(f"following {self._folders} folders · {self._stored} messages stored{self._last}"))

    def ended(self, *, once: bool) -> None:
        """Say how it ended."""
        if self._json:
            self._print_json({"event": "ended", "files": self._read, "stored": self._stored})
        else:
            what = "Looked at everything" if once else "Stopped"
            answers().print(f"{what}: {self._read} files had changed, {self._stored} messages were stored.")

    def _print_json(self, event: dict[str, object]) -> None:
        import json

        typer.echo(json.dumps(event, ensure_ascii=False, default=str))


def _told_of(read: "Read") -> str:
    account = read.account
    outcomes = f"{account.stored} stored" + (f", {account.rejected} rejected" if account.rejected else "")
    return f"{read.path} ({read.change}): " + (f"failed: {read.error}" if read.error else outcomes)


def _install(folders: list[str], *, tools: bool, space: str | None) -> None:
    from pathlib import Path

    from aethergrid_pipelines.capture.watch_service import Unsupported, installed, service_here

    given = [str(Path(folder).expanduser().absolute()) for folder in folders]
    arguments = [*given, *([] if tools else ["--no-tools"]), *(["--space", space] if space else [])]
    try:
        service = installed(service_here(arguments))
    except Unsupported as error:
        errors().print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    answers().print(f"Wrote {service.path}\nNothing was started. To start it, now and at each log-in:", markup=False)
    answers().print(f"    {service.start}\nTo see what it does:\n    {service.look}", markup=False, soft_wrap=True)
    for name in service.unset:
        told = f"{name} is set in this shell only: write it to {service.folder / '.env'}, for the service to find it."
        errors().print(told, markup=False, style="yellow", soft_wrap=True)


def _uninstall() -> None:
    from aethergrid_pipelines.capture.watch_service import Unsupported, service_here, uninstalled

    try:
        service = service_here([])
    except Unsupported as error:
        errors().print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    if uninstalled(service):
        answers().print(f"Removed {service.path}\nIf it runs, stop it:\n    {service.stop}", markup=False)
    else:
        answers().print(f"There is no {service.path}", markup=False)
