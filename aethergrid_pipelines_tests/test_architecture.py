"""Arrows between the rooms of the house point one way; docs/architecture.md draws them."""

import sys

import pytest

from aethergrid_pipelines_tests.imports import PACKAGE, Import, all_imports, imports, loaded_by, modules

PROTOCOLS = {"stores.cache", "stores.conversations", "stores.vectors", "stores.errors"}

# What a room may know of the others (by room or by module), itself aside. `settings` is free to those who open things.
MAY_KNOW = {
    "records": set[str](),
    "transform": {"records", "remembered", "embedders.protocol"},
    "embedders": {"records", "remembered", "settings", *PROTOCOLS},
    # The journal of imports implements a protocol of capture.
    "stores": {"records", "settings", "embedders.protocol", "capture.account", "capture.protocol"},
    "capture": {"records", "rare_collections", "settings", *PROTOCOLS},
    # What the families have in common is done elsewhere; Claude's form is read as the proxy reads it.
    "adapters": {
        "records",
        "settings",
        "capture",
        "embedders",
        "query",
        "proxy.anthropic_messages",
        "proxy.turn",
        *PROTOCOLS,
    },
    "query": {"records", "transform", "embedders", "settings", *PROTOCOLS},
    # An edge as api/ is; it opens the same components and has the same guard.
    "mcp_server": {
        "records",
        "settings",
        "hosts",
        "query",
        "capture",
        "flow",
        "embedders",
        "api.components",
        "api.guard",
        "stores.catalog",
        "stores.lease",
        *PROTOCOLS,
    },
}

# Assets and checks are partitioned, hence know automation.partitions; what launches them is none of their business.
LAUNCHERS = {f"automation.{name}" for name in ("jobs", "schedules", "sensors")}

MAY_NOT_KNOW = {
    "flow": {"assets", "checks", "automation", "definitions", "api", "cli", "live", "query"},
    "assets": {"api", "cli", "live", *LAUNCHERS},
    "checks": {"api", "cli", "live", *LAUNCHERS},
    "api": {"assets", "checks", "automation", "definitions", "cli"},
    "live": {"assets", "checks", "automation", "definitions", "api", "cli"},
    "proxy": {"assets", "checks", "automation", "definitions", "api", "cli", "live", "query", "flow"},
}

WITHOUT_DAGSTER = (
    "records",
    "transform",
    "embedders",
    "stores",
    "capture",
    "adapters",
    "flow",
    "query",
    "api",
    "live",
    "mcp_server",
    "proxy",
)

HEAVY = {
    "great_expectations",
    "lancedb",
    "mcp",
    "onnx",
    "onnxruntime",
    "openai",
    "pandas",
    "pymongo",
    "redis",
    "tiktoken",
    "tokenizers",
    "weaviate",
}

GRAPH = all_imports()


def room(module: str) -> str:
    """``aethergrid_pipelines.flow.engine`` is in the room ``flow``."""
    return module.removeprefix(PACKAGE).lstrip(".").split(".")[0]


def known(found: Import) -> set[str]:
    """The room and the module that an import names, as the rules above do."""
    inside = found.module.removeprefix(f"{PACKAGE}.")
    return {inside, room(found.module)}


def ours(*, importers: str) -> list[Import]:
    """The imports of a room's modules that lead into another room of the package; lazy ones count too."""
    return [
        found
        for found in GRAPH
        if room(found.importer) == importers
        and found.module.startswith(f"{PACKAGE}.")
        and room(found.module) != importers
    ]


def told(found: list[Import]) -> str:
    return "\n".join(str(one) for one in found)


@pytest.mark.parametrize("name", MAY_KNOW)
def test_a_room_knows_only_what_its_arrows_lead_to(name: str) -> None:
    strangers = [found for found in ours(importers=name) if not known(found) & MAY_KNOW[name]]

    assert not strangers, told(strangers)


