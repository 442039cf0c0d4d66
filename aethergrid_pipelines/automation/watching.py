"""The sensor that does what ``aethergrid watch --once`` does, for those who prefer to see it in Dagster."""

import time
from typing import TYPE_CHECKING

import dagster as dg

from aethergrid_pipelines.automation.resource import StoresResource
from aethergrid_pipelines.capture.account import Account
from aethergrid_pipelines.stores.errors import StoreUnavailable

if TYPE_CHECKING:
    from aethergrid_pipelines.flow.stores import Stores

INTERVAL_SECONDS = 30
LIMIT_SECONDS = 40.0
"""A tick has sixty seconds: so long files are begun; the next tick goes on with the rest."""


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Captures what tools wrote into their folders since the last tick; `aethergrid watch` does it at once.",
)
def watch_folders(context: dg.SensorEvaluationContext, stores: StoresResource) -> dg.SkipReason:
    """Read what has changed. It requests no run: ``conversation_changes`` does, for what was captured."""
    from aethergrid_pipelines.capture.watch_session import WatcherRunning

    try:
        files, account, problems = scan(stores.open())
    except (StoreUnavailable, WatcherRunning, ValueError) as error:
        return dg.SkipReason(str(error))
    for problem in problems:
        context.log.warning("%s", problem)
    return dg.SkipReason(f"{files} files had changed, {account.stored} messages were stored, {len(problems)} problems")


def scan(stores: "Stores", *, limit: float = LIMIT_SECONDS) -> tuple[int, Account, list[str]]:
    """Read what has changed for ``limit`` seconds: how many files, the account of them all, what went wrong.

    Raises ``StoreUnavailable``, ``WatcherRunning`` and ``ValueError`` (``WATCH_FOLDERS`` names what is no folder).
    """
    from aethergrid_pipelines.capture.follow import Read
    from aethergrid_pipelines.capture.watch_session import followed_folders, following
    from aethergrid_pipelines.stores.journal import CatalogJournal

    settings, total, problems, files = stores.settings, Account(), list[str](), 0
    end = time.monotonic() + limit
    with following(
        settings,
        followed_folders(settings),
        store=stores.conversations,
        journal=CatalogJournal(stores.catalog),
        space=settings.space,
        stopped=lambda: time.monotonic() > end,
    ) as follower:
        for found in follower.scan():
            if not isinstance(found, Read):
                continue
            files += 1
            total.add(found.account)
            if found.error:
                problems.append(f"{found.path}: {found.error}")
            elif found.account.rejected:
                problems.append(f"{found.path}: {found.account.rejected} records were rejected")
        if follower.archive is not None:
            follower.archive.compress_old()
    return files, total, problems
