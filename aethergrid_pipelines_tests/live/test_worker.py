"""The live worker over embedded and real stores: at once, in order, and whatever ends it."""

import datetime as dt
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import select, update

from aethergrid_pipelines.automation.jobs import ASSETS
from aethergrid_pipelines.automation.live_report import DagsterReport
from aethergrid_pipelines.flow.engine import materialise_all
from aethergrid_pipelines.flow.forget import forget
from aethergrid_pipelines.flow.scope import Scope
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines.live.worker import LiveWorker, Processed
from aethergrid_pipelines.records.tables import Lease, table_of
from aethergrid_pipelines.stores import feed_cursor, lease
from aethergrid_pipelines.stores.errors import StoreUnavailable
from aethergrid_pipelines_tests.flow.contents import DAY, everything, put
from aethergrid_pipelines_tests.opened import Place

LEASES = table_of(Lease)
TEXTS = ["Who answers first?", "Whoever is awake."]


def drained(worker: LiveWorker, stores: Stores) -> None:
    """Let a worker go on until the feed has nothing new."""
    for _ in range(20):
        before = feed_cursor.load(stores.catalog, lease.LIVE)
        assert worker.step()
        if feed_cursor.load(stores.catalog, lease.LIVE) == before:
            return
    pytest.fail("the feed never ends")


def test_history_comes_first_and_then_each_change(stores: Stores) -> None:
    done: list[Processed] = []
    put(stores, "old", TEXTS)
    worker = LiveWorker(stores, on_batch=done.append)
    drained(worker, stores)
    put(stores, "new", [*TEXTS, "And then?"], days=1)
    drained(worker, stores)
    assert sum(batch.conversations for batch in done) == 2
    assert set().union(*(batch.days for batch in done)) == {DAY.date(), DAY.replace(day=6).date()}
    active = stores.vectors.active()
    assert active
    assert stores.vectors.count(active[0]) == 5


def test_it_ends_where_a_run_of_all_steps_does(there: Place, stores: Stores, tmp_path: Path) -> None:
    worker = LiveWorker(stores)
    drained(worker, stores)
    for number in range(3):
        put(stores, f"c{number}", [f"Question {number}?", f"Answer {number}."], days=number)
        drained(worker, stores)
    put(stores, "c1", ["Question 1?", "A better answer."], days=1)
    forget(stores, put(stores, "c2", ["Question 2?", "Answer 2."], days=2), run_id="forget")
    drained(worker, stores)
    found = everything(stores)
    materialise_all(stores, Scope(), run_id="again")
    assert everything(stores) == found
    assert len(found["conversations"]) == 2


def test_another_worker_waits_until_the_lease_is_free(stores: Stores) -> None:
    first, second = LiveWorker(stores), LiveWorker(stores)
    assert first.step()
    assert not second.step()
    assert lease.held(stores.catalog, lease.LIVE)
    first._release()
    assert not lease.held(stores.catalog, lease.LIVE)
    assert second.step()


def test_a_lost_history_is_answered_with_a_scan(stores: Stores) -> None:
    feed_cursor.save(stores.catalog, lease.LIVE, "makes no sense")
    put(stores, "a", TEXTS)
    troubles: list[Exception] = []
    LiveWorker(stores, on_trouble=troubles.append).step()
    assert len(troubles) == 1
    assert len(everything(stores)["conversations"]) == 1


def test_a_store_that_goes_away_costs_nothing_but_time(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aethergrid_pipelines.live.worker.PAUSES", (0.01,))
    worker = LiveWorker(stores)
    drained(worker, stores)
    messages, failing = stores.conversations.messages, [True, True]

    def flaky(ids: list[str]) -> object:
        if failing:
            failing.pop()
            raise StoreUnavailable("gone for a moment")
        return messages(ids)

    monkeypatch.setattr(stores.conversations, "messages", flaky)
    put(stores, "a", TEXTS)
    stop = threading.Event()
    troubles: list[Exception] = []
    found = LiveWorker(stores, on_batch=lambda _: stop.set(), on_trouble=troubles.append)
    worker._release()
    found.run(stop)
    assert len(troubles) == 2
    assert len(everything(stores)["fragments"]) == len(TEXTS)
    assert not lease.held(stores.catalog, lease.LIVE)


def test_dagster_is_told_of_each_asset_and_day(stores: Stores) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        report = DagsterReport(instance)
        put(stores, "a", TEXTS)
        put(stores, "b", TEXTS, days=1)
        LiveWorker(stores, on_batch=report.add).step()
        report.close()
        for name in ASSETS:
            assert len(instance.get_materialized_partitions(dg.AssetKey(name))) == 2


def test_a_report_that_dagster_does_not_take_ends_nothing(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        report = DagsterReport(instance)
        put(stores, "a", TEXTS)
        LiveWorker(stores, on_batch=report.add).step()
        for database in tmp_path.rglob("*.db"):
            database.chmod(0o600)
            database.write_bytes(b"no database any more")
        report.close()
    assert "does not take" in caplog.text
    assert len(everything(stores)["conversations"]) == 1


def test_a_lease_is_renewed_before_it_ends_and_not_each_time(stores: Stores) -> None:
    holder = lease.new_holder()
    assert lease.take(stores.catalog, lease.LIVE, holder)
    ends = _ends(stores)
    assert lease.take(stores.catalog, lease.LIVE, holder)
    assert _ends(stores) == ends
    _end_at(stores, ends - (lease.DURATION - lease.RENEWED))
    assert lease.take(stores.catalog, lease.LIVE, holder)
    assert _ends(stores) >= ends


def test_a_lease_from_before_the_clock_was_set_back_binds_nobody(stores: Stores) -> None:
    first, second = LiveWorker(stores), LiveWorker(stores)
    assert first.step()
    assert not second.step()
    _end_at(stores, _ends(stores) + dt.timedelta(hours=1))
    assert not lease.held(stores.catalog, lease.LIVE)
    assert second.step()
    assert not first.step()


def _ends(stores: Stores) -> dt.datetime:
    with stores.catalog.reading() as connection:
        found: dt.datetime = connection.execute(select(LEASES.c.expires_at)).scalar_one()
    return found


def _end_at(stores: Stores, moment: dt.datetime) -> None:
    with stores.catalog.writing() as connection:
        connection.execute(update(LEASES).values(expires_at=moment))


def test_the_lease_of_a_process_that_is_gone_binds_nobody(stores: Stores) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "from aethergrid_pipelines.stores.lease import new_holder; print(new_holder())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert lease.take(stores.catalog, lease.LIVE, gone)
    assert not lease.held(stores.catalog, lease.LIVE)
    assert LiveWorker(stores).step()
