"""Owns the canonical encoding of values: equal values have equal bytes, different values never do.

What is equal is decided by type and content, never by pickle bytes, addresses, hash order or sharing. What cannot be
encoded is refused; nothing is left out and nothing collapses to a constant.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from blake3 import blake3

from sweepable.errors import SweepableError, UndigestibleError
from sweepable.identity import arrays, containers, proxies, registered, sentinels, standard
from sweepable.identity.depth import DEEPEST, TOO_DEEP, TooDeep, room
from sweepable.identity.frozen import is_frozen
from sweepable.identity.instances import instance, subclass
from sweepable.identity.parts import (
    ATTRIBUTE,
    MEMBER,
    PARALLEL,
    SHORT,
    Handler,
    Walk,
    compact,
    encode_scalar,
    size,
    sized,
    text,
    type_name,
    written,
)

__all__ = ["Describe", "Encoder", "digest", "encode", "encode_scalar", "is_frozen"]


class Describe(Protocol):
    """How functions, methods, classes and modules are encoded: by their code, which is not this module's business."""

    def __call__(self, value: object, path: str) -> bytes:
        """The bytes of a function or class that was met at ``path``."""


class Encoder:
    """One walk over the values of one operation, with what it met on the way.

    Parameters
    ----------
    describe : Describe, optional
        How functions and classes are encoded; without it by module and name alone.
    stand_in : callable, optional
        What an upstream call counts by, given its key; without it by the key.
    unfilled : bool
        Leave out what instances keep of their cached properties.

    Attributes
    ----------
    calls : list of (path, key, value)
        The upstream calls met, in order; one that a value holds several times may be listed once.
    """

    _path: str
    _trail: list[tuple[str, object]]
    _depths: dict[int, int]
    _open: dict[int, tuple[int, int, object]]
    _low: int
    _repeats: int

    def __init__(
        self,
        describe: Describe | None = None,
        stand_in: Callable[[str], str] | None = None,
        *,
        unfilled: bool = False,
    ) -> None:
        self.unfilled = unfilled
        self.calls: list[tuple[str, str, object]] = []
        self._describe = describe
        self._stand_in = stand_in
        self._handlers: dict[type, Handler] = {}
        # What is remembered holds its value, so that no id is given to another one meanwhile.
        self._memo: dict[int, tuple[object, bytes]] = {}
        self._holding_calls: dict[int, tuple[object, bytes]] = {}
        self._descriptions: dict[int, tuple[object, bytes]] = {}
        self._begin("value")

    def encode(self, value: object, path: str = "value") -> bytes:
        """Encode one value.

        Parameters
        ----------
        value : object
            Any value.
        path : str
            What messages call it.

        Raises
        ------
        UndigestibleError
            When the value, or one inside it, has no content that could be told.
        """
        part = encode_scalar(value)
        if part is not None:
            return part
        outer = self._path, self._trail, self._depths, self._open, self._low, self._repeats
        self._begin(path)
        try:
            return self._with_room(value)
        except RecursionError:
            raise UndigestibleError(path, type_name(value), TOO_DEEP) from None
        finally:
            self._path, self._trail, self._depths, self._open, self._low, self._repeats = outer

    def _with_room(self, value: object) -> bytes:
        """Encode a value; again, if the stack was too full for it: whether it can be must not depend on the caller."""
        path, met = self._path, len(self.calls)
        try:
            return self._compound(value)
        except TooDeep:
            raise
        except RecursionError:
            del self.calls[met:]
            self._begin(path)
            with room:
                return self._compound(value)

    def _begin(self, path: str) -> None:
        """Start a walk: describing a class may start one inside another."""
        self._path = path
        self._trail = []
        self._depths = {}
        self._open = {}
        self._low = 0
        self._repeats = 0
        # A second parameter that holds the same Record is told of it too.
        self._holding_calls.clear()

    # What handlers use (see `Walk`).

    def child(self, value: object, step: str, where: object = None) -> bytes:
        """Encode a value that is reached from the current one by a step."""
        part = encode_scalar(value)
        if part is not None:
            return part
        self._trail.append((step, where))
        part = self._compound(value)
        self._trail.pop()
        return part

    def member(self, value: object) -> bytes:
        """Encode a member of a set, whose encoding may not depend on the members before it."""
        opened = len(self._open)
        part = self.child(value, MEMBER)
        self._repeats += len(self._open) - opened
        self._forget_open(opened)
        if self._repeats > 100_000:
            raise self.refusal(value, "its sets lead back to themselves in too many ways")
        return part

    def piece(self, value: object) -> bytes:
        """Encode a value made on the spot: it is neither remembered nor part of a cycle."""
        return encode_scalar(value) or compact(self._handler(type(value))(self, value))

    def attempt(self, value: object, step: str, where: object = None) -> bytes | None:
        """The same as `child`; None for what has no content that could be told."""
        trail, met, low, repeats = len(self._trail), len(self.calls), self._low, self._repeats
        depths, opened = dict(self._depths), dict(self._open)
        try:
            return self.child(value, step, where)
        except UndigestibleError:
            del self._trail[trail:], self.calls[met:]
            self._depths, self._open, self._low, self._repeats = depths, opened, low, repeats
            return None

    def described(self, value: object) -> bytes:
        """Encode a function or class by its code."""
        known = self._descriptions.get(id(value))
        if known is not None:
            return known[1]
        if self._describe is not None:
            # Two classes of the same body are two: code may ask which one an instance is of. And packages read the
            # names of functions that they are given: `DataFrame.agg` names its results by them.
            kind = type(value)
            name = text(value.__qualname__) if isinstance(value, type) else b""
            called = text(value.__name__) if kind is types.FunctionType else b""  # type: ignore[attr-defined]
            content = sized(self._describe(value, written(self._path, self._trail)))
            part = b"C" + name + content if name else b"D" + called + content
        elif isinstance(value, functools.partial | types.MethodType):
            return instance(self, value)
        else:
            part = b"D" + sized(_by_name(value))
        if isinstance(value, type):
            self._descriptions[id(value)] = value, part
        return part

    def met(self, key: str, value: object) -> str:
        """Note an upstream call, and return what it counts by."""
        self.calls.append((written(self._path, self._trail), key, value))
        return key if self._stand_in is None else self._stand_in(key)

    def refusal(self, value: object, reason: str) -> UndigestibleError:
        """The error that says where the value sits and why it cannot be digested."""
        return UndigestibleError(written(self._path, self._trail), type_name(value), reason)

    # The walk itself. A cycle is told by how far up the walk it leads. What is finished but leads above itself is
    # "open": it means something only below the value it leads to, and is told by how many open ones lie between.

    def _compound(self, value: object) -> bytes:
        mark = id(value)
        known = self._memo.get(mark) or self._holding_calls.get(mark)
        if known is not None:
            return known[1]
        if mark in self._depths or mark in self._open:
            return self._again(mark)
        kind = type(value)
        handler = _EXACT.get(kind) or self._handler(kind)
        level = self._depths[mark] = len(self._depths)
        if level > DEEPEST:
            raise TooDeep
        outer, self._low = self._low, level
        opened, met = len(self._open), len(self.calls)
        part = self._handled(handler, value)
        del self._depths[mark]
        if self._low < level:
            self._open[mark] = len(self._open), self._low, value
            self._low = min(self._low, outer)
            return compact(part)
        self._low = outer
        self._forget_open(opened)
        return self._remembered(mark, value, part, len(self.calls) > met)

    def _handled(self, handler: Handler, value: object) -> bytes:
        try:
            return handler(self, value)
        except (SweepableError, RecursionError, MemoryError):
            raise
        except Exception as error:  # raised by the value's own code
            raise self.refusal(value, f"reading it raised {error!r}") from error

    def _again(self, mark: int) -> bytes:
        """A value that is part of a cycle and was met before."""
        if mark in self._depths:
            depth = self._depths[mark]
            self._low = min(self._low, depth)
            return b"^" + size(len(self._depths) - depth)
        position, low, _ = self._open[mark]
        self._low = min(self._low, low)
        return b"~" + size(len(self._open) - position)

    def _forget_open(self, count: int) -> None:
        while len(self._open) > count:
            self._open.popitem()

    def _remembered(self, mark: int, value: object, part: bytes, holds_calls: bool) -> bytes:
        """What is short is encoded again faster than it is kept, unless its content is long."""
        if len(part) > SHORT // 4 or type(value) in _SLOW:
            memo = self._holding_calls if holds_calls else self._memo
            part = compact(part)
            memo[mark] = value, part
        return part

    def _handler(self, kind: type) -> Handler:
        handler = _EXACT.get(kind) or self._handlers.get(kind)
        if handler is None:
            handler = self._handlers[kind] = _resolve(kind)
        return handler


