"""Values that cached calls have returned in this process, and the call of each: known when another is given one."""

from __future__ import annotations

import enum
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from sweepable.identity.code import describe
from sweepable.identity.key import key_part
from sweepable.identity.origin import STDLIB_NAMES
from sweepable.identity.values import Encoder
from sweepable.model import StoredCall, UpstreamCall
from sweepable.notices import logger
from sweepable.store.store import Store

#: The types of most results and arguments, which nobody can follow.
SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, np.float64, np.int64, np.bool_})
#: Marks of what has a key, or stands for calls, of its own.
_OURS = ("__sweepable_key__", "__sweepable_calls__", "__sweepable_cached__", "__sweepable_upstream__")
_NOT_DATA = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType, enum.Enum)
#: Containers with more in them than this are not looked into, and none that is deeper within a result.
_MOST = 64
_DEEPEST = 2
_MOST_KNOWN = 1000
_MOST_TOLD = 100_000

_Path = tuple[Any, ...]


class Origin(weakref.ref[Any]):
    """A value that a cached call returned, and the call.

    Attributes
    ----------
    place : int
        The value's id.
    key : str
        Of the call.
    store : Store
        Where that is stored.
    output : str or None
        The output in which the value was; None: in what the call returned as a whole.
    path : tuple
        Where in that.
    told : set of (int, str) or None
        The calls, by id, that are known to have been given it, with the parameter.
    """

    __slots__ = ("key", "output", "path", "place", "store", "told")

    place: int
    key: str
    store: Store
    output: str | None
    path: _Path
    told: set[tuple[int, str]] | None


#: By id; a value that is gone is not among them.
ORIGINS: dict[int, Origin] = {}


def _gone(origin: Any, origins: dict[int, Origin] = ORIGINS) -> None:
    found = origins.pop(origin.place, None)
    if found is not None and found is not origin:  # another value has been given the id meanwhile
        origins.setdefault(found.place, found)


# -- what is followed

#: Type -> ``value``, ``container``, ``fields`` (a value that has some), or empty: nothing to follow.
_KINDS: dict[type, str] = {
    np.ndarray: "value",
    tuple: "container",
    list: "container",
    dict: "container",
    **dict.fromkeys(SCALARS, ""),
}


def _kind(of: type) -> str:
    found = _KINDS.get(of)
    if found is None:
        found = _kind_of(of)
        if len(_KINDS) > _MOST_KNOWN:  # a notebook defines its classes again and again
            for known in list(_KINDS)[len(SCALARS) + 4 :]:
                _KINDS.pop(known, None)
        _KINDS[of] = found
    return found


def _kind_of(of: type) -> str:
    if issubclass(of, (tuple, list, dict)):
        return "container"
    package = of.__module__.partition(".")[0] if isinstance(of.__module__, str) else ""
    if not of.__weakrefoffset__ or issubclass(of, _NOT_DATA) or any(hasattr(of, mark) for mark in _OURS):
        return ""
    if package == "numpy" and not issubclass(of, np.ndarray):
        return ""
    if package == "pandas" and not any(base.__name__ in ("NDFrame", "Index") for base in of.__mro__):
        return ""
    if package in STDLIB_NAMES and package != "__main__":
        return ""
    return "fields" if hasattr(of, "__dataclass_fields__") else "value"


def _parts(value: object, depth: int) -> Iterator[tuple[_Path, object]]:
    """What can be followed of a value, with the way to each; itself at the end of an empty one."""
    kind = _kind(type(value))
    if kind in ("value", "fields"):
        yield (), value
    if kind == "fields" and depth:
        for name in type(value).__dataclass_fields__:  # type: ignore[attr-defined]
            yield from _within(name, getattr(value, name, None), depth)
    elif kind == "container" and depth and 0 < len(value) <= _MOST:  # type: ignore[arg-type]
        items = value.items() if isinstance(value, dict) else enumerate(value)  # type: ignore[arg-type]
        for step, part in list(items):
            yield from _within(step, part, depth)


def _within(step: object, value: object, depth: int) -> Iterator[tuple[_Path, object]]:
    if _kind(type(value)):
        for path, part in _parts(value, depth - 1):
            yield (step, *path), part


def _at(value: Any, path: _Path) -> Any:
    for step in path:
        value = getattr(value, step) if _kind(type(value)) == "fields" else value[step]
    return value


def register(value: object, key: str, store: Store, output: str | None = None) -> None:
    """Note that a call has returned a value, in which there may be several that can be followed.

    Parameters
    ----------
    value : object
        What was returned, or one output of it.
    key : str
        Of the call.
    store : Store
        Where it is stored.
    output : str, optional
        The one output that `value` is.
    """
    kind = type(value)
    if kind is tuple and (len(value) > _MOST or SCALARS.issuperset(map(type, value))):  # type: ignore[call-overload,arg-type]
        return  # as most functions of scalars return
    try:
        if kind is np.ndarray:
            _register(value, key, store, output, ())
            return
        for path, part in _parts(value, _DEEPEST):
            _register(part, key, store, output, path)
    except Exception:  # of a class or property of the user's; the value is there
        logger().debug("what %s has returned cannot be followed", key[:12], exc_info=True)


