"""Owns the encoding of Python's own containers, and of the builtin values that are no scalars."""

from __future__ import annotations

import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Any

from sweepable.identity.instances import attributes
from sweepable.identity.parts import (
    ATTRIBUTE,
    INDEX,
    KEY,
    NAME,
    Handler,
    Walk,
    complex_number,
    encode_scalar,
    integer,
    named,
    octets,
    real,
    size,
    text,
)


def _joined(walk: Walk, members: Iterable[Any]) -> bytes:
    parts = [encode_scalar(member) or walk.child(member, INDEX, at) for at, member in enumerate(members)]
    return size(len(parts)) + b"".join(parts)


def _list(walk: Walk, value: list[Any]) -> bytes:
    return b"l" + _joined(walk, list.__iter__(value))


def _tuple(walk: Walk, value: tuple[Any, ...]) -> bytes:
    return b"t" + _joined(walk, tuple.__iter__(value))


def _pairs(walk: Walk, pairs: Iterable[tuple[Any, Any]]) -> bytes:
    parts: list[bytes] = []
    add = parts.append
    for key, value in pairs:
        add(encode_scalar(key) or walk.child(key, NAME, len(parts) // 2))
        add(encode_scalar(value) or walk.child(value, KEY, key))
    return b"d" + size(len(parts) // 2) + b"".join(parts)


def _dict(walk: Walk, value: dict[Any, Any]) -> bytes:
    if "__spec__" in value:
        module = sys.modules.get(str(value.get("__name__")))
        if module is not None and vars(module) is value:  # what a module binds, and where it lies
            return b"V" + walk.described(module)
    return _pairs(walk, dict.items(value))


def _ordered_dict(walk: Walk, value: OrderedDict[Any, Any]) -> bytes:
    # dict.items would give the order of insertion, whatever move_to_end did since.
    return named("OrderedDict", _pairs(walk, OrderedDict.items(value)) + _attributes(walk, value))


def _attributes(walk: Walk, value: Any) -> bytes:
    """What was set on a container beside its content; nothing for most."""
    return attributes(walk, value) if vars(value) else b""


def _defaultdict(walk: Walk, value: defaultdict[Any, Any]) -> bytes:
    factory = walk.child(value.default_factory, ATTRIBUTE, "default_factory")
    return named("defaultdict", factory + _dict(walk, value))


def _counter(walk: Walk, value: Counter[Any]) -> bytes:
    return named("Counter", _dict(walk, value) + _attributes(walk, value))


def _mapping_proxy(walk: Walk, value: types.MappingProxyType[Any, Any]) -> bytes:
    return named("mappingproxy", _pairs(walk, value.items()))


def _deque(walk: Walk, value: deque[Any]) -> bytes:
    return named("deque", walk.child(value.maxlen, ATTRIBUTE, "maxlen") + _joined(walk, deque.__iter__(value)))


def _members(walk: Walk, value: Iterable[Any]) -> bytes:
    # By their bytes: what `<` says of members depends on their types, and for sets means "subset".
    parts = sorted([encode_scalar(member) or walk.member(member) for member in value])
    return size(len(parts)) + b"".join(parts)


def _set(walk: Walk, value: set[Any]) -> bytes:
    return b"e" + _members(walk, set.__iter__(value))


def _frozenset(walk: Walk, value: frozenset[Any]) -> bytes:
    return b"z" + _members(walk, frozenset.__iter__(value))


def _memoryview(walk: Walk, value: memoryview) -> bytes:
    data = octets(value.cast("B") if value.c_contiguous and value.nbytes else value.tobytes())
    return named("memoryview", text(value.format) + _tuple(walk, value.shape or ()) + data)


def _range(walk: Walk, value: range) -> bytes:
    return named("range", integer(value.start) + integer(value.stop) + integer(value.step))


def _slice(walk: Walk, value: slice) -> bytes:
    ends = [walk.child(getattr(value, end), ATTRIBUTE, end) for end in ("start", "stop", "step")]
    return named("slice", b"".join(ends))


def _bytes(walk: Walk, value: bytes) -> bytes:
    return octets(memoryview(value))


def _bytearray(walk: Walk, value: bytearray) -> bytes:
    return named("bytearray", octets(value))


HANDLERS: dict[type, Handler] = {
    # The first four are taken for what extends them; the exact types never come here.
    int: lambda walk, value: integer(value),
    float: lambda walk, value: real(value),
    str: lambda walk, value: text(value),
    complex: lambda walk, value: complex_number(value),
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _memoryview,
    range: _range,
    slice: _slice,
    type(...): lambda walk, value: named("Ellipsis", b""),
    type(NotImplemented): lambda walk, value: named("NotImplemented", b""),
    OrderedDict: _ordered_dict,
    defaultdict: _defaultdict,
    Counter: _counter,
    deque: _deque,
    types.MappingProxyType: _mapping_proxy,
}
