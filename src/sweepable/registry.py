"""Which cached functions this process knows, and how another process finds them again."""

from __future__ import annotations

import importlib
import inspect
import itertools
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from sweepable.cacheable import code_of
from sweepable.errors import WorkerRefused
from sweepable.upstream import is_cached

if TYPE_CHECKING:
    from sweepable.callee import Callee

# -- finding them again in another process

#: Module -> name -> declaration of what `sweepable.wrap` has put there.
WRAPPED: dict[str, dict[str, dict[str, Any]]] = {}

#: Wraps functions of a module as another process did; the layer that makes cached functions puts itself here.
wrap_again: Callable[[Any, dict[str, dict[str, Any]]], None] = cast("Any", None)


def found_in(module: object, qualname: str) -> Any:
    """What a dotted name stands for in a module, None if nothing; methods as they stand in their class."""
    found = module
    for part in qualname.split("."):
        if found is None or part == "<locals>":
            return None
        found = inspect.getattr_static(found, part, None)
    return found


def callee_by_name(module: str, qualname: str, wrapped: dict[str, dict[str, Any]]) -> Callee:
    """The callee of the cached function that a module holds."""
    loaded = importlib.import_module(module)
    missing = {name: spec for name, spec in wrapped.items() if not is_cached(found_in(loaded, name))}
    if missing:
        wrap_again(loaded, missing)
    found = found_in(loaded, qualname)
    if not is_cached(found):
        raise WorkerRefused(
            f"{module}.{qualname} is a cached function where this call was made, but not in this process"
        )
    callee: Callee = found.callee
    return callee


class _Sent:
    """A function that a module holds in its cached form only: another process takes it out of that."""

    def __init__(self, named: tuple[str, str, dict[str, dict[str, Any]]]) -> None:
        self._named = named

    def __reduce__(self) -> Any:
        return _function_by_name, self._named


def _function_by_name(module: str, qualname: str, wrapped: dict[str, dict[str, Any]]) -> Callable[..., Any]:
    return callee_by_name(module, qualname, wrapped).function


def as_sent(function: Callable[..., Any]) -> object:
    """What to pickle for a function: where its cached form can be found in a module, a variant's is there, too."""
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or module == "__main__":
        return function
    found = found_in(sys.modules.get(module), qualname)
    if not is_cached(found) or found.callee.function is not function:
        return function
    return _Sent((module, qualname, dict(WRAPPED.get(module, {}))))


# -- which cached functions this process knows

_KNOWN: dict[tuple[str, str], weakref.ref[Callee]] = {}
_LIVING: weakref.WeakSet[Callee] = weakref.WeakSet()
_changes = itertools.count(1)
_generation = 0


def generation() -> int:
    """A number that is another one once a cached function has been defined, or is no more."""
    return _generation


def _changed(reference: object = None) -> None:
    global _generation
    _generation = next(_changes)


def register(callee: Callee) -> None:
    """Make `callee` the one that its name and home stand for in this process."""
    _KNOWN[callee.name, callee.facts.home] = weakref.ref(callee, _changed)
    _LIVING.add(callee)
    _changed()


def known(name: str) -> list[Callee]:
    """The cached functions of this process that bear `name`, one per home, the newest of each."""
    found = [reference() for (known_name, _), reference in list(_KNOWN.items()) if known_name == name]
    return [callee for callee in found if callee is not None]


def bearing(identifier: str) -> list[Callee]:
    """The cached functions of this process whose qualified name ends so."""
    return [callee for callee in list(_LIVING) if callee.identifier == identifier]


def is_superseded(callee: Callee) -> bool:
    """Whether the function of this name and home has been defined anew since, as by a notebook cell run again."""
    newest = _KNOWN.get((callee.name, callee.facts.home))
    newest_callee = newest() if newest is not None else None
    if newest_callee is None or newest_callee is callee:
        return False
    # Equal code is one factory's, or came here twice from another process.
    return code_of(newest_callee.function) != code_of(callee.function)


def siblings(callee: Callee) -> list[Callee]:
    """The cached functions of this process that one factory made with `callee`, itself included."""
    code = code_of(callee.function)
    named = [other for other in list(_LIVING) if other.name == callee.name]
    return [other for other in named if other is callee or (code is not None and code_of(other.function) is code)]