#: Types whose part is short but slow to make.
_SLOW: set[type] = {np.ndarray, np.memmap, bytes, bytearray}

_EXACT: dict[type, Handler] = {**containers.HANDLERS, **standard.HANDLERS, **arrays.HANDLERS, **sentinels.HANDLERS}

registered.TAKEN.update(_EXACT, standard.DESCRIBED)

#: Packages whose types have handlers of their own, and the module here that has them: imported when one is met.
_HOMES = {
    "numpy": "arrays",
    "pandas": "frames",
    "scipy": "libraries",
    "xarray": "libraries",
    "torch": "libraries",
    "numba": "libraries",
    "matplotlib": "libraries",
    "networkx": "libraries",
    "msgspec": "libraries",
    "astropy": "libraries",
    "pint": "libraries",
    "lmfit": "libraries",
    "flax": "libraries",
    "pyrsistent": "libraries",
    "immutables": "libraries",
}


def encode(value: object, path: str = "value", *, describe: Describe | None = None) -> bytes:
    """Encode one value by itself; see `Encoder.encode`."""
    return encode_scalar(value) or Encoder(describe).encode(value, path)


def digest(value: object, path: str = "value", *, describe: Describe | None = None) -> str:
    """The digest of one value: 64 hex digits."""
    data = encode(value, path, describe=describe)
    return blake3(data, max_threads=blake3.AUTO if len(data) >= PARALLEL else 1).hexdigest()


