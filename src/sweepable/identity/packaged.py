"""Code of packages as nodes: it ends the walk, but for what it was given, and for what is the user's own."""

from __future__ import annotations

import sys
import types
import typing
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from blake3 import blake3

from sweepable.identity import attached, opaque, origin
from sweepable.identity.graph import Node
from sweepable.identity.values import encode_scalar
from sweepable.identity.walk import Walk


def explore_package_function(walk: Walk, node: Node) -> None:
    """A package's function ends the walk; but what it was given, it holds in its closure."""
    function = node.value
    assert isinstance(function, FunctionType)
    node.own = _spelling(function)
    walk.package(function.__globals__.get("__name__"))
    walk.watch.attribute(function, "__code__", function.__code__, f"the code of {function.__qualname__}")
    wrapped = vars(function).get("__wrapped__")
    if wrapped is not None:
        walk.watch.attribute(function, "__wrapped__", wrapped, f"the function that {function.__qualname__} wraps")
        walk.edge(node, "__wrapped__", wrapped, function)
    if origin.is_written(function.__code__):
        for name, hint in _hints(wrapped).items():
            walk.edge(node, f"{name}:", hint)
        if (conf := (function.__kwdefaults__ or {}).get("__beartype_conf")) is not None:
            walk.edge(node, "conf", repr(conf), function)
    for at, name in enumerate(function.__code__.co_freevars):
        cell = (function.__closure__ or ())[at]
        value = _content(cell)
        if value is not cell and _is_given(walk, value):
            walk.watch.cell(function, at, value, f"the variable {name} of {function.__qualname__}")
            walk.edge(node, name, value, cell)
        for part in opaque.code_in(value):
            if walk.is_user(walk.unwrapped(part)):
                walk.edge(node, name, part, cell)


def _hints(function: Any) -> dict[str, object]:
    """The types that a decorator checks, as the names of annotations are bound now."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # names that are not bound yet
        return dict(getattr(function, "__annotations__", {}))


def _spelling(function: FunctionType) -> bytes:
    if origin.is_written(function.__code__):
        return b"written by a decorator"
    # Not __module__ and __qualname__: functools.wraps gives a wrapper those of what it wraps.
    return f"{function.__globals__.get('__name__')}:{function.__code__.co_qualname}".encode()


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return cell


def _is_given(walk: Walk, value: object) -> bool:
    """Whether a variable of a package's function is something that it was given, and no cache of its own."""
    if encode_scalar(value) is not None:
        return True
    if isinstance(value, tuple):
        return all(_is_given(walk, part) for part in value)
    if isinstance(value, np.ndarray):
        return True
    return walk.classify(walk.unwrapped(value)) in ("function", "class", "wrapper", "generic", "package function")


def explore_package(walk: Walk, node: Node) -> None:
    value = node.value
    if isinstance(value, ModuleType):
        name, module = value.__name__, value.__name__
    else:
        assert isinstance(value, type)
        name, module = f"{value.__module__}.{value.__qualname__}", value.__module__
    node.own = name.encode()
    walk.package(module)
    known = attached.registered(node.value) if isinstance(node.value, type) else []
    if isinstance(node.value, type) and "subclasses" in walk.mode.asks:
        known += type.__subclasses__(node.value)
    for at, part in enumerate(part for part in known if walk.is_user(part)):
        walk.edge(node, f"registered {at}", part)


def explore_c_function(walk: Walk, node: Node) -> None:
    value: Any = node.value
    bound = getattr(value, "__self__", None)
    owner = bound if bound is not None else getattr(value, "__objclass__", None)
    module = getattr(value, "__module__", None) or _module_of(owner)
    name = str(getattr(value, "__qualname__", None) or getattr(value, "__name__", type(value).__name__))
    node.own = f"{type(value).__name__} {module} {name}".encode()
    walk.package(module if isinstance(module, str) else None)
    if isinstance(value, np.ufunc) and "(vectorized)" in name:
        within = list(opaque.code_within(value))
        for part in within:
            walk.edge(node, "function", part, value)
        if not within:
            walk.findings.note(f"{node.names[0]} is a ufunc made from a Python function, which it does not show")
    if bound is None and owner is None and isinstance(found := sys.modules.get(str(module)), ModuleType):
        bound = found  # a function of an extension module that does not say whose it is
    if isinstance(bound, ModuleType):
        if walk.is_user(bound):
            walk.edge(node, "module", bound)
    elif bound is not None:
        walk.edge(node, "__self__", bound, value)


def _module_of(owner: object) -> object:
    """The module of a class, or of an instance's class; instances may answer for any name."""
    return getattr(owner if isinstance(owner, type | ModuleType) else type(owner), "__module__", None)


def explore_compiled_module(walk: Walk, node: Node) -> None:
    """An extension module of the user's counts by its file."""
    assert isinstance(node.value, ModuleType)
    file = origin.file_of(node.value) or ""
    try:
        with open(file, "rb") as stream:
            node.own = blake3(stream.read()).digest()
    except OSError:
        node.own = b"unreadable"
        walk.findings.note(f"the extension module {node.value.__name__} cannot be read")
