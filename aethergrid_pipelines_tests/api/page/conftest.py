"""The page in a real Chromium, before the real application on embedded stores."""

import dataclasses
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from aethergrid_pipelines.api.app import create_app
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import open_stores
from aethergrid_pipelines.settings import Settings
from aethergrid_pipelines_tests.api.page.conversations import CONVERSATIONS
from aethergrid_pipelines_tests.conftest import MODELS
from aethergrid_pipelines_tests.services import missing

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclasses.dataclass
class Served:
    """An application that listens."""

    url: str
    settings: Settings


@dataclasses.dataclass
class Seen:
    """What a browser asked for and complained about."""

    requests: list[Request] = dataclasses.field(default_factory=list)
    complaints: list[str] = dataclasses.field(default_factory=list)


@contextmanager
def served(home: Path, port: int = 0, **variables: str) -> Iterator[Served]:
    """The application in a thread of its own, with these settings and no others; on any port that is free if none is
    given."""
    with pytest.MonkeyPatch.context() as environment:
        for name, field in Settings.model_fields.items():
            alias = field.validation_alias
            environment.delenv(alias if isinstance(alias, str) else name.upper(), raising=False)
        given = {"AETHERGRID_HOME": str(home), "AETHERGRID_MODELS": MODELS, **variables}
        for name, value in given.items():
            environment.setenv(name, value)
        environment.chdir(home)
        settings = Settings()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", settings)
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def fill(settings: Settings) -> None:
    """Import the conversations and let the six steps run over them."""
    from aethergrid_pipelines.capture.importer import import_paths
    from aethergrid_pipelines.stores.journal import CatalogJournal

    file = settings.home_path / "conversations.jsonl"
    file.write_text(CONVERSATIONS)
    with open_stores(settings) as stores:
        import_paths([file], store=stores.conversations, space="default", journal=CatalogJournal(stores.catalog))
        materialise_all(stores, Scope(), run_id=str(uuid.UUID(int=7)))


def chromium() -> str:
    """The path of Chromium, or a skip that says how to get it; a failure where all services are required."""
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        missing("no Chromium: `scripts/services start chromium` installs it")
    return program


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that all tests of a file share."""
    program = chromium()
    with sync_playwright() as playwright:
        # Root, in a container, has no user namespace for a sandbox; what is looked at is ours.
        launched = playwright.chromium.launch(executable_path=program, args=FLAGS, chromium_sandbox=False)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application over a memory of a few conversations."""
    with served(tmp_path_factory.mktemp("memory"), DAGSTER_URL="http://dagster.example:3000") as found:
        fill(found.settings)
        yield found


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def opened(browser: Browser, seen: Seen) -> Iterator[Callable[..., Page]]:
    """A new page on an address; what it does is ``seen``. Given options are those of a browser's context."""
    contexts: list[BrowserContext] = []

    def new(url: str, **options: object) -> Page:
        given = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
        context = browser.new_context(**given)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", lambda request: seen.requests.append(request))  # noqa: PLW0108 (it marks its listener)
        page.on(
            "console", lambda said: seen.complaints.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.goto(url)
        return page

    yield new
    for context in contexts:
        context.close()
