"""The live worker and a run of Dagster that both noticed the same change."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from aethergrid_pipelines.flow.handed_on import HandedOn
from aethergrid_pipelines.flow.raw import RawStep
from aethergrid_pipelines.flow.scope import Scope, Stale, StepReport
from aethergrid_pipelines.flow.stores import Stores
from aethergrid_pipelines_tests.flow.contents import everything, put
from aethergrid_pipelines_tests.opened import Place

TIMES = 12
AT_ONCE = 2


def test_two_that_record_the_same_conversations_at_once_record_each_once(stores: Stores, there: Place) -> None:
    names = [f"c{number}" for number in range(20)]
    with there.open() as other, ThreadPoolExecutor(AT_ONCE) as threads:
        for each in (stores, other):
            each.catalog.ping()
        for time in range(TIMES):
            for name in names:
                put(stores, name, ["Which tables grow?", *(f"So far {count}." for count in range(time))])
            batch = list(RawStep().stale(stores, Scope()))
            met = Barrier(AT_ONCE)

            def record(opened: Stores, batch: list[Stale] = batch, met: Barrier = met) -> None:
                met.wait()
                RawStep().run(opened, batch, StepReport("raw_conversations"), run_id="both", handed=HandedOn())

            assert len(batch) == len(names)
            for done in [threads.submit(record, opened) for opened in (stores, other)]:
                done.result()
            assert len(everything(stores)["conversations"]) == len(names)
            assert not list(RawStep().stale(stores, Scope()))
