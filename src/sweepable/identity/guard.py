"""The guard of a version: a generated function that rechecks, by identity, all that the version was made of."""

from __future__ import annotations

import abc
import types
from collections.abc import Callable, Mapping, Sized
from contextvars import ContextVar
from typing import Any

from sweepable.identity.checks import Check, Checks, Contents

#: So many checks make one generated statement.
_STATEMENT = 100
#: Entries of classes that Python makes, and that never count.
_OF_EVERY_CLASS = frozenset({"__module__", "__dict__", "__weakref__"})


class Guard:
    """Tells whether everything that a version was made of is still what it was.

    Parameters
    ----------
    checks : list of (expression, what)
        What holds while nothing has changed, and what it is about.
    names : dict
        The objects that the expressions name.
    """

    def __init__(self, checks: list[Check], names: dict[str, Any]) -> None:
        self._checks = checks
        self._names = names
        # Made when first asked: a process that makes one call never does.
        self.holds: Callable[[object], bool] = self._holds_first

    def _holds_first(self, root: object) -> bool:
        self.holds = _generated([expression for expression, _ in self._checks], self._names)
        return self.holds(root)

    def objects(self) -> list[object]:
        """What it compares with: the code, functions and values that the version was made of."""
        return list(self._names.values())

    def broken(self, root: object) -> str | None:
        """What has changed, in words; None while nothing has."""
        for expression, what in self._checks:
            try:
                same = eval(expression, self._names, {"root": root})
            except Exception:  # whatever cannot be looked up any more has changed
                same = False
            if not same:
                return what
        return None


def _generated(expressions: list[str], names: dict[str, Any]) -> Callable[[object], bool]:
    lines = ["def holds(root):", "    try:"]
    for start in range(0, len(expressions), _STATEMENT):
        joined = " and ".join(f"({part})" for part in expressions[start : start + _STATEMENT])
        lines.append(f"        if not ({joined}): return False")
    # Whatever cannot be looked up any more has changed; the walk that follows finds out how.
    lines += ["        return True", "    except Exception:", "        return False"]
    made: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<sweepable guard>", "exec"), names, made)
    holds: Callable[[object], bool] = made["holds"]
    return holds


class Watch:
    """Collects, during a walk, what its guard has to recheck.

    Parameters
    ----------
    root : object
        The object the walk begins at.
    is_plain : callable
        Whether a class of instances is known to hold all their state in their attributes.
    """

    def __init__(self, root: object, is_plain: Callable[[type], bool]) -> None:
        self.checks = Checks(root)
        self._contents = Contents(self.checks, is_plain)

    def guard(self) -> Guard:
        """The guard over everything noted."""
        return Guard(self.checks.found, self.checks.names)

    def binding(self, mapping: Mapping[Any, Any], key: object, expected: object, what: str) -> None:
        """A key of a namespace is bound to this very object."""
        if self.checks.first("item", mapping, key):
            self.checks.add(
                f"{self.checks.name(mapping)}[{self.checks.key(key)}] is {self.checks.name(expected)}", what
            )

    def lacks(self, mapping: Mapping[Any, Any], key: str, what: str) -> None:
        """A namespace has no such key."""
        if self.checks.first("lacks", mapping, key):
            self.checks.add(f"{key!r} not in {self.checks.name(mapping)}", what)

    def size(self, mapping: Sized, what: str) -> None:
        """A namespace has as many keys as now."""
        if self.checks.first("size", mapping, None):
            self.checks.add(f"len({self.checks.name(mapping)}) == {len(mapping)}", what)

    def entries(self, cls: type, what: str) -> None:
        """The entries of a class are these very objects, and no more."""
        if not self.checks.first("entries", cls, None):
            return
        mapping = vars(cls)
        # The root is not to be kept alive, so its entries are looked up through it.
        name = "root.__dict__" if cls is self.checks.root else self.checks.name(mapping)
        self.checks.add(f"len({name}) == {len(mapping)}", what)
        if type(cls) is not type:
            self.checks.add(f"type({self.checks.name(cls)}) is {self.checks.name(type(cls))}", what)
        for key, value in mapping.items():
            if key not in _OF_EVERY_CLASS:
                self.checks.add(f"{name}[{key!r}] is {self.checks.name(value)}", f"{what}.{key}")

    def attribute(self, obj: object, name: str, expected: object, what: str) -> None:
        """An attribute is this very object."""
        if self.checks.first("attribute", obj, name):
            self.checks.add(f"{self.checks.name(obj)}.{name} is {self.checks.name(expected)}", what)

    def variable(self, variable: ContextVar[Any], expected: object, what: str) -> None:
        """A context variable has this very value."""
        if self.checks.first("variable", variable, None):
            self.checks.add(f"current({self.checks.name(variable)}) is {self.checks.name(expected)}", what)

    def stream(self, stream: object, expected: object, what: str) -> None:
        """A stream in memory has this text, and is at this place of it."""
        if self.checks.first("stream", stream, None):
            self.checks.add(f"streamed({self.checks.name(stream)}) == {self.checks.name(expected)}", what)

    def subclasses(self, cls: type, expected: list[type], what: str) -> None:
        """A class has these very subclasses."""
        if self.checks.first("subclasses", cls, None):
            listed, known = self.checks.name(type.__subclasses__), self.checks.name(expected)
            self.checks.add(f"{listed}({self.checks.name(cls)}) == {known}", what)

    def registrations(self, what: str) -> None:
        """No class has been registered with an abstract one."""
        if self.checks.first("registrations", abc, None):
            self.checks.add(f"{self.checks.name(abc.get_cache_token)}() == {abc.get_cache_token()}", what)

    def empty(self, cell: types.CellType, what: str) -> None:
        """A closure variable is bound to nothing."""
        if self.checks.first("cell", cell, None):
            self.checks.add(f"is_empty({self.checks.name(cell)})", what)

    def cell(self, function: types.FunctionType, at: int, expected: object, what: str) -> None:
        """A closure variable holds this very object."""
        assert function.__closure__ is not None
        if self.checks.first("cell", function.__closure__[at], None):
            if function is self.checks.root:
                self.checks.add(f"root.__closure__[{at}].cell_contents is {self.checks.name(expected)}", what)
            else:
                self.checks.add(
                    f"{self.checks.name(function.__closure__[at])}.cell_contents is {self.checks.name(expected)}", what
                )

    def content(self, value: object, what: str) -> None:
        """A value's content, however deep, stays what it is. What cannot change needs no check."""
        self._contents.watch(value, what)

    def slow(self) -> list[tuple[str, float, object]]:
        """What takes long to recheck, with the seconds that it takes, and the value that it is part of."""
        return self._contents.slow