# How a type finds its handler.


def _resolve(kind: type) -> Handler:
    """The handler of a type that is met for the first time in a walk."""
    if any(_home(base) == "pathlib" for base in kind.__mro__):
        _take_in_paths()
    return (
        _EXACT.get(kind)
        or _by_protocol(kind)
        or (_described if proxies.pieces_of(kind) is not None else None)
        or standard.described_or_enum(kind)
        or _by_home(kind)
        or standard.refused(kind)
        or _by_base(kind)
        or instance
    )


def _home(kind: type) -> str:
    """The top-level package of a type."""
    return str(kind.__module__).partition(".")[0]


def _take_in_paths() -> None:
    """Have handlers of paths from now on."""
    from sweepable.identity import paths

    _EXACT.update(paths.HANDLERS)
    _SLOW.add(paths.LOCAL_PATH)


def _by_protocol(kind: type) -> Handler | None:
    """The handler of a class that says itself how it counts, or of which somebody has said so."""
    for base in kind.__mro__:
        function = registered.function_for(base)
        if function is not None:
            return _by_registered(function)
        for name, handler in _PROTOCOLS:
            if name in vars(base):
                return handler
    return None


def _upstream_call(walk: Walk, value: Any) -> bytes:
    key: str = value.__sweepable_key__
    return encode_reference(walk.met(key, value))


def encode_reference(key: str) -> bytes:
    """What stands for an upstream call within a value."""
    return b"K" + sized(key.encode())


def _upstream_calls(walk: Walk, value: Any) -> bytes:
    parts = [_upstream_call(walk, call) for call in value.__sweepable_calls__()]
    return b"Q" + size(len(parts)) + b"".join(parts)


def _digested_by_itself(walk: Walk, value: Any) -> bytes:
    shown = value.__sweepable_digest__()
    return b"P" + walk.described(type(value)) + _shown(walk, value, shown, "__sweepable_digest__()")


def _by_registered(function: registered.Digest) -> Handler:
    """The handler that encodes what a registered function returns, with the code of that function."""

    def digested(walk: Walk, value: Any) -> bytes:
        head = b"R" + walk.described(type(value)) + walk.described(function)
        return head + _shown(walk, value, function(value), "<registered digest>")

    return digested


def _shown(walk: Walk, value: object, shown: object, step: str) -> bytes:
    """Encode what stands for a value; what would make all values of the type one is refused."""
    if shown is value or shown is None:
        what = "None" if shown is None else "the value itself"
        raise walk.refusal(value, f"{step} gave {what}, which tells it from no other; an empty tuple would mean that")
    return walk.child(shown, ATTRIBUTE, step)


def _described(walk: Walk, value: Any) -> bytes:
    return walk.described(value)


_PROTOCOLS: tuple[tuple[str, Handler], ...] = (
    ("__sweepable_key__", _upstream_call),
    ("__sweepable_calls__", _upstream_calls),
    ("__sweepable_cached__", _described),
    ("__sweepable_digest__", _digested_by_itself),
)


def _by_home(kind: type) -> Handler | None:
    """The handler that a known package's module here has for the type."""
    for base in kind.__mro__:
        home = _HOMES.get(_home(base))
        if home is not None:
            found: Handler | None = import_module(f"sweepable.identity.{home}").handler(kind)
            if found is not None:
                return found
    return standard.by_name(kind)


def _by_base(kind: type) -> Handler | None:
    """The handler of a class that extends a builtin."""
    for base in kind.__mro__[1:-1]:
        if base in _EXACT:
            return subclass(kind, base, _EXACT[base])
    return None


def _by_name(value: Any) -> bytes:
    """What stands for code where nobody describes it."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type_name(value)
    return text(f"{type_name(value)} {getattr(value, '__module__', '')}:{name}")
