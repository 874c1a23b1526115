"""The modules of the package import each other one way: no circle, not even by a late import."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pgcredits

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pgcredits.__path__[0])


def modules() -> dict[str, ast.Module]:
    """All modules of the package by name; a package's own is that of its __init__.py."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """What is executed at some time: all but what only type checkers read."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from statements(child)


def imported(module: ast.Module, known: set[str]) -> set[str]:
    """Which modules of ours a module imports itself; the packages that these are in not counted."""
    found = set()
    for node in statements(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & known or {str(node.module)}
    return found & known


def test_modules_import_each_other_one_way() -> None:
    found = modules()

    graph = {name: imported(module, set(found)) for name, module in found.items()}

    assert (
        "pgcredits.cli.console" in graph["pgcredits.cli.entry_point"] | graph["pgcredits.cli.app"]
    )
    # It raises a CycleError, which names the circle.
    assert set(TopologicalSorter(graph).static_order()) == set(found)
