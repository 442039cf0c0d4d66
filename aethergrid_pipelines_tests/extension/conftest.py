"""The extension in a real Chromium, before pages that have the shape of those of the sites, and the real API."""

import functools
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect, sync_playwright

from aethergrid_pipelines.records.ids import conversation_id
from aethergrid_pipelines_tests.api.page.conftest import FLAGS, Served, chromium, served
from aethergrid_pipelines_tests.capture.spooling import wait_until
from aethergrid_pipelines_tests.extension.sites import CHATGPT, CLAUDE, GEMINI, PAGES, Site
from aethergrid_pipelines_tests.scripts import REPOSITORY

EXTENSION = REPOSITORY / "extension"
HOSTS = {site.host for site in (CHATGPT, CLAUDE, GEMINI)}
EXPECT = 30_000

until = functools.partial(wait_until, seconds=60, pause=0.2)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A browser with the extension and nothing of the network: the sites' hosts lead to saved pages."""
    program = chromium()
    unpacked = tmp_path_factory.mktemp("unpacked") / "extension"
    shutil.copytree(EXTENSION, unpacked)
    loading = [
        f"--disable-extensions-except={unpacked}",
        f"--load-extension={unpacked}",
        # Takes the place of Playwright's list, so that what a browser enforces for local addresses is enforced here.
        "--disable-features=DisableLoadExtensionCommandLineSwitch",
    ]
    expect.set_options(timeout=EXPECT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=program,
            headless=False,
            args=["--headless=new", *FLAGS, *loading],
            ignore_default_args=["--disable-extensions"],
            chromium_sandbox=False,
        )
        for host in HOSTS:
            browser.route(f"https://{host}/**", lambda route: _saved(route))  # noqa: PLW0108 (it marks its listener)
        yield browser
        browser.close()
    expect.set_options(timeout=5_000)


def _saved(route: Route) -> None:
    if route.request.resource_type != "document":
        route.fulfill(status=404)
        return
    name = route.request.url.partition("?saved=")[2]
    page = (PAGES / f"{name}.html").read_text() if name else "<!doctype html><title>New</title>"
    route.fulfill(content_type="text/html; charset=utf-8", body=page)


@pytest.fixture(scope="module")
def origin(context: BrowserContext) -> str:
    """Where the pages of the extension itself are."""
    worker = context.service_workers[0] if context.service_workers else context.wait_for_event("serviceworker")
    return worker.url.removesuffix("/worker/worker.js")


class Extension:
    """What somebody sees and does who uses the extension."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context = context
        self.origin = origin
        self.own = context.new_page()
        self.own.goto(f"{origin}/options/options.html")

    def ask(self, **message: Any) -> Any:
        """Send a message to the worker, as the popup does."""
        return self.own.evaluate("message => chrome.runtime.sendMessage(message)", message)

    def reset(self, address: str) -> None:
        """As if it had just been installed, with this address of the API."""
        self.own.evaluate("Promise.all([chrome.storage.local.clear(), chrome.storage.session.clear()])")
        self.ask(type="connect", change={"address": address})

    def waiting(self) -> int:
        found: int = self.ask(type="status")["waiting"]
        return found

    def badge(self, page: Page | None = None) -> str:
        """The button's text, in general or for the tab of a page."""
        tab = None if page is None else self.tab(page)
        found: str = self.own.evaluate("tabId => chrome.action.getBadgeText(tabId ? {tabId} : {})", tab)
        return found

    def title(self, page: Page) -> str:
        found: str = self.own.evaluate("tabId => chrome.action.getTitle({tabId})", self.tab(page))
        return found

    def tab(self, page: Page) -> int:
        """The number of its tab, which is in front for that: without the permission `tabs`, tabs have no address."""
        page.bring_to_front()
        found: int = self.own.evaluate("chrome.tabs.query({active: true}).then(([tab]) => tab.id)")
        return found

    def popup(self, page: Page) -> Page:
        tab = self.tab(page)
        popup = self.context.new_page()
        popup.goto(f"{self.origin}/popup/popup.html?tab={tab}")
        return popup


@pytest.fixture(scope="module")
def _extension(context: BrowserContext, origin: str) -> Extension:
    return Extension(context, origin)


@pytest.fixture
def silent() -> str:
    """An address on this machine at which nobody listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.fixture
def extension(_extension: Extension, silent: str) -> Iterator[Extension]:
    """The extension as if it had just been installed, before any API."""
    _extension.reset(silent)
    yield _extension
    for page in _extension.context.pages:
        if page is not _extension.own:
            page.close()


@pytest.fixture
def api(extension: Extension, tmp_path: Path) -> Iterator[Served]:
    """The API, which the extension knows."""
    with served(tmp_path) as found:
        extension.reset(found.url)
        yield found


Open = Callable[..., Page]


@pytest.fixture
def opened(context: BrowserContext) -> Open:
    """A tab with the saved page of a site, at the address of its conversation."""

    def new(site: Site, saved: str | None = None, path: str | None = None) -> Page:
        page = context.new_page()
        page.set_default_timeout(EXPECT)
        page.goto(f"https://{site.host}{path or site.path}?saved={saved if saved is not None else site.saved}")
        return page

    return new


def kept(api: Served, site: Site, native_id: str | None = None) -> dict[str, Any]:
    """The conversation as the memory has it; without messages where it has none."""
    identifier = conversation_id("default", site.source, native_id or site.native_id)
    found: dict[str, Any] = httpx.get(f"{api.url}/api/conversations/{identifier}").json()
    return found if "messages" in found else {"messages": [], "title": None}


def said(api: Served, site: Site, native_id: str | None = None) -> list[tuple[str, str]]:
    """Who said what, in order, without what was replaced."""
    messages = kept(api, site, native_id)["messages"]
    return [(one["role"], one["content"]) for one in messages if not one["metadata"].get("alternate_branch")]
