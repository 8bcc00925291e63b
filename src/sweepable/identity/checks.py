"""The checks of a guard in the making: what is written of objects, and of the content of values, part by part."""

from __future__ import annotations

import functools
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from sweepable.errors import UndigestibleError
from sweepable.identity.depth import TOO_DEEP
from sweepable.identity.holding import held, parts_of, same_parts, slots_of
from sweepable.identity.opaque import current, streamed
from sweepable.identity.registered import generation
from sweepable.identity.values import Encoder, is_frozen

#: Arrays up to this size are compared byte by byte; larger ones by digest.
_SMALL = 64 * 1024
#: A check that takes longer than this, in seconds, is spoken of.
_SLOW = 1e-3
#: Lists up to this length are compared part by part.
_FEW = 8
#: Paths are written in full up to this length.
_LONG = 200
#: A value that takes more checks than this is checked by its digest.
_MOST = 2000

#: What has to hold, as an expression, and what it is about.
Check: TypeAlias = tuple[str, str]


class Checks:
    """The checks of a guard in the making, and the names of what they are about.

    Parameters
    ----------
    root : object
        The object the walk begins at. The guard is given it anew each time, so as not to keep it alive.
    """

    def __init__(self, root: object) -> None:
        self.root = root
        self.found: list[Check] = []
        self.names: dict[str, Any] = dict(_HELPERS)
        self._named: dict[int, str] = {}
        self._seen: set[object] = set()

    def first(self, kind: str, holder: object, key: object) -> bool:
        """Whether this is not checked yet."""
        # The holder is kept by the check that follows, so that its id stays its own.
        mark = (kind, id(holder), key if isinstance(key, str) else id(key))
        if mark in self._seen:
            return False
        self._seen.add(mark)
        return True

    def add(self, expression: str, what: str) -> None:
        """Add what has to hold, and what it is about."""
        self.found.append((expression, what))

    def key(self, key: object) -> str:
        """How the generated code writes a key."""
        return repr(key) if type(key) is str else self.name(key)

    def name(self, obj: object) -> str:
        """How the generated code calls an object, which is kept from now on."""
        if obj is self.root:
            return "root"
        if obj is None or obj is True or obj is False:
            return repr(obj)
        name = self._named.get(id(obj))
        if name is None:
            name = self._named[id(obj)] = f"o{len(self._named)}"
            self.names[name] = obj
        return name


