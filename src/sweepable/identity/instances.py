"""Owns the encoding of instances: class, constructor's arguments, attributes by name, content of what they extend."""

from __future__ import annotations

import copyreg
import types
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from operator import itemgetter
from typing import Any

from sweepable.identity.holding import attributes_of, held, slots_of
from sweepable.identity.origin import is_user_code
from sweepable.identity.parts import ATTRIBUTE, INDEX, KEY, NAME, PART, Handler, Walk, encode_scalar, size, text

#: What makes an instance of nothing but its class.
_NEW = getattr(copyreg, "__newobj__")  # noqa: B009 - the type stubs do not know it
_REDUCTIONS = frozenset({"__reduce__", "__reduce_ex__", "__getstate__"})
#: attrs keeps the hash of an instance here; it differs from process to process.
_CACHED_HASH = "_attrs_cached_hash"


def instance(walk: Walk, value: Any) -> bytes:
    """Encode any instance by its class and what `copy` and `pickle` would make it of."""
    return b"I" + walk.described(type(value)) + _taken_apart(walk, value)


def subclass(kind: type, base: type, handler: Handler) -> Handler:
    """The handler of a class that extends one with a handler: class, content, and what the class adds to it."""

    def extended(walk: Walk, value: Any) -> bytes:
        return b"u" + walk.described(kind) + handler(walk, value) + attributes(walk, value, base)

    def reduced(walk: Walk, value: Any) -> bytes:
        return b"U" + walk.described(kind) + handler(walk, value) + _taken_apart(walk, value)

    return reduced if _customises_reduction(kind, base) else extended


def _customises_reduction(kind: type, base: type) -> bool:
    """Whether the class itself says what its state is."""
    return any(not _REDUCTIONS.isdisjoint(vars(above)) for above in _above(kind, base))


def _above(kind: type, base: type) -> Iterable[type]:
    mro = kind.__mro__
    return mro[: mro.index(base)]


def attributes(walk: Walk, value: Any, base: type = object) -> bytes:
    """Encode the attributes of an instance, and its slots of classes above ``base``, by name."""
    found = _counting(walk, value, getattr(value, "__dict__", {}))
    for above in _above(type(value), base):
        for name, slot in vars(above).items():
            if type(slot) is types.MemberDescriptorType:
                with suppress(AttributeError):  # a slot not filled
                    found.append((name, slot.__get__(value)))
    return fields(walk, found)


def _counting(walk: Walk, value: object, own: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """The attributes that count: all, unless the walk leaves out what is kept of cached properties."""
    if not walk.unfilled:
        return list(own.items())
    kind = type(value)
    return [(name, part) for name, part in own.items() if not isinstance(_of_class(kind, name), cached_property)]


def _of_class(kind: type, name: object) -> object:
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)  # type: ignore[index]


def fields(walk: Walk, found: Iterable[tuple[Any, Any]]) -> bytes:
    """Encode named values, sorted by name."""
    parts = [
        (encode_scalar(name) or walk.child(name, NAME, at), name, value)
        for at, (name, value) in enumerate(found)
        if name != _CACHED_HASH
    ]
    parts.sort(key=itemgetter(0))
    joined = [b"o", size(len(parts))]
    for name_part, name, value in parts:
        joined.append(name_part)
        joined.append(encode_scalar(value) or walk.child(value, ATTRIBUTE, name))
    return b"".join(joined)


def _taken_apart(walk: Walk, value: Any) -> bytes:
    """Encode what an instance reduces to."""
    reduced = _reduced(walk, value)
    if isinstance(reduced, str):  # a global, by its name; its content may still differ
        return b"g" + text(reduced) + attributes(walk, value)
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
        raise walk.refusal(value, "its __reduce__ gives neither a str nor a tuple")
    parts: list[Any] = [*reduced, None, None, None, None]
    make, arguments, state, members, pairs, setter = parts[:6]
    return _left_out(walk, value, state) + b"".join(
        (
            _made(walk, type(value), make, arguments),
            _state(walk, value, state),
            _members(walk, members),
            _pairs(walk, pairs),
            walk.child(setter, PART),
        )
    )


