"""Which adapters there are: those of this package, one file each; files in ``AETHERGRID_HOME/adapters``; and those that
other packages name by an entry point in the group ``aethergrid.adapters``."""

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import aethergrid_pipelines.adapters as room
from aethergrid_pipelines.adapters.protocol import INTERFACE, Adapter
from aethergrid_pipelines.settings import Settings

GROUP = "aethergrid.adapters"
NAMED = "ADAPTER"
"""What a file calls its adapter: a class that is made of the settings and the model's name, or ``None``."""

Make = Callable[[Settings, str | None], Adapter]

_VERSION = re.compile(r"(\d+)\.(\d+)")
_NEEDED = (
    *("name", "interface", "version", "model_name", "vector_dimensions", "max_context_window"),
    *("capture", "embed", "normalise", "query", "health", "close"),
)

# What a file that somebody else wrote raises while it is read.
_BROKEN = (ImportError, SyntaxError, AttributeError, NameError, TypeError, ValueError, LookupError, OSError)


class Refused(Exception):
    """An adapter cannot be used; the message says why."""


class UnknownAdapter(ValueError):
    """There is no adapter of this name; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """Adapters by name, and by where they were found, why others are not among them. Close it."""

    found: dict[str, Adapter] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def named(self, name: str) -> Adapter:
        """Raises :class:`UnknownAdapter`."""
        if name not in self.found:
            raise UnknownAdapter(f"no adapter is called {name!r}; there are {', '.join(self.found)}")
        return self.found[name]

    def close(self) -> None:
        """Close them all; idempotent."""
        for adapter in self.found.values():
            adapter.close()


def open_adapters(settings: Settings) -> Adapters:
    """Every adapter there is, ours first. One that cannot be used hinders no other; nothing is contacted."""
    adapters = Adapters()
    models = settings.models_of_adapters
    for place, load in (*_ours(), *_files(settings.home_path / "adapters"), *_installed()):
        try:
            adapter = _made(load, settings, models)
        except Refused as error:
            adapters.refused[place] = str(error)
            continue
        if adapters.found.setdefault(adapter.name, adapter) is not adapter:
            adapters.refused[place] = f"there is another adapter called {adapter.name!r}"
    return adapters


def check_interface(name: str, interface: str) -> None:
    """Raise :class:`Refused` where an adapter was written for another interface than ours."""
    theirs, ours = _VERSION.fullmatch(interface), _VERSION.fullmatch(INTERFACE)
    if theirs is None or ours is None:
        raise Refused(f"{name} says interface {interface!r}, which is no version like {INTERFACE!r}")
    if theirs[1] != ours[1] or int(theirs[2]) > int(ours[2]):
        older = int(theirs[1]) < int(ours[1])
        what = "a later release of the adapter" if older else "a later release of AetherGrid"
        raise Refused(f"{name} is written for interface {interface}, and this is {INTERFACE}: it needs {what}")


def _made(load: Callable[[], Any], settings: Settings, models: dict[str, str]) -> Adapter:
    try:
        make = load()
        name, interface = str(make.name), str(make.interface)
        # Before anything of it runs.
        check_interface(name, interface)
        missing = [part for part in _NEEDED if not hasattr(make, part)]
        if missing:
            raise Refused(f"{name} lacks {', '.join(missing)}")
        adapter: Adapter = make(settings, models.get(name))
    except _BROKEN as error:
        raise Refused(f"{type(error).__name__}: {error}") from error
    return adapter


def _ours() -> Iterator[tuple[str, Callable[[], Any]]]:
    for module in pkgutil.iter_modules(room.__path__):
        loaded = importlib.import_module(f"{room.__name__}.{module.name}")
        if hasattr(loaded, NAMED):
            yield loaded.__name__, lambda loaded=loaded: getattr(loaded, NAMED)  # type: ignore[misc]


def _files(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    for path in sorted(folder.glob("*.py")):
        yield str(path), lambda path=path: _from_file(path)  # type: ignore[misc]


def _from_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"aethergrid_adapter_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, NAMED)


def _installed() -> Iterator[tuple[str, Callable[[], Any]]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        yield f"{point.value} ({point.dist.name if point.dist else point.name})", point.load
