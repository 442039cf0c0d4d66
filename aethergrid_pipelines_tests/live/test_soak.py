"""Whatever strikes the live worker while people talk, the memory ends as if nothing had."""

import datetime as dt
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from bson import json_util
from sqlalchemy import update

from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.records.tables import Cursor, FragmentRow, Lease, StepState, table_of
from aethergrid_pipelines.stores import feed_cursor, lease
from aethergrid_pipelines_tests.flow.contents import everything
from aethergrid_pipelines_tests.live.own_servers import OwnServers, own_servers
from aethergrid_pipelines_tests.live.struck_worker import StruckWorker
from aethergrid_pipelines_tests.live.talk import Talking
from aethergrid_pipelines_tests.opened import KINDS, place

KILLS = 30
A_SECOND = 10.0
END_SECONDS = 120.0

Strike = Callable[[Stores], None]


def a_cursor_of_nothing(stores: Stores) -> None:
    feed_cursor.save(stores.catalog, lease.LIVE, "makes no sense")


def a_cursor_of_another_store(stores: Stores) -> None:
    token = json_util.dumps({"collection": "elsewhere.conversations", "token": {"_data": "8263"}})
    feed_cursor.save(stores.catalog, lease.LIVE, token if stores.settings.mongodb_url else "elsewhere:5")


def a_cursor_that_looks_right(stores: Stores) -> None:
    known = feed_cursor.load(stores.catalog, lease.LIVE)
    assert known
    if stores.settings.mongodb_url is None:
        feed_cursor.save(stores.catalog, lease.LIVE, f"{known.partition(':')[0]}:999999999")
        return
    bogus = {**json_util.loads(known), "token": {"_data": "826300000000000000"}}
    feed_cursor.save(stores.catalog, lease.LIVE, json_util.dumps(bogus))


def no_cursor(stores: Stores) -> None:
    with stores.catalog.writing() as connection:
        connection.exec_driver_sql("DELETE FROM cursors")


def a_clock_that_is_set_back(stores: Stores) -> None:
    """Whatever was written until now was written an hour from now."""
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    with stores.catalog.writing() as connection:
        for row_class, column in STAMPS:
            connection.execute(update(table_of(row_class)).values({column: moment}))


CURSORS: Mapping[int, Strike] = {
    3: a_cursor_of_nothing,
    9: a_cursor_of_another_store,
    15: a_cursor_that_looks_right,
    21: no_cursor,
}
"""What becomes of the resume token after which of the kills."""

CLOCKS = (6, 20)
STAMPS = ((Lease, "expires_at"), (Cursor, "updated_at"), (StepState, "processed_at"), (FragmentRow, "written_at"))

RESTARTS = {12: "weaviate", 18: "mongodb"}


@contextmanager
def servers_of(kind: str, folder: Path) -> Iterator[OwnServers | None]:
    if kind == "embedded":
        yield None
        return
    with own_servers(folder) as servers:
        yield servers


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_thirty_kills_restarts_and_lost_tokens_leave_what_a_quiet_run_does(kind: str, tmp_path: Path) -> None:
    rng = random.Random(3)
    with (
        servers_of(kind, tmp_path / "servers") as servers,
        place(kind, tmp_path / "struck", servers.variables if servers else None) as struck,
        place(kind, tmp_path / "quiet") as quiet,
        struck.open() as stores,
        quiet.open() as undisturbed,
    ):
        talking = Talking(stores, seed=5, rate=A_SECOND)
        talking.start()
        for turn in range(KILLS):
            worker = StruckWorker(struck.variables)
            worker.wait_for_batch()
            if turn in CLOCKS:
                a_clock_that_is_set_back(stores)
                worker.wait_for_batch()
            if servers and turn in RESTARTS:
                servers.stop(RESTARTS[turn])
                assert not servers.start(RESTARTS[turn])
                worker.wait_for_batch()
            time.sleep(rng.uniform(0, 0.4))
            worker.kill()
            if turn in CURSORS:
                CURSORS[turn](stores)
        talking.stop()
        for change in talking.made:
            change(undisturbed)
        materialise_all(undisturbed, Scope(), run_id="quiet")
        expected = everything(undisturbed)
        assert len(expected["conversations"]) > KILLS
        last = StruckWorker(struck.variables)
        deadline = time.monotonic() + END_SECONDS
        while everything(stores) != expected and time.monotonic() < deadline:
            time.sleep(0.5)
        last.kill()
        assert everything(stores) == expected
