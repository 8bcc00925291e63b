"""Functions as nodes: their body, and what its names refer to."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

from sweepable.identity import attached, bytecode, ignoring, origin, references
from sweepable.identity.annotations import spelled
from sweepable.identity.graph import Node
from sweepable.identity.modules import explore_namespace
from sweepable.identity.readings import Decorator, Reading, read
from sweepable.identity.references import UNBOUND
from sweepable.identity.resolver import Resolver, lookup
from sweepable.identity.signatures import watch_signature
from sweepable.identity.syntax import FunctionNode, docstring
from sweepable.identity.walk import EXPLORERS, Walk

#: Under `python -O` asserts do not count, nor does what `__debug__` guards.
_TREE = f"tree -O{sys.flags.optimize}".encode() if sys.flags.optimize else b"tree"
_PYTHON = f"python {sys.version_info.major}.{sys.version_info.minor}".encode()


def explore_function(walk: Walk, node: Node) -> None:
    """A function counts by its body, its defaults, and all that its names refer to."""
    function = node.value
    assert isinstance(function, FunctionType)
    watch, label = walk.watch, function.__qualname__
    watch.attribute(function, "__code__", function.__code__, f"the code of {label}")
    found = _body(walk, node, function)
    walk.findings.take_in(found.asks, found.reads_docs)
    for ending in [*_rebound(walk, function, found), *found.notes]:
        walk.findings.note(f"{label} {ending}")
    resolver = Resolver(walk, node, function)
    for reference in found.found:
        resolver.resolve(reference)
    resolver.closure()
    attached.explore(walk, node, found.attributes)
    for text in found.texts if "imports" in walk.mode.asks else ():
        resolver.module(text)
    if found.whole:
        explore_namespace(walk, node, function.__globals__)
    if function is not walk.bound:
        explore_defaults(walk, node)
        if "names" in walk.mode.asks:
            watch.attribute(function, "__name__", function.__name__, f"the name of {label}")
            node.own += f"\0{function.__name__}\0{function.__qualname__}".encode()
    else:
        watch_signature(watch, function)
        if "__signature__" in vars(function):
            watch.binding(vars(function), "__signature__", vars(function)["__signature__"], f"the signature of {label}")
    _attributes(walk, node, function)
    if "__wrapped__" in vars(function):
        wrapped = vars(function)["__wrapped__"]
        watch.attribute(function, "__wrapped__", wrapped, f"the function that {label} wraps")
        walk.edge(node, "__wrapped__", wrapped, function)


def _rebound(walk: Walk, function: FunctionType, found: references.References) -> Iterator[str]:
    """What is to be said of the globals that a function binds itself."""
    places = (ignoring.module_global(function.__globals__, name) for name in found.rebound)
    for place in places:
        if not walk.ignores(place):
            way_out = walk.way_out(place)
            ending = f"; leave it out with {way_out}" if way_out else ""
            yield f"binds the global name {place.name!r} itself{ending}"


def _attributes(walk: Walk, node: Node, function: FunctionType) -> None:
    """What has been set on a function: SciPy asks events whether they are terminal, and no code here says so."""
    own = vars(function)
    # What `functools.wraps` has copied is told by what is wrapped.
    copied = getattr(own.get("__wrapped__"), "__dict__", {})
    if own:
        walk.watch.size(own, f"the attributes of {function.__qualname__}")
    for name in sorted(own.keys() - {"__wrapped__", "__signature__"}) if own else ():
        if copied.get(name, own) is own[name]:
            continue
        place = ignoring.attribute(function, name)
        if not walk.ignores(place):
            walk.watch.binding(own, name, own[name], f"the attribute {name} of {function.__qualname__}")
            walk.edge(node, f".{name}", own[name], own, spoken=f"{function.__qualname__}.{name}", place=place)


def _body(walk: Walk, node: Node, function: FunctionType) -> references.References:
    code = function.__code__
    if walk.mode.keep:
        walk.watch.attribute(function, "__doc__", function.__doc__, f"the docstring of {function.__qualname__}")
    node.where = f"{code.co_filename}:{code.co_firstlineno}"
    found = _reading(walk, function) if walk.mode.by_tree else None
    if found is None:
        node.own = _body_by_code(walk, function)
        if walk.mode.by_tree:
            walk.findings.remark(
                f"{function.__qualname__} counts by its byte code, so by the Python version too: "
                f"no source at hand compiles to the code that runs"
            )
        return references.of_code(code, lookup(function))
    node.summary = found.text
    node.own = _TREE + found.body + (_docs(function, found.node) if walk.mode.keep else b"")
    return found.references


def _reading(walk: Walk, function: FunctionType) -> Reading | None:
    is_ours = _Ours(walk, function).is_ours
    return read(function.__code__, function.__globals__, is_ours, lookup(function), keep=walk.mode.keep)


def _body_by_code(walk: Walk, function: FunctionType) -> bytes:
    docs = (function.__doc__ or "") if walk.mode.keep else ""
    annotations = [f"{name}: {spelled(value, _class_name)}" for name, value in _annotations(function).items()]
    return b"\0".join(
        [b"code", _PYTHON, bytecode.normal(function.__code__), "\n".join([*annotations, "", docs]).encode()]
    )


def _annotations(function: FunctionType) -> dict[str, object]:
    try:
        return dict(function.__annotations__)
    except Exception:  # names that are not bound yet, where annotations are evaluated late
        return {}


def _class_name(part: object) -> str:
    return part.__qualname__ if isinstance(part, type) else type(part).__qualname__


def _docs(function: FunctionType, node: FunctionNode | None) -> bytes:
    """The docstring, where code that is reached reads docstrings and it is not the one in the source."""
    own = inspect.cleandoc(function.__doc__ or "")
    return own.encode() if node is None or own != docstring(node) else b""


def explore_defaults(walk: Walk, node: Node) -> None:
    """The live values of the defaults of a helper."""
    function = node.value
    assert isinstance(function, FunctionType)
    label = function.__qualname__
    watch, positional, named = walk.watch, function.__defaults__, function.__kwdefaults__
    watch.attribute(function, "__defaults__", positional, f"the defaults of {label}")
    watch.attribute(function, "__kwdefaults__", named, f"the defaults of {label}")
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount][-len(positional or ()) or code.co_argcount :]
    for name, value in zip(parameters, positional or (), strict=False):
        if not walk.is_bound_upstream(function, value):
            walk.edge(node, f"{name}=", value, positional, spoken=f"{label}({name}=)")
    if named:
        watch.content(named, f"the defaults of {label}")
    for name, value in sorted((named or {}).items()):
        if not walk.is_bound_upstream(function, value):
            walk.edge(node, f"{name}=", value, named, spoken=f"{label}({name}=)")
    if "__signature__" in vars(function):
        _explore_signature(walk, node, function)


def _explore_signature(walk: Walk, node: Node, function: FunctionType) -> None:
    """The parameters and defaults of a signature that was set on a function: what calls it is bound to these."""
    own, label = vars(function), function.__qualname__
    signature = own["__signature__"]
    walk.watch.binding(own, "__signature__", signature, f"the signature of {label}")
    if type(signature) is not inspect.Signature:
        walk.edge(node, "signature", signature, own, spoken=f"the signature of {label}")
        return
    for name, parameter in signature.parameters.items():
        node.own += f"\0{name} {int(parameter.kind)}".encode()
        if parameter.default is not inspect.Parameter.empty:
            walk.edge(node, f"{name}=", parameter.default, parameter, spoken=f"{label}({name}=)")


class _Ours:
    """Tells sweepable's own decorators from others."""

    def __init__(self, walk: Walk, function: FunctionType) -> None:
        self._function = function
        self._is_cached = id(function) in walk.cached or function is walk.bound

    def is_ours(self, decorator: Decorator) -> bool:
        """Whether a decorator is one of sweepable's own."""
        if not decorator.names:
            return False
        value = self._value(decorator.names)
        if value is UNBOUND:  # bound where the function was defined, and out of reach by now
            return decorator.outermost and self._is_cached
        return origin.is_ours(value)

    def _value(self, names: tuple[str, ...]) -> object:
        namespace = self._function.__globals__
        value: object = namespace.get(names[0], getattr(builtins, names[0], UNBOUND))
        for name in names[1:]:
            if value is UNBOUND:
                break
            known = isinstance(value, ModuleType | type) or origin.is_ours(value)
            value = getattr(value, name, UNBOUND) if known else None
        return value


EXPLORERS["function"] = explore_function
EXPLORERS["defaults"] = explore_defaults