def _register(value: object, key: str, store: Store, output: str | None, path: _Path) -> None:
    origin, place = Origin(value, _gone), id(value)
    origin.place, origin.key, origin.store, origin.output, origin.path = place, key, store, output, path
    origin.told = None
    ORIGINS[place] = origin


# -- what was given


class Given(NamedTuple):
    """An argument, or a part of one, that a cached call has returned."""

    #: The parameter.
    name: str
    origin: Origin
    value: object
    #: What of it stands in the key, where it is the whole argument.
    part: bytes | None


def given(arguments: Iterable[tuple[str, object, bytes]]) -> list[Given]:
    """Those arguments, and parts of them, that cached calls have returned.

    Parameters
    ----------
    arguments : iterable of (str, object, bytes)
        Parameter, value, and what of that stands in the key.
    """
    found: list[Given] = []
    if not ORIGINS:
        return found
    try:
        for name, value, whole in arguments:
            origin = ORIGINS.get(id(value))
            if origin is not None and origin() is value:
                found.append(Given(name, origin, value, whole))
            elif type(value) is not np.ndarray and type(value) not in SCALARS:
                found += _given_within(name, value)
    except Exception:  # as above
        logger().debug("where arguments come from cannot be seen", exc_info=True)
    return found


def _given_within(name: str, value: object) -> Iterator[Given]:
    for path, part in _parts(value, 1):
        origin = ORIGINS.get(id(part)) if path else None
        if origin is not None and origin() is part:
            yield Given(name, origin, part, None)


def upstream(found: Iterable[Given], key: str, store: Store) -> tuple[UpstreamCall, ...]:
    """The calls that values which a call was given are from; nothing of those that have been changed since.

    Parameters
    ----------
    found : iterable of Given
        What it was given.
    key : str
        Of the call.
    store : Store
        Where it is stored: calls that are stored elsewhere are left out.
    """
    try:
        return tuple(
            UpstreamCall(each.origin.key, "passed", each.name)
            for each in found
            if _is_other(each, key, store) and _is_as_stored(each, store.fetch(each.origin.key))
        )
    except Exception:  # a result is worth more than what it came from
        logger().debug("where the arguments of the call %s come from cannot be read", key[:12], exc_info=True)
        return ()


def _is_other(each: Given, key: str, store: Store) -> bool:
    return each.origin.store is store and each.origin.key != key


#: What stands in a key of an output as it is stored, with the result that it is of.
_STORED: dict[tuple[str, str, str | None, str], tuple[bytes | None, bytes]] = {}


def _is_as_stored(each: Given, call: StoredCall | None) -> bool:
    """Whether a value still is what the call returned: it may have been changed in place since."""
    if call is None or call.result is None:
        return False
    part = key_part(Encoder(describe).encode(each.value)) if each.part is None else each.part
    return part == _stored_part(each.origin, call)


def _stored_part(origin: Origin, call: StoredCall) -> bytes:
    at = (origin.store.folder, origin.key, origin.output, repr(origin.path))
    known = _STORED.get(at)
    if known is None or known[0] != call.result:
        known = call.result, key_part(Encoder(describe).encode(_stored(origin, call)))
        if len(_STORED) > _MOST_KNOWN:
            _STORED.clear()
        _STORED[at] = known
    return known[1]


def _stored(origin: Origin, call: StoredCall) -> object:
    """The value as it is stored; no other output is loaded for it."""
    store, output, path = origin.store, origin.output, origin.path
    if output is None and path:
        layout = store.layout(call.layout)
        if layout.kind != "value":
            at, *rest = path
            output, path = layout.names[at] if isinstance(at, int) else str(at), tuple(rest)
    return _at(store.value(call) if output is None else store.output(call, output), path)


# -- a stored call that is given a value from another call than before

#: Store, call, the call that gave the value, and parameter, where that has been seen to.
_told: set[tuple[str, int, int, str]] = set()


def meet(found: Iterable[Given], call: StoredCall, store: Store) -> None:
    """Note of a stored call where the values come from that it is given now; never an error.

    Parameters
    ----------
    found : iterable of Given
        What it is given.
    call : StoredCall
        The call.
    store : Store
        Where it is stored.
    """
    try:
        fresh = [each for each in found if each.origin.told is None or (call.id, each.name) not in each.origin.told]
        wanted = dict(_new(fresh, call, store)) if fresh else {}
        if wanted:
            store.edges.add(call.key, tuple(wanted.values()))
            if len(_told) > _MOST_TOLD:
                _told.clear()
            _told.update(wanted)
    except Exception:  # the value is there
        logger().debug("where the arguments of the call %s come from is not noted", call.key[:12], exc_info=True)


def _new(
    found: Iterable[Given], call: StoredCall, store: Store
) -> Iterator[tuple[tuple[str, int, int, str], UpstreamCall]]:
    """What is to be noted, and what tells that it has been."""
    for each in found:
        origin = store.fetch(each.origin.key) if _is_other(each, call.key, store) else None
        if origin is None or not _is_as_stored(each, origin):
            continue
        # The argument is that of the call: as long as the call is this one, so is what is known of the object.
        if each.origin.told is None:
            each.origin.told = set()
        each.origin.told.add((call.id, each.name))
        at = (store.folder, call.id, origin.id, each.name)
        if at not in _told:
            yield at, UpstreamCall(origin.key, "passed", each.name)
