"""What ``aethergrid doctor`` looks at."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aethergrid_pipelines.embedders.protocol import Embedder
    from aethergrid_pipelines.settings import Settings
    from aethergrid_pipelines.stores.catalog import Catalog
    from aethergrid_pipelines.stores.vectors import VectorStore

PROBE_SECONDS = 30.0
"""A model that is built for the first time takes most of it."""

LITTLE_DISK_BYTES = 2 * 1024**3

PACKAGES = (
    "aethergrid-pipelines", "dagster", "fastapi", "lancedb", "onnxruntime", "pymongo", "sqlalchemy", "weaviate-client",
)  # fmt: skip


@dataclass(slots=True)
class Finding:
    """``broken``: something that is needed does not work; ``warning``: it will work, but look at it."""

    name: str
    state: Literal["ok", "warning", "broken"]
    detail: str
    advice: str | None = None
    milliseconds: float | None = None


def examine(settings: "Settings") -> list[Finding]:
    """Probe everything that the settings select, one after the other; what hangs is given up after half a minute."""
    from aethergrid_pipelines.cli.components import conversation_address
    from aethergrid_pipelines.embedders.select import open_embedder
    from aethergrid_pipelines.stores.select import open_catalog, open_conversation_store, open_vector_store

    findings = [_disk(settings.home_path)]
    catalog, vectors = open_catalog(settings), open_vector_store(settings)

    def conversations() -> str:
        store = open_conversation_store(settings)
        store.ping()
        count = sum(number for _, number in store.days())
        store.close()
        return f"{conversation_address(settings)}, {count} conversations"

    def ledger() -> str:
        catalog.ping()
        return catalog.address

    def index() -> str:
        vectors.ping()
        info = vectors.info()
        return " ".join(str(value) for value in info.values())

    embedders: list[Embedder] = []

    def embedding() -> str:
        embedder = open_embedder(settings)
        vector = embedder.embed_query("Is anybody there?")
        embedders.append(embedder)
        return f"{embedder.name}, {vector.size} dimensions, window of {embedder.window} tokens"

    findings.append(_probed("conversation store", conversations, "MONGODB_URL"))
    findings.append(_probed("catalog", ledger, "POSTGRES_URL"))
    findings.append(_probed("vector store", index, "WEAVIATE_URL"))
    findings.append(_probed("embedder", embedding, "EMBEDDING_MODEL, OPENAI_API_KEY and OPENAI_BASE_URL"))
    broken = {finding.name for finding in findings if finding.state == "broken"}
    if "catalog" not in broken:
        findings.append(account(catalog))
    if not broken & {"catalog", "vector store"} and embedders:
        findings += consistency(catalog, vectors, embedders[0])
    if not settings.capture_enabled:
        findings.append(
            Finding(
                "capture", "warning", "the API takes in nothing (CAPTURE_ENABLED=false)", "set CAPTURE_ENABLED=true"
            )
        )
    return findings


def consistency(catalog: "Catalog", vectors: "VectorStore", embedder: "Embedder") -> Iterator[Finding]:
    """Whether index, embedder and ledger agree."""
    active = vectors.active()
    if active is None:
        yield Finding("index", "warning", "there is none yet", "aethergrid import PATH, then aethergrid process")
        return
    collection, name, dimension = active
    about = f"{collection}: {name}, {dimension} dimensions"
    if name != embedder.name:
        detail = f"{about}; but EMBEDDING_MODEL gives {embedder.name}"
        yield Finding("index", "warning", detail, "aethergrid process builds the new index, and then switches to it")
    elif dimension != embedder.dimension:
        detail = f"{about}; but the embedder gives {embedder.dimension} dimensions"
        yield Finding("index", "broken", detail, "set VECTOR_DIMENSIONS to that of the index, or unset it")
    else:
        yield Finding("index", "ok", about)
    stored, pending = _ledger(catalog, collection)
    held = vectors.count(collection)
    detail = f"the ledger has {stored} stored and {pending} pending fragments, the vector store {held}"
    agree = stored == held and not pending
    advice = None if agree else "aethergrid process repeats what was cut short; the asset checks name what differs"
    yield Finding("ledger", "ok" if agree else "warning", detail, advice)


def account(catalog: "Catalog") -> Finding:
    """Whether every record that was ever imported has an outcome."""
    from aethergrid_pipelines.flow.accounts import file_accounts, unbalanced

    with catalog.reading() as connection:
        files = list(file_accounts(connection))
    wrong = list(unbalanced(files))
    read = sum(file.read for file in files)
    if not wrong:
        return Finding("account", "ok", f"{read} records of {len(files)} files, each with its outcome")
    file, problem = wrong[0]
    detail = f"of {len(wrong)} files it does not add up; {file.path}: {problem}"
    return Finding("account", "warning", detail, "import these files again: aethergrid status --sources names them")


def settings_in_force(settings: "Settings") -> dict[str, str]:
    """Each setting by the name of its variable; secrets only as being set or not."""
    from pydantic import SecretStr

    shown = {}
    for name, field in type(settings).model_fields.items():
        alias = field.validation_alias
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = "********"
        shown[alias if isinstance(alias, str) else name.upper()] = "" if value is None else str(value)
    return shown


def versions() -> dict[str, str]:
    """The installed versions of what matters most, and Python's."""
    import platform
    from importlib.metadata import version

    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _disk(home: Path) -> Finding:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{home}: {free / 1024**3:.1f} GB free"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        return Finding(
            "home", "broken", f"{home}: {error.strerror}", "set AETHERGRID_HOME to a folder that is writable"
        )
    if free < LITTLE_DISK_BYTES:
        return Finding("home", "warning", detail, "make room, or set AETHERGRID_HOME to another disk")
    return Finding("home", "ok", detail)


def _probed(name: str, probe: Callable[[], str], variables: str) -> Finding:
    from aethergrid_pipelines.api.components import UNREADY
    from aethergrid_pipelines.cli.failures import in_one_line

    advice = f"see that it runs and that {variables} is right"
    found = [Finding(name, "broken", f"no answer within {PROBE_SECONDS:.0f} s", advice)]

    def work() -> None:
        started = time.perf_counter()
        try:
            finding = Finding(name, "ok", probe())
        except (*UNREADY, OSError, RuntimeError, ValueError, ImportError) as error:
            finding = Finding(name, "broken", in_one_line(error) or type(error).__name__, advice)
        finding.milliseconds = round((time.perf_counter() - started) * 1_000, 1)
        found.append(finding)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return found[-1]


def _ledger(catalog: "Catalog", collection: str) -> tuple[int, int]:
    from sqlalchemy import func, select

    from aethergrid_pipelines.records.tables import FragmentRow, table_of

    rows = table_of(FragmentRow)
    query = select(rows.c.state, func.count()).where(rows.c.collection == collection).group_by(rows.c.state)
    with catalog.reading() as connection:
        counts = {row[0]: row[1] for row in connection.execute(query)}
    return counts.get("stored", 0), counts.get("pending", 0)
