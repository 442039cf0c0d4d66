"""The import graph of the package, read from its source: nothing is executed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aethergrid_pipelines

PACKAGE = "aethergrid_pipelines"
ROOT = Path(aethergrid_pipelines.__file__).parent


@dataclass(frozen=True, slots=True)
class Import:
    """``module`` is imported by ``importer``; ``eager`` when that happens as soon as ``importer`` is loaded."""

    importer: str
    line: int
    module: str
    eager: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.module}"


def modules(root: Path = ROOT, package: str = PACKAGE) -> dict[str, Path]:
    """Every module below ``root`` by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


def imports(name: str, source: str, known: frozenset[str]) -> Iterator[Import]:
    """The imports of one module. ``from a import b`` is of ``a.b`` where that is a module of ``known``."""
    for node, eager in _walk(ast.parse(source), eager=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name, eager)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield Import(name, node.lineno, submodule if submodule in known else node.module, eager)


def all_imports() -> list[Import]:
    """The imports of every module of the package."""
    files = modules()
    known = frozenset(files)
    return [found for name, path in files.items() for found in imports(name, path.read_text(), known)]


def loaded_by(name: str, graph: list[Import]) -> dict[str, list[Import]]:
    """What loading a module loads: each module with the chain of imports that leads there.

    Modules of the package are followed, others are named and not followed.
    """
    eager: dict[str, list[Import]] = {}
    for found in graph:
        if found.eager:
            eager.setdefault(found.importer, []).append(found)
    chains: dict[str, list[Import]] = {name: []}
    queue = [name]
    while queue:
        current = queue.pop(0)
        for found in eager.get(current, []):
            for module in (found.module, *_parents(found.module)):
                if module not in chains:
                    chains[module] = [*chains[current], found]
                    queue.append(module)
    return chains


def _parents(module: str) -> Iterator[str]:
    """The packages that Python loads before ``module``."""
    while "." in module:
        module = module.rsplit(".", 1)[0]
        yield module


def _walk(node: ast.AST, *, eager: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        lazy = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield child, eager
        if isinstance(child, ast.If) and _type_checking(child.test):
            for statement in child.body:
                yield statement, False
                yield from _walk(statement, eager=False)
            for statement in child.orelse:
                yield statement, eager
                yield from _walk(statement, eager=eager)
        else:
            yield from _walk(child, eager=eager and not lazy)


def _type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
