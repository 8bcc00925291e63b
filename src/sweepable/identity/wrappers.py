"""Neither plain functions nor classes: wrappers are looked through, packages end the walk, locks do not count."""

from __future__ import annotations

import functools
import io
import threading
import types
import weakref
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from sweepable.identity import holders, ignoring, origin, packaged, proxies
from sweepable.identity.annotations import is_type_form, spelled
from sweepable.identity.constants import explore_value
from sweepable.identity.graph import Node
from sweepable.identity.installed import Counted, named_packages
from sweepable.identity.modules import explore_namespace
from sweepable.identity.registered import is_registered
from sweepable.identity.resolver import Resolver
from sweepable.identity.standard import COMPILED
from sweepable.identity.walk import CLASSIFIERS, EXPLORERS, Said, Walk, is_cached
from sweepable.imported import imported

_LRU = type(functools.lru_cache(len))
#: What wrappers are made of, by type.
_PIECES: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__func__", "__self__"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
    functools.partial: ("func", "args", "keywords"),
    functools.partialmethod: ("func", "args", "keywords"),
    functools.cached_property: ("func",),
    functools.singledispatchmethod: ("dispatcher", "func"),
    _LRU: ("__wrapped__",),
    np.vectorize: ("pyfunc", "otypes", "excluded", "signature"),
}
#: Wrappers that users may set attributes on.
_OPEN_WRAPPERS = (_LRU, functools.partial, property, staticmethod, classmethod, np.vectorize)
#: Attributes in which `numpy.vectorize` keeps what it has worked out.
_VECTORIZE = ("cache", "_ufunc", "_in_and_out_core_dims")
#: The same of ``toolz.curry``.
_CURRY = ("_partial", "_sigspec", "_has_unknown_args")
#: A compiled function of numba.
_COMPILED_PIECES = ("__wrapped__", "py_func", "targetoptions", "signature", "identity")
_PLAIN_CODE = (FunctionType, ModuleType, type)
_C_FUNCTIONS = (
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    np.ufunc,
)
#: Means of working, not data: neither digested nor spoken of.
_INERT: tuple[type, ...] = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Event,
    threading.Semaphore,
    threading.Thread,
    threading.local,
    weakref.WeakKeyDictionary,
)
#: What `functools.update_wrapper` writes on a wrapper, and what wrappers note for themselves.
_WRITTEN = frozenset({*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "__annotate__", "attrname", "lock"})
#: The same of `logging`, by name: importing it costs more than this whole package of identity.
_INERT_LOGGING = ("Logger", "LoggerAdapter", "Handler", "Formatter")
#: Where sweepable's own classes live whose instances are means of working.
_MEANS = (f"{origin.OWN_NAME}.store", f"{origin.OWN_NAME}.identity")
#: A cached method of one instance.
_METHOD_PIECES = ("__wrapped__", "_instance")
_MARKS = ("__sweepable_key__", "__sweepable_calls__", "__sweepable_digest__", "__sweepable_upstream__")


def _classify_ours(walk: Walk, value: Any) -> str | None:
    """Records, spaces and upstream calls are values; sweepable's own code and its open stores never count."""
    kind = type(value)
    if kind in _PLAIN_CODE:  # most of what is met; nothing of the following applies to them
        return "own" if origin.is_ours(value) else None
    if is_cached(value):
        return "cached"
    if getattr(kind, "__sweepable_upstream__", None) is True:
        return "upstream"
    if is_registered(kind) or any(mark in vars(base) for base in kind.__mro__ for mark in _MARKS):
        return "value"
    if not origin.is_ours(value):
        return None
    if isinstance(value, type | ModuleType | FunctionType):
        return "own"
    if isinstance(getattr(value, "__wrapped__", None), FunctionType):
        return "wrapper"
    return "" if kind.__module__.startswith(_MEANS) else "value"


def _classify_code(walk: Walk, value: Any) -> str | None:
    if isinstance(value, FunctionType):
        if hasattr(value, "registry") and hasattr(value, "dispatch") and not walk.is_user(value):
            return "generic"
        return "function" if walk.is_user(value) else "package function"
    if isinstance(value, type) and not is_type_form(value):
        return "class" if walk.is_user(value) or origin.is_made(value) else "package"
    if isinstance(value, ModuleType):
        return _classify_module(walk, value)
    if is_type_form(value):
        return "type form"
    return None


def _classify_module(walk: Walk, value: ModuleType) -> str:
    if not walk.is_user(value):
        return "package"
    return "compiled module" if origin.is_compiled(value) else "module"