class Contents:
    """Watches the content of values, part by part.

    Parameters
    ----------
    checks : Checks
    is_plain : callable
        Whether a class of instances is known to hold all their state in their attributes.
    """

    def __init__(self, checks: Checks, is_plain: Callable[[type], bool]) -> None:
        self.checks = checks
        #: What takes long to recheck, with the seconds that it takes, and the value that it is part of.
        self.slow: list[tuple[str, float, object]] = []
        self._whole: object = None
        self._is_plain = is_plain
        self._watched: set[int] = set()

    def watch(self, value: object, what: str) -> None:
        """A value's content, however deep, stays what it is. What cannot change needs no check."""
        if self.checks.first("registered", generation, None):
            self.checks.add(f"generation[0] == {generation[0]}", "what was said with sweepable.register_digest")
        self._whole = value
        stack, before, met = [(value, what)], len(self.checks.found), list[int]()
        most = before + _MOST
        while stack:
            if len(self.checks.found) > most:  # so many checks take longer than one of the whole
                most = sys.maxsize
                if _can_be_digested(value):
                    del self.checks.found[before:]
                    self._watched.difference_update(met)
                    stack = list(self._digested(value, what))
                    continue
            part, path = stack.pop()
            if id(part) in self._watched or _is_leaf(part):
                continue
            self._watched.add(id(part))
            met.append(id(part))
            self.checks.name(part)  # kept, so that its id stays its own
            # The names of what is nested deep are shortened: they would be longer than all else.
            stack.extend(self._parts(part, path if len(path) <= _LONG else f"{path[:_LONG]}..."))

    def _parts(self, value: Any, what: str) -> Iterable[tuple[object, str]]:
        """Check what a value holds; return what has to be watched within it."""
        kind = type(value)
        if kind in (tuple, frozenset):  # first, as asking whether it is frozen asks all that is in it
            return [(part, what) for part in value if type(part) not in _LEAVES]
        if issubclass(kind, tuple) and is_frozen(value):
            return [(part, what) for part in kind.__iter__(value) if type(part) not in _LEAVES]
        if kind in (list, deque):
            return self._sequence(value, what)
        if kind in (dict, OrderedDict, defaultdict) and not getattr(value, "__dict__", None):
            return self._mapping(value, what)
        if kind is set:
            return self._set(value, what)
        if kind is np.ndarray and not value.dtype.hasobject:
            return self._array(value, what)
        if kind is types.SimpleNamespace or self._is_plain(kind):
            return self._instance(value, what)
        return self._digested(value, what)

    def _sequence(self, value: list[Any] | deque[Any], what: str) -> Iterable[tuple[object, str]]:
        name, parts = self.checks.name(value), tuple(value)
        if len(parts) > _FEW:
            self.checks.add(f"len({name}) == {len(parts)} and all(map(is_, {name}, {self.checks.name(parts)}))", what)
        else:
            same = [f"{name}[{at}] is {self.checks.name(part)}" for at, part in enumerate(parts)]
            self.checks.add(" and ".join([f"len({name}) == {len(parts)}", *same]), what)
        return [(part, f"{what}[{at}]") for at, part in enumerate(parts) if type(part) not in _LEAVES]

    def _mapping(self, value: dict[Any, Any], what: str) -> Iterable[tuple[object, str]]:
        self._same_items(value, what)
        if isinstance(value, OrderedDict):
            self.checks.add(f"not {self.checks.name(value)}.__dict__", what)
        if isinstance(value, defaultdict):
            self.checks.add(
                f"{self.checks.name(value)}.default_factory is {self.checks.name(value.default_factory)}", what
            )
        return [
            (part, f"{what}[{key!r}]" if type(key) is str else what)
            for key, held in value.items()
            for part in (key, held)
            if type(part) not in _LEAVES
        ]

    def _same_items(self, value: dict[Any, Any], what: str) -> None:
        name, keys, values = self.checks.name(value), tuple(value), tuple(value.values())
        if len(keys) == 1 and type(keys[0]) is str:
            self.checks.add(f"len({name}) == 1 and {name}[{keys[0]!r}] is {self.checks.name(values[0])}", what)
            return
        same_keys = f"all(map(is_, {name}, {self.checks.name(keys)}))"
        if len(keys) <= _FEW and all(type(key) is str for key in keys):
            each = [f"{name}[{key!r}] is {self.checks.name(part)}" for key, part in value.items()]
            same_values = " and ".join(each) or "True"
        else:
            same_values = f"all(map(is_, {name}.values(), {self.checks.name(values)}))"
        self.checks.add(f"len({name}) == {len(keys)} and {same_keys} and {same_values}", what)

    def _set(self, value: set[Any], what: str) -> Iterable[tuple[object, str]]:
        members = tuple(value)
        self.checks.name(members)
        ids = frozenset(map(id, members))
        self.checks.add(f"set(map(id, {self.checks.name(value)})) == {self.checks.name(ids)}", what)
        return [(part, what) for part in members]

    def _array(self, value: np.ndarray[Any, Any], what: str) -> Iterable[tuple[object, str]]:
        if value.nbytes > _SMALL and not is_frozen(value):
            return self._digested(value, what)
        name = self.checks.name(value)
        kept = [f"{name}.dtype is {self.checks.name(value.dtype)}", f"{name}.shape == {value.shape}"]
        if value.dtype.names:  # which can be set, and others not
            kept.append(f"repr({name}.dtype) == {self.checks.name(repr(value.dtype))}")
        if value.nbytes <= _SMALL:
            kept.append(f"{name}.tobytes() == {self.checks.name(value.tobytes())}")
        else:
            kept += [f"{name}.strides == {value.strides}", *self._read_only(value)]
        self.checks.add(" and ".join(kept), what)
        return []

    def _read_only(self, value: object) -> Iterator[str]:
        """That nobody has made an array writable, or what it is a view of."""
        while isinstance(value, np.ndarray):
            yield f"not {self.checks.name(value)}.flags.writeable"
            value = value.base

    def _instance(self, value: Any, what: str) -> Iterable[tuple[object, str]]:
        name = self.checks.name(value)
        self.checks.add(f"type({name}) is {self.checks.name(type(value))}", what)
        parts: list[tuple[object, str]] = []
        if hasattr(value, "__dict__"):
            own = vars(value)
            self.checks.add(f"{name}.__dict__ is {self.checks.name(own)}", what)
            self._same_items(own, what)
            parts += [(part, f"{what}.{key}") for key, part in own.items()]
        for slot, part in slots_of(value):
            # Through the descriptor: a property of that name may hide the slot.
            self.checks.add(
                f"held({self.checks.name(slot)}, {name}) is {self.checks.name(part)}", f"{what}.{slot.__name__}"
            )
            parts.append((part, f"{what}.{slot.__name__}"))
        return parts

    def _digested(self, value: object, what: str) -> Iterable[tuple[object, str]]:
        started = perf_counter()
        try:
            before, kept = _fingerprint(value)
        except UndigestibleError as error:
            # What is nested too deep does not count, so what it holds need not be watched.
            return [] if error.reason == TOO_DEEP else self._apart(value, what)
        if (seconds := perf_counter() - started) > _SLOW:
            self.slow.append((what, seconds, self._whole))

        def same() -> bool:
            return _fingerprint(value)[0] == before

        self.checks.name(kept)

        self.checks.add(f"{self.checks.name(same)}()", what)
        return []

    def _apart(self, value: object, what: str) -> Iterable[tuple[object, str]]:
        """What cannot be digested as a whole: that it holds the very same objects."""
        parts = tuple(parts_of(value))
        self.checks.add(f"same_parts({self.checks.name(value)}, {self.checks.name(parts)})", what)
        return [(part, what) for part in parts]