@pytest.mark.parametrize("name", MAY_NOT_KNOW)
def test_a_room_does_not_know_its_callers(name: str) -> None:
    callers = [found for found in ours(importers=name) if known(found) & MAY_NOT_KNOW[name]]

    assert not callers, told(callers)


@pytest.mark.parametrize("name", WITHOUT_DAGSTER)
def test_only_what_dagster_loads_names_dagster(name: str) -> None:
    orchestrated = [
        found
        for found in GRAPH
        if room(found.importer) == name and found.module.split(".")[0] in {"dagster", "great_expectations"}
    ]

    assert not orchestrated, told(orchestrated)


def test_the_api_loads_neither_dagster_nor_great_expectations() -> None:
    chains = {
        module: chain
        for name in modules()
        if room(name) == "api"
        for module, chain in loaded_by(name, GRAPH).items()
        if module.split(".")[0] in {"dagster", "dagster_postgres", "great_expectations"}
    }

    assert not chains, "\n\n".join(told(chain) for chain in chains.values())


@pytest.mark.parametrize("entry", ["definitions", "cli.app", "api.app", "settings"])
def test_what_takes_long_to_import_is_imported_where_it_is_used(entry: str) -> None:
    name = f"{PACKAGE}.{entry}"
    assert name in modules(), f"{name} is gone: name its successor here"

    heavy = {module: chain for module, chain in loaded_by(name, GRAPH).items() if module.split(".")[0] in HEAVY}

    assert not heavy, "\n\n".join(told(chain) for chain in heavy.values())


def test_no_module_reaches_into_dagsters_internals() -> None:
    """Only a run launcher does: what its interface is made of is exported nowhere else, and every launcher uses it."""
    launching = {f"aethergrid_pipelines.automation.{name}" for name in ("run_launcher", "celery_launcher", "imported")}
    internal = [found for found in GRAPH if found.module.startswith("dagster._") and found.importer not in launching]

    assert not internal, told(internal)


def test_every_import_is_of_something_that_exists() -> None:
    names = frozenset(modules())
    gone = [found for found in GRAPH if found.module.startswith(f"{PACKAGE}.") and found.module not in names]

    assert not gone, told(gone)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pandas", {("pandas", True)}),
        ("from pandas import DataFrame", {("pandas", True)}),
        ("def load():\n    import pandas", {("pandas", False)}),
        ("async def load():\n    from pandas import DataFrame", {("pandas", False)}),
        ("class Reader:\n    import pandas", {("pandas", True)}),
        ("try:\n    import pandas\nexcept ImportError:\n    pass", {("pandas", True)}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
         {("typing", True), ("pandas", False)}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import os\nelse:\n    import pandas",
         {("typing", True), ("os", False), ("pandas", True)}),
        ("from house.room import chair", {("house.room.chair", True)}),
        ("from house.room import table", {("house.room", True)}),
    ],
)  # fmt: skip
def test_the_graph_tells_eager_imports_from_lazy_ones(source: str, expected: set[tuple[str, bool]]) -> None:
    found = imports("reader", source, frozenset({"house.room.chair"}))

    assert {(one.module, one.eager) for one in found} == expected


def test_the_graph_follows_imports_of_imports() -> None:
    graph = [
        Import("a", 1, "a.b.c", eager=True),
        Import("a.b.c", 1, "d", eager=True),
        Import("a.b", 1, "e", eager=True),
        Import("a.b.c", 2, "f", eager=False),
    ]

    assert set(loaded_by("a", graph)) == {"a", "a.b", "a.b.c", "d", "e"}


def test_the_graph_agrees_with_the_interpreter() -> None:
    import aethergrid_pipelines.settings  # noqa: F401

    ours_loaded = {name for name in loaded_by(f"{PACKAGE}.settings", GRAPH) if name.startswith(PACKAGE)}

    assert ours_loaded <= set(sys.modules)