def _reduced(walk: Walk, value: Any) -> Any:
    reducer = copyreg.dispatch_table.get(type(value))
    try:
        return value.__reduce_ex__(4) if reducer is None else reducer(value)
    except TypeError as error:
        if "pickle" not in str(error):
            raise
        raise walk.refusal(value, str(error)) from error


def _left_out(walk: Walk, value: Any, state: Any) -> bytes:
    """Encode the attributes that a reduction written by the user leaves out: the methods of the class still use them.

    Most often these are what cannot be pickled; where it cannot be digested either, the class is taken at its word.
    """
    if not _is_reduced_by_its_author(type(value)):
        return b""
    kept = state if type(state) is dict else {}
    own = _counting(walk, value, {**attributes_of(value), **{s.__name__: part for s, part in slots_of(value)}})
    found = []
    left = [(name, part) for name, part in own if type(name) is str and kept.get(name, own) is not part]
    for name, part in sorted(left, key=itemgetter(0)):
        encoded = walk.attempt(part, ATTRIBUTE, name) if part is not held else None
        if encoded is not None:
            found.append(text(name) + encoded)
    return b"w" + size(len(found)) + b"".join(found) if found else b""


def _is_reduced_by_its_author(kind: type) -> bool:
    """Whether what instances reduce to is said by code of the user's, and not of a package that the class extends."""
    if kind in copyreg.dispatch_table:
        return is_user_code(kind)
    saying = next(base for base in kind.__mro__ if not _REDUCTIONS.isdisjoint(vars(base)))
    return saying is not object and isinstance(saying.__module__, str) and is_user_code(saying)


def _made(walk: Walk, kind: type, make: Any, arguments: Any) -> bytes:
    """Encode the constructor and its arguments; the class itself is encoded already."""
    if make is kind:
        head = b"k"
    elif make is _NEW and arguments[0] is kind:
        head, arguments = b"n", arguments[1:]
    else:
        head = b"f" + walk.child(make, PART)
    joined = [head, size(len(arguments))]
    for argument in arguments:
        joined.append(encode_scalar(argument) or walk.child(argument, PART))
    return b"".join(joined)


def _state(walk: Walk, value: Any, state: Any) -> bytes:
    """Encode a state: by name where it is plainly the attributes, else as it is, order included."""
    if state is None:
        return b"-"
    if _is_plain(type(value)):
        plain, slots = state if isinstance(state, tuple) else (state, None)
        return fields(walk, [*_counting(walk, value, plain or {}), *(slots or {}).items()])
    if type(state) is dict and _are_attributes(value, state):
        return fields(walk, _counting(walk, value, state))
    return b"v" + walk.child(state, PART)


def _is_plain(kind: type) -> bool:
    """Whether the state is what `object` itself takes it to be."""
    plain = all(getattr(kind, name) is getattr(object, name) for name in _REDUCTIONS)
    return plain and kind not in copyreg.dispatch_table


def _are_attributes(value: Any, state: dict[Any, Any]) -> bool:
    """Whether a state is a choice of the instance's attributes, whose order means nothing."""
    own = {**getattr(value, "__dict__", {}), **{slot.__name__: part for slot, part in slots_of(value)}}
    return all(type(name) is str and name in own and own[name] is part for name, part in state.items())


def _members(walk: Walk, members: Any) -> bytes:
    if members is None:
        return b"-"
    joined = [encode_scalar(member) or walk.child(member, INDEX, at) for at, member in enumerate(members)]
    return b"m" + size(len(joined)) + b"".join(joined)


def _pairs(walk: Walk, pairs: Any) -> bytes:
    if pairs is None:
        return b"-"
    joined = [b""]
    for at, (key, member) in enumerate(pairs):
        joined.append(encode_scalar(key) or walk.child(key, NAME, at))
        joined.append(encode_scalar(member) or walk.child(member, KEY, key))
    return b"p" + size(len(joined) // 2) + b"".join(joined)