def _classify_wrapper(walk: Walk, value: Any) -> str | None:
    kind = type(value)  # never `isinstance`: an instance may run code of its own when asked for its class
    if kind in _PIECES or issubclass(kind, tuple(_PIECES)):
        return "wrapper"
    if issubclass(kind, _C_FUNCTIONS) or kind.__name__ in COMPILED:
        return "c function"
    if kind.__module__.partition(".")[0] == "numba" and origin.underlying(value):
        return "wrapper"
    logs = any(issubclass(kind, imported("logging", name)) for name in _INERT_LOGGING)
    if not (logs or issubclass(kind, (io.IOBase, *_INERT))):
        return None
    return "inert" if walk.is_user(kind) else ""


def _classify_foreign(walk: Walk, value: Any) -> str | None:
    # By type, before anybody asks the value: a proxy says that it is what it stands for.
    return "wrapper" if type(value) not in _PLAIN_CODE and proxies.pieces_of(type(value)) is not None else None


CLASSIFIERS += [_classify_ours, _classify_foreign, _classify_code, holders.classify, _classify_wrapper]


def _explore_inert(walk: Walk, node: Node) -> None:
    """A means of working of a class of the user's: what it does counts, not the state that it is in."""
    node.own = b"inert"
    walk.edge(node, "__class__", type(node.value))


def _explore_wrapper(walk: Walk, node: Node) -> None:
    value = node.value
    kind, names = type(value), _pieces(value)
    node.own = (kind.__qualname__ if origin.is_ours(kind) else f"{kind.__module__}.{kind.__qualname__}").encode()
    walk.package(kind.__module__)
    for name in names:
        piece = getattr(value, name, None)
        made_anew = piece is not getattr(value, name, None)  # each time that it is asked for
        if not made_anew and (piece is not None or isinstance(value, np.vectorize)):  # whose options may be set later
            walk.watch.attribute(value, name, piece, f"{node.names[0]}.{name}")
        if piece is None:
            continue
        walk.edge(node, name, piece, value)
    _attributes_of_wrapper(walk, node, names)
    if walk.is_user(kind):
        walk.edge(node, "__class__", kind)
        for name in proxies.own_names(value) if "__wrapped__" in names and "_self_wrapper" in names else ():
            if name not in names and (part := getattr(value, name, None)) is not None:
                walk.watch.attribute(value, name, part, f"{node.names[0]}.{name}")
                walk.edge(node, f".{name}", part, value)
    if isinstance(value, _OPEN_WRAPPERS) or not walk.is_user(kind):
        return
    if own := {name: part for name, part in getattr(value, "__dict__", {}).items() if name not in _WRITTEN}:
        walk.watch.size(vars(value), f"the attributes of {node.names[0]}")
        for name, part in sorted(own.items()):
            walk.watch.binding(vars(value), name, part, f"{node.names[0]}.{name}")
            walk.edge(node, f".{name}", part, value)


def _attributes_of_wrapper(walk: Walk, node: Node, pieces: tuple[str, ...]) -> None:
    """What the user has set on a wrapper; not what it took over from what it wraps."""
    own: dict[str, object] | None = getattr(node.value, "__dict__", None)
    if own is None or not (isinstance(node.value, _OPEN_WRAPPERS) or type(node.value).__name__ == "curry"):
        return
    walk.watch.attribute(node.value, "__dict__", own, f"the attributes of {node.names[0]}")
    walk.watch.size(own, f"the attributes of {node.names[0]}")
    for name in sorted(own):
        place = ignoring.attribute(node.value, name)
        if (
            not name.startswith("__")
            and name not in pieces
            and name not in (*_VECTORIZE, *_CURRY)
            and not walk.ignores(place)
        ):
            walk.watch.binding(own, name, own[name], f"{node.names[0]}.{name}")
            walk.edge(node, f".{name}", own[name], own, place=place)


#: What wrappers that keep something were seen to depend on, under each of the options they were reached with.
_kept: weakref.WeakKeyDictionary[Any, dict[object, bytes]] = weakref.WeakKeyDictionary()


def forget_kept(walk: Walk) -> None:
    """Clear what wrappers keep of other code or constants: it would go into results of the code as it is now.

    `lru_cache` keeps values; numba compiles the values of globals into its code.
    """
    for node in reversed(walk.nodes):  # numba links into a function what it calls: that comes first
        clear = _clearing(node.value) if node.kind == "wrapper" else None
        if clear is not None:
            seen, mark = _kept.setdefault(node.value, {}), (node.options, walk.mode)
            if seen.setdefault(mark, node.digest) != node.digest:
                seen[mark] = node.digest
                clear()


def _clearing(value: Any) -> Callable[[], object] | None:
    if type(value) is _LRU:
        return value.cache_clear
    package = type(value).__module__.partition(".")[0]
    name = {"numba": "recompile", "cachetools": "cache_clear"}.get(package)
    return getattr(value, name, None) if name else None


