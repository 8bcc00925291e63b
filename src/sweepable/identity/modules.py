"""Modules of the user: which a body imports, and all that one of them holds."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import types
from types import ModuleType
from typing import Any

from sweepable.identity import ignoring, origin
from sweepable.identity.graph import Node
from sweepable.identity.references import Source
from sweepable.identity.surroundings import MODULE_NAMES, is_notebooks
from sweepable.identity.walk import Walk


def absolute(source: Source, namespace: dict[str, Any]) -> str | None:
    if not source.level:
        return source.module
    package = namespace.get("__package__")
    if not isinstance(package, str):
        name = str(namespace.get("__name__", ""))
        package = name if "__path__" in namespace else name.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * source.level + source.module, package)
    except (ImportError, ValueError):
        return None


def load(walk: Walk, name: str) -> ModuleType | str:
    """A module that a body imports: itself if it is the user's, else what it is: ``package`` or ``missing``.

    The user's own is imported, as the function would import it; a package's is not.
    """
    # Whether a package happens to be loaded already must not tell: its modules count by name either way.
    if not _is_local(walk, name):
        return "package"
    known = sys.modules.get(name)
    if isinstance(known, ModuleType):
        return known
    try:
        return importlib.import_module(name)
    except Exception as error:  # the function may well expect that
        walk.findings.note(f"the module {name}, imported in a body, cannot be imported ({error!r})")
        return "missing"


def _is_local(walk: Walk, name: str) -> bool:
    if any(name == tracked or name.startswith(f"{tracked}.") for tracked in walk.options.track):
        return True
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == origin.OWN_NAME:
        return False
    if isinstance(loaded := sys.modules.get(top), ModuleType):
        return walk.is_user(loaded)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(origin.file_kind(os.fspath(place)) == "user" for place in places if place)


def is_findable(walk: Walk, name: str) -> bool:
    if not _is_local(walk, name):
        return False
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except Exception:  # the package itself is imported by this
        return False


def package_node(walk: Walk, name: str, kind: str) -> Node:
    if kind == "package":
        walk.package(name)
    marker = types.SimpleNamespace(name=name, kind=kind)
    node = Node(kind, marker, names=[name], own=f"{kind} module {name}".encode())
    walk.nodes.append(node)
    return node


def explore_namespace(walk: Walk, node: Node, namespace: dict[str, Any]) -> None:
    """Every name of a module: for code that uses a module as a whole."""
    walk.watch.size(namespace, f"the names of the module {namespace.get('__name__')}")
    prefix = f"{namespace.get('__name__')}."
    for name in sorted(key for key in namespace if isinstance(key, str)):
        label = name if namespace.get("__name__") in ("__main__", "__mp_main__") else prefix + name
        place = ignoring.module_global(namespace, name)
        if name in MODULE_NAMES or walk.ignores(place) or is_notebooks(namespace, name):
            continue
        walk.watch.binding(namespace, name, namespace[name], f"the global {label}")
        walk.edge(node, name, namespace[name], namespace, place=place)
