"""Values as nodes: by their content as a whole, else part by part; and how they are shown."""

from __future__ import annotations

import enum
import reprlib
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sweepable.errors import UndigestibleError
from sweepable.identity import graph, opaque, origin
from sweepable.identity.depth import TOO_DEEP
from sweepable.identity.graph import Node
from sweepable.identity.holding import named_parts
from sweepable.identity.values import Encoder, encode_scalar
from sweepable.identity.walk import EXPLORERS, Walk


class Meeting:
    """What an `Encoder` is given to note the code that it meets within a value."""

    def __init__(self, walk: Walk, node: Node) -> None:
        self._walk = walk
        self._node = node

    def __call__(self, value: object, path: str) -> bytes:
        met = self._walk.node(value, path)
        if met is not None and met not in self._node.within:
            self._node.within.append(met)
        return b"-"


def explore_value(walk: Walk, node: Node) -> None:
    """A value counts by its content."""
    value, name = node.value, node.names[0]
    node.summary = summary(value)
    scalar = encode_scalar(value)
    if scalar is not None:
        _set_content(node, lambda describe: scalar, scalar)
        return
    if not walk.is_user(type(value)):
        walk.package(type(value).__module__)
    walk.watch.content(value, name)
    if (levels := walk.deep.get(node, 0)) and (parts := named_parts(value)):
        _explore_parts(walk, node, parts, levels - 1)
        return
    try:
        encoder = Encoder(Meeting(walk, node), unfilled=walk.mode.unfilled)
        encoded = encoder.encode(value, name)
        walk.calls += [source for _, _, source in encoder.calls]
    except UndigestibleError as error:
        _explore_in_parts(walk, node, error)
        return
    if node in node.within:
        _explore_unknown(walk, node)
    else:
        unfilled = walk.mode.unfilled
        _set_content(node, lambda describe: Encoder(describe, unfilled=unfilled).encode(value, name), encoded)


def _explore_unknown(walk: Walk, node: Node) -> None:
    """Code of a kind that nobody here knows: by name, with the plain function within it."""
    value: Any = node.value
    kind, plain = type(value), origin.underlying(value)
    node.kind, node.within = "unknown code", [part for part in node.within if part is not node]
    names = (kind.__module__, kind.__qualname__, getattr(value, "__module__", ""), getattr(value, "__qualname__", ""))
    node.own = "\0".join(map(str, names)).encode()
    if plain is not None:
        walk.edge(node, "function", plain, value)
    walk.findings.note(f"{node.names[0]} ({kind.__qualname__}) counts by its name and what it wraps alone")


def _set_content(node: Node, content: Callable[[graph.Describe], bytes], encoded: bytes) -> None:
    node.content = content
    node.own = encoded


def _explore_in_parts(walk: Walk, node: Node, error: UndigestibleError) -> None:
    """Of a value that cannot be digested as a whole, what can be still counts; the rest is named."""
    parts = named_parts(node.value)
    if parts is None:
        if walk.is_user(cls := type(node.value)):
            walk.edge(node, "__class__", cls)
        for part in (within := list(opaque.code_within(node.value))):
            walk.edge(node, "code", part, node.value)
        what = "counts by the code that it holds alone" if within else "does not count"
        walk.findings.note(f"{node.names[0]} ({error.type_name}) {what}: {error.reason}")
        node.own = f"undigestible {error.type_name}".encode()
        node.kind, node.summary = "undigestible", error.reason
        return
    _explore_parts(walk, node, parts, _LEVELS if error.reason == TOO_DEEP else 0)


def _explore_parts(walk: Walk, node: Node, parts: Iterable[tuple[str, object]], levels: int) -> None:
    """Parts of a value as nodes of their own; for so many levels below it is known that they are too deep as well."""
    cls, path = type(node.value), node.names[0]
    node.kind, node.own = "parts", b"parts"
    walk.edge(node, "__class__", cls, spoken=f"{path}.__class__")
    path = path if len(path) < _LONG else f"{path[: _LONG // 2]}…"
    for label, part in parts:
        target = walk.edge(node, label, part, node.value, spoken=f"{path}{label}", place=walk.places.get(node))
        if target is not None and levels:
            walk.deep.setdefault(target, levels)


#: Of a value that is nested too deeply, so many levels are not tried again.
_LEVELS = 150
#: Paths longer than this are cut short.
_LONG = 200


def summary(value: object) -> str:
    """A value in a few words, without running anybody's code."""
    kind = type(value)
    if kind in _PLAIN:
        return _SHOW.repr(value)
    if kind in _CONTAINERS:
        return _SHOW.repr(value) if _is_small(value) else f"{kind.__name__} of {len(value)}"  # type: ignore[arg-type]
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.number | np.bool_) or kind.__module__.partition(".")[0] in _PRINTED:
        return repr(value)
    return kind.__qualname__ + _attributes(value)


def _array(value: np.ndarray[Any, Any]) -> str:
    if value.size <= _SMALL_ARRAY and value.dtype.kind in "biufc" and type(value) is np.ndarray:
        return f"{value.dtype} array {value.tolist()}"
    return f"{value.dtype} array of shape {value.shape}"


def _attributes(value: object) -> str:
    """The attributes of an instance, where they are few and plain."""
    if isinstance(value, enum.Enum):
        return f".{value.__dict__.get('_name_')}"
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return ""
    if type(own) is not dict or isinstance(value, type | types.ModuleType) or not own or not _is_small(own):
        return ""
    return f"({', '.join(f'{name}={_SHOW.repr(part)}' for name, part in own.items())})"


def _is_small(value: Any, depth: int = 3) -> bool:
    """Whether a container holds a few plain values, and containers of such."""
    if len(value) > _MOST_PARTS:
        return False
    parts = [*value.keys(), *value.values()] if type(value) is dict else value
    return all(
        type(part) in _PLAIN or (type(part) in _CONTAINERS and depth > 0 and _is_small(part, depth - 1))
        for part in parts
    )


#: Longer containers are told by their length.
_MOST_PARTS = 40
_SMALL_ARRAY = 8
_SHOW = reprlib.Repr()
_SHOW.maxstring = _SHOW.maxother = 60
_SHOW.maxdict = _SHOW.maxlist = _SHOW.maxtuple = _SHOW.maxset = _SHOW.maxfrozenset = _MOST_PARTS
_PLAIN = frozenset({bool, int, float, complex, str, bytes, type(None)})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
#: Of the standard library, with a short form of their own.
_PRINTED = frozenset({"datetime", "decimal", "fractions", "pathlib", "uuid"})

EXPLORERS["value"] = explore_value
