"""Objects that hold data or code in ways of their own: shared libraries, context variables, streams, weak links."""

from __future__ import annotations

import io
import os
import sys
import threading
import weakref
from contextvars import ContextVar
from types import CodeType
from typing import Any

from blake3 import blake3

from sweepable.identity import bytecode, opaque
from sweepable.identity.graph import Node
from sweepable.identity.opaque import current, streamed
from sweepable.identity.walk import EXPLORERS, Walk
from sweepable.imported import imported

#: They keep nothing alive, but code that they lead to is code like any other.
_WEAK = (weakref.ref, weakref.WeakValueDictionary, weakref.WeakSet)


def classify(walk: Walk, value: Any) -> str | None:
    """The kind of an object that holds something in a way of its own; None for any other."""
    kind = type(value)  # never `isinstance`: an instance may run code of its own when asked for its class
    if any(issubclass(kind, imported(*place)) for place in (("ctypes", "CDLL"), ("_ctypes", "CFuncPtr"))):
        return "shared library"
    if kind is ContextVar:
        return "context variable"
    if kind is CodeType:
        return "code"
    if issubclass(kind, _WEAK):
        return "weak"
    if kind is threading.local and vars(value):
        walk.findings.note("what a thread keeps for itself (threading.local) does not count")
    if issubclass(kind, io.StringIO | io.BytesIO):
        return "stream"  # data, with a position
    return None


def _explore_shared_library(walk: Walk, node: Node) -> None:
    """A library that `ctypes` has loaded counts by its file, a function of it by its name and types too."""
    value: Any = node.value
    if isinstance(value, imported("ctypes", "CDLL")):
        file = str(value._name)
        node.own = os.path.basename(file).encode()
        if os.path.isfile(file):
            with open(file, "rb") as stream:
                node.own = blake3(stream.read()).digest()
        return
    node.own = str(getattr(value, "__name__", "")).encode()
    walk.edge(node, "types", [getattr(value, name, None) for name in ("restype", "argtypes", "errcheck")])
    for part in opaque.held_by(value, imported("ctypes", "CDLL")):
        walk.edge(node, "library", part, value)
    for part in opaque.code_within(value):
        walk.edge(node, "function", part, value)


def _explore_context_variable(walk: Walk, node: Node) -> None:
    variable: Any = node.value
    node.own = b"context variable"
    value = current(variable)
    walk.watch.variable(variable, value, f"the context variable {node.names[0]}")
    walk.edge(node, "value", value, variable, place=walk.places.get(node))


def _explore_stream(walk: Walk, node: Node) -> None:
    """A stream in memory, by what it holds and where it is."""
    content = streamed(node.value)
    node.own = b"stream"
    walk.watch.stream(node.value, content, node.names[0])
    walk.edge(node, "content", content, node.value, place=walk.places.get(node))


def _explore_code(walk: Walk, node: Node) -> None:
    """Bare code, by what it does; whoever runs it gives it any of his names."""
    assert isinstance(node.value, CodeType)
    node.own = bytecode.normal(node.value) + f"python {sys.version_info[:2]}".encode()


def _explore_weak(walk: Walk, node: Node) -> None:
    """Of what is referred to weakly, code counts; data comes and goes."""
    value: Any = node.value
    held: list[tuple[str, object]] = []
    if isinstance(value, weakref.ref):
        held = [("", value())]
    elif isinstance(value, weakref.WeakSet):
        held = [("", part) for part in value]
    else:
        held = [(f"[{key!r}]", part) for key, part in value.items() if isinstance(key, str | int)]
    node.own = type(value).__qualname__.encode()
    kinds = ("function", "class", "wrapper", "cached", "generic", "package function")
    code = [(label, part) for label, part in held if part is not None and walk.classify(walk.unwrapped(part)) in kinds]
    if len(code) < len(held):
        walk.findings.note(f"{node.names[0]} ({type(value).__qualname__}) does not count: what it leads to may change")
    for label, part in sorted(code, key=lambda pair: (pair[0], str(getattr(pair[1], "__qualname__", "")))):
        walk.edge(node, label or "to", part, value)


EXPLORERS.update(
    {
        "shared library": _explore_shared_library,
        "context variable": _explore_context_variable,
        "stream": _explore_stream,
        "code": _explore_code,
        "weak": _explore_weak,
    }
)
