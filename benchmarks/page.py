"""Milliseconds until the API's page is there, in Chromium, beside a bare JSON answer of the same API.

    python -m benchmarks.page [--loads 20] [--json]

The page of the sample conversations is loaded by a browser that has nothing of it yet (``first``), and ``again``;
``bare`` is ``/api/stats`` as a document, in turn with both: what a browser on this machine takes for anything. ``load``
is the navigation's load event, ``answer`` the time from opening the link of a search to its first hit. Named limits, of
the same run: ``first load p50`` < 100 ms on a machine that does nothing else, all of the page < 60 kB as sent.
"""

import argparse
import json
import shutil
import sys
import time
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

from aethergrid_pipelines.demo import QUESTIONS, SAMPLES
from benchmarks.home import fresh_home
from benchmarks.http_load import percentile
from benchmarks.servers import Api, stop_on_sigterm

LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
SENT = """performance.getEntries().filter(one => 'transferSize' in one && !one.name.includes('/api/'))
    .reduce((sum, one) => sum + one.transferSize, 0)"""


def measure(url: str, browser: Browser, loads: int) -> dict[str, float]:
    """The figures that ``--json`` prints."""
    took: dict[str, list[float]] = {"bare": [], "first": [], "again": [], "answer": []}
    sent = 0
    for _ in range(loads):
        with browser.new_context() as context:
            page = context.new_page()
            # The process that draws is there before anything is timed.
            page.goto(f"{url}/page/0/icon.svg")
            took["bare"].append(_load(page, f"{url}/api/stats"))
            took["first"].append(_load(page, f"{url}/"))
            sent = int(page.evaluate(SENT))
            took["again"].append(_load(page, f"{url}/"))
            started = time.perf_counter()
            page.goto(f"{url}/?{urlencode({'q': QUESTIONS[0]})}")
            page.get_by_role("article").first.wait_for()
            took["answer"].append((time.perf_counter() - started) * 1_000)
    figures = {f"{name} p50": round(percentile(values, 0.5), 1) for name, values in took.items()}
    figures |= {f"{name} p99": round(percentile(values, 0.99), 1) for name, values in took.items()}
    return figures | {"bytes sent": sent}


def _load(page: Page, url: str) -> float:
    page.goto(url, wait_until="load")
    page.wait_for_function(f"{LOADED} > 0")
    milliseconds = float(page.evaluate(LOADED))
    page.wait_for_load_state("networkidle")
    return milliseconds


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    stop_on_sigterm()
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("no Chromium: `scripts/services start chromium` installs it")
    with fresh_home() as home:
        home.import_and_materialise([SAMPLES])
        with Api(home.folder, **home.variables) as api, sync_playwright() as playwright:
            api.first_answer(QUESTIONS[0])
            browser = playwright.chromium.launch(
                executable_path=program, args=["--disable-gpu"], chromium_sandbox=False
            )
            figures = measure(api.url, browser, options.loads)
            browser.close()
    print(json.dumps(figures) if options.json else "\n".join(f"{name:12} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