def _pieces(value: object) -> tuple[str, ...]:
    if isinstance(value, types.MethodType) and _is_means(value.__self__):
        return ("__func__",)
    known = next((_PIECES[base] for base in type(value).__mro__ if base in _PIECES), proxies.pieces_of(type(value)))
    return known or (_METHOD_PIECES if origin.is_ours(value) else _COMPILED_PIECES)


def _is_means(owner: object) -> bool:
    """Whether a method's instance is a means of working of its module, as that of ``multiprocessing.Pool`` is."""
    return type(owner).__module__.partition(".")[0] in ("multiprocessing", "IPython", "ipykernel")


def _explore_cached(walk: Walk, node: Node) -> None:
    """A cached function that counts by more than its code, or by something else: a pin, packages, upstream calls."""
    front: Any = node.value
    said: Said = front.callee.said
    packages = named_packages(said.options.packages)
    Counted(said.options.packages, ()).watch(walk.watch)
    facts = [*packages] if said.pin is None else [said.home, said.name, f"version {said.pin}", *packages]
    node.own, node.summary = "\0".join(facts).encode(), ", ".join(facts)
    if said.pin is None:
        walk.edge(node, "function", walk.looked_through(front), front, spoken=node.names[0])
    else:
        _follow_pinned(walk, node, walk.looked_through(front))
    for label, given in said.given:
        walk.edge(node, label, given, front, spoken=f"{said.name}({label})")


def _follow_pinned(walk: Walk, node: Node, function: object) -> None:
    """Of a pinned function the values that it holds; of a wrapper those of what it wraps, whose code does not count."""
    while isinstance(function, FunctionType):
        wrapped = vars(function).get("__wrapped__")
        Resolver(walk, node, function).closure(without=wrapped)
        if wrapped is not None:
            walk.watch.attribute(function, "__wrapped__", wrapped, f"the function that {function.__qualname__} wraps")
        function = wrapped
    if isinstance(function, functools._lru_cache_wrapper):
        _follow_pinned(walk, node, function.__wrapped__)
    elif function is not None:  # a partial, a method, an object: what it holds is not to be had without it
        walk.edge(node, "function", function)


def _explore_own(walk: Walk, node: Node) -> None:
    """A class of sweepable's own, met within a value: by name alone, as its place is nobody's business."""
    node.own = getattr(node.value, "__qualname__", "module").encode()


def _explore_generic(walk: Walk, node: Node) -> None:
    """A `functools.singledispatch` function is what is registered with it."""
    registry = node.value.registry  # type: ignore[attr-defined]
    node.own = b"singledispatch"
    walk.watch.size(registry, f"what is registered with {node.names[0]}")
    for cls, function in sorted(registry.items(), key=lambda pair: f"{pair[0].__qualname__}"):
        walk.watch.binding(registry, cls, function, f"{node.names[0]} for {cls.__qualname__}")
        walk.edge(node, f"for {cls.__qualname__}", cls)
        walk.edge(node, f"with {cls.__qualname__}", function)


def _explore_module(walk: Walk, node: Node) -> None:
    node.own = b"module"
    explore_namespace(walk, node, vars(node.value))


def _explore_type_form(walk: Walk, node: Node) -> None:
    reached: list[object] = []

    def write(part: object) -> str:
        if not isinstance(part, type):
            reached.append(part)
            return "value"
        if not walk.is_user(part):
            return f"{part.__module__}.{part.__qualname__}"
        reached.append(part)
        return "user class"

    node.own = spelled(node.value, write).encode()
    for part in reached:
        walk.edge(node, "class", part)


def _explore_upstream(walk: Walk, node: Node) -> None:
    """A partial of a cached function, or an output of one, is the values that it is made of."""
    upstream: Any = node.value
    parts = upstream.__sweepable_digest__()
    walk.watch.content(parts, node.names[0])
    node.own = b"upstream"
    walk.edge(node, "of", parts, upstream)
    declared = upstream.callee.said.outputs
    if upstream.field is not None and declared:
        walk.edge(node, "outputs", declared)


EXPLORERS.update(
    {
        "wrapper": _explore_wrapper,
        "inert": _explore_inert,
        "cached": _explore_cached,
        "generic": _explore_generic,
        "package function": packaged.explore_package_function,
        "package": packaged.explore_package,
        "own": _explore_own,
        "c function": packaged.explore_c_function,
        "compiled module": packaged.explore_compiled_module,
        "module": _explore_module,
        "type form": _explore_type_form,
        "upstream": _explore_upstream,
        "value": explore_value,
    }
)