_LEAVES = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented)}
    | {types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType}
    | {functools.partial, functools.partialmethod, staticmethod, classmethod, property, functools.cached_property}
    | {type(functools.lru_cache(len)), functools.singledispatchmethod}
)
_OURS = ("__sweepable_cached__", "__sweepable_upstream__", "__sweepable_key__")


def _is_leaf(value: object) -> bool:
    """Whether a value needs no watching: it cannot change, or it is code, which is watched as such."""
    kind = type(value)
    return (
        kind in _LEAVES
        or issubclass(kind, type)
        or any(getattr(kind, mark, False) for mark in _OURS)
        or (kind is not np.ndarray and not issubclass(kind, tuple | frozenset) and is_frozen(value))
    )


def _can_be_digested(value: object) -> bool:
    try:
        _fingerprint(value)
    except UndigestibleError:
        return False
    return True


def _fingerprint(value: object) -> tuple[bytes, list[object]]:
    """The content of a value, with the code within it told by identity (it is watched as such), and that code."""
    kept: list[object] = []

    def describe(value: object, path: str) -> bytes:
        parts = (value.__func__, value.__self__) if isinstance(value, types.MethodType) else (value,)
        kept.extend(parts)  # so that no other object is given their ids
        return repr([id(part) for part in parts]).encode()

    return Encoder(describe).encode(value), kept


def _is_empty(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False


_HELPERS: dict[str, Any] = {
    "len": len, "all": all, "map": map, "is_": is_, "set": set, "id": id, "type": type, "repr": repr, "held": held,
    "is_empty": _is_empty, "current": current, "streamed": streamed,
    "same_parts": same_parts,
    "generation": generation,
}  # fmt: skip
