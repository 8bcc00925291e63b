"""Functions as nodes: their body, and what its names refer to."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
import os
import sys
import types
from collections.abc import Sequence
from types import FunctionType, ModuleType
from typing import Any

from sweepable.identity import bytecode, origin, references, sources
from sweepable.identity.annotations import spelled
from sweepable.identity.graph import Node
from sweepable.identity.readings import IsOurs, Reading, read
from sweepable.identity.references import Reference, Source
from sweepable.identity.signatures import watch_signature
from sweepable.identity.sources import Located
from sweepable.identity.surroundings import MODULE_NAMES, is_notebooks, is_put_there
from sweepable.identity.syntax import docstring
from sweepable.identity.walk import EXPLORERS, Walk, is_cached

_PYTHON = f"python {sys.version_info.major}.{sys.version_info.minor}".encode()
_MISSING = object()


def explore_function(walk: Walk, node: Node) -> None:
    """A function counts by its body, its defaults, and all that its names refer to."""
    function = node.value
    assert isinstance(function, FunctionType)
    watch, label = walk.watch, function.__qualname__
    watch.attribute(function, "__code__", function.__code__, f"the code of {label}")
    found = _body(walk, node, function)
    walk.findings.reads_docs |= found.reads_docs
    rebound = [name for name in found.rebound if name not in walk.options.ignored]
    binds = [f"binds the global name {name!r} itself; leave it out with ignore_globals=[{name!r}]" for name in rebound]
    for ending in [*binds, *found.notes]:
        walk.findings.note(f"{label} {ending}")
    resolver = Resolver(walk, node, function)
    for reference in found.found:
        resolver.resolve(reference)
    resolver.closure()
    if found.whole:
        explore_namespace(walk, node, function.__globals__)
    if function is not walk.bound:
        _defaults(walk, node, function)
    else:
        watch_signature(watch, function)
    if "__wrapped__" in vars(function):
        wrapped = vars(function)["__wrapped__"]
        watch.attribute(function, "__wrapped__", wrapped, f"the function that {label} wraps")
        walk.edge(node, "__wrapped__", wrapped, function)


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
        return references.of_code(code)
    node.summary = found.located.text
    node.own = b"tree" + found.body + _docs(walk, function, found.located)
    return found.references


def _reading(walk: Walk, function: FunctionType) -> Reading | None:
    def ours(located: Located) -> IsOurs:
        return _Ours(walk, function, located).is_ours

    return read(function.__code__, function.__globals__, ours, walk.mode.keep)


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


def _class_name(cls: type) -> str:
    return cls.__qualname__


def _docs(walk: Walk, function: FunctionType, located: Located) -> bytes:
    """The docstring, where code that is reached reads docstrings and it is not the one in the source."""
    own = inspect.cleandoc(function.__doc__ or "")
    return own.encode() if walk.mode.keep and own != docstring(located.node) else b""


def _defaults(walk: Walk, node: Node, function: FunctionType) -> None:
    """The live values of the defaults of a helper."""
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


class _Ours:
    """Tells sweepable's own decorators from others."""

    def __init__(self, walk: Walk, function: FunctionType, located: Located) -> None:
        self._function = function
        self._is_cached = id(function) in walk.cached or function is walk.bound
        decorators = [] if isinstance(located.node, ast.Lambda) else located.node.decorator_list
        self._outermost = decorators[0] if decorators else None

    def is_ours(self, decorator: ast.expr) -> bool:
        """Whether a decorator is one of sweepable's own."""
        target: ast.expr = decorator
        while isinstance(target, ast.Call):
            target = target.func
        value = self._value(target)
        if value is _MISSING:  # bound where the function was defined, and out of reach by now
            return decorator is self._outermost and self._is_cached
        return origin.is_ours(value)

    def _value(self, target: ast.expr) -> object:
        if isinstance(target, ast.Attribute):
            owner = self._value(target.value)
            known = isinstance(owner, ModuleType | type) or origin.is_ours(owner)
            return getattr(owner, target.attr, _MISSING) if known else _MISSING if owner is _MISSING else None
        if not isinstance(target, ast.Name):
            return None
        namespace = self._function.__globals__
        return namespace.get(target.id, getattr(builtins, target.id, _MISSING))


class Resolver:
    """Finds what the names within one function are bound to, and notes the bindings.

    Parameters
    ----------
    walk : Walk
    node : Node
        Gets the edges.
    function : function
        In whose globals and closure names are looked up.
    """

    def __init__(self, walk: Walk, node: Node, function: FunctionType) -> None:
        self._walk = walk
        self._node = node
        self._function = function
        self._globals = function.__globals__
        self._free = {name: at for at, name in enumerate(function.__code__.co_freevars)}
        self._met: set[str] = set()

    def resolve(self, reference: Reference) -> None:
        """Follow one reference."""
        if self._is_ignored(reference):
            return
        if reference.source is not None:
            self._imported(reference, reference.source)
        elif reference.name in self._free:
            self._cell(reference)
        else:
            self._global(reference)

    def closure(self, without: object = None) -> None:
        """Follow the closure variables that the body's own names have not led to, and that do not hold `without`."""
        for name, at in self._free.items():
            if name not in self._met and (without is None or not self._holds(at, without)):
                self._cell(Reference(name))

    def _holds(self, at: int, value: object) -> bool:
        cell = (self._function.__closure__ or ())[at]
        try:
            return cell.cell_contents is value
        except ValueError:
            return False

    def _is_ignored(self, reference: Reference) -> bool:
        written = ""
        for part in (reference.name, *reference.attributes):
            written = f"{written}.{part}" if written else part
            if written in self._walk.options.ignored:
                return True
        return False

    def _cell(self, reference: Reference) -> None:
        if reference.name in self._walk.options.ignored:
            return
        self._met.add(reference.name)
        at = self._free[reference.name]
        assert self._function.__closure__ is not None
        cell = self._function.__closure__[at]
        try:
            value = cell.cell_contents
        except ValueError:
            self._walk.watch.empty(cell, f"the variable {reference.name} of {self._function.__qualname__}")
            self._walk.absent(self._node, reference.name)
            return
        what = f"the variable {reference.name} of {self._function.__qualname__}"
        self._walk.watch.cell(self._function, at, value, what)
        self._follow(value, reference, reference.name, cell)

    def _global(self, reference: Reference) -> None:
        name, watch = reference.name, self._walk.watch
        value = self._globals.get(name, _MISSING)
        if value is not _MISSING:
            watch.binding(self._globals, name, value, f"the global {name}")
            self._follow(value, reference, name, self._globals)
            return
        if reference.guessed and not hasattr(builtins, name):
            watch.lacks(self._globals, name, f"the global {name}")
            return
        watch.lacks(self._globals, name, f"the global {name}")
        if not hasattr(builtins, name):
            watch.lacks(vars(builtins), name, f"the builtin {name}")
            self._walk.absent(self._node, name)
            return
        value = getattr(builtins, name)
        watch.binding(vars(builtins), name, value, f"the builtin {name}")
        if is_put_there(value, name):
            self._follow(value, reference, name, builtins)

    def _follow(self, value: object, reference: Reference, name: str, holder: object) -> None:
        """Follow attributes as far as they are bound in user modules, or set on functions."""
        attributes = list(reference.attributes)
        while attributes:
            namespace = self._namespace(value, attributes[0], name)
            if namespace is None:
                self._replaced(value, attributes, name)
                self._asked_for_records(value, attributes[0], name)
                break
            if not isinstance(value, ModuleType):
                self._walk.edge(self._node, name, value, holder)
            step = attributes.pop(0)
            name, holder = f"{name}.{step}", namespace
            if step not in namespace:
                self._missing(value, step, name, reference.guessed)
                return
            value = namespace[step]
            self._walk.watch.binding(namespace, step, value, f"the global {name}")
        if reference.guessed and isinstance(value, ModuleType):
            return
        target = self._walk.edge(self._node, name, value, holder)
        if target is not None and isinstance(holder, dict):
            self._walk.of_modules.add(target)
        self._place(target, name, holder)

    def _namespace(self, value: object, step: str, name: str) -> dict[str, Any] | None:
        """Where the attribute of a user's module, or one set on a function, is bound; None for any other."""
        if isinstance(value, ModuleType):
            return vars(value) if self._walk.is_user(value) and not origin.is_ours(value) else None
        if is_cached(value):
            if step == "callee" or step.startswith("__") or hasattr(type(value), step):
                return None
        elif not isinstance(value, FunctionType):
            return None
        self._walk.watch.attribute(value, "__dict__", vars(value), f"the attributes of {name}")
        if step not in vars(value):
            self._walk.watch.lacks(vars(value), step, f"the attribute {step} of {name}")
            return None
        return vars(value)

    def _replaced(self, value: object, attributes: Sequence[str], name: str) -> None:
        """Follow a name in a package to code of the user's that was bound there in the place of the package's own."""
        for step in attributes:
            if not isinstance(value, ModuleType) or origin.is_ours(value) or step not in vars(value):
                return
            namespace, name = vars(value), f"{name}.{step}"
            value = namespace[step]
            if callable(value) or isinstance(
                value, ModuleType
            ):  # so that it is seen when it is replaced, or put back, later
                self._walk.watch.binding(namespace, step, value, f"the global {name}")
                if _is_users(self._walk, value):
                    self._walk.edge(self._node, name, value, namespace)

    def _asked_for_records(self, value: object, step: str, name: str) -> None:
        """Of a cached function that is asked for Records, the declared outputs count: they name what is in them."""
        if is_cached(value) and not step.startswith("__"):
            declared = value.callee.said.outputs  # type: ignore[attr-defined]
            if declared:
                self._walk.edge(self._node, f"outputs of {name}", declared)

    def _missing(self, owner: object, step: str, name: str, guessed: bool) -> None:
        watch, namespace = self._walk.watch, vars(owner)
        watch.lacks(namespace, step, f"the global {name}")
        submodule = sys.modules.get(f"{getattr(owner, '__name__', '')}.{step}")
        if submodule is not None:
            self._walk.edge(self._node, name, submodule, namespace)
            return
        watch.attribute(owner, "__class__", type(owner), f"the class of {name.rpartition('.')[0]}")
        makers: list[tuple[str, object, object]]
        makers = [("__getattr__", namespace["__getattr__"], namespace)] if "__getattr__" in namespace else []
        if not makers:
            watch.lacks(namespace, "__getattr__", f"the global {name}")
        if type(owner) is not ModuleType and self._walk.is_user(type(owner)):
            makers.append(("__class__", type(owner), owner))
        for label, maker, holder in makers if not guessed else ():
            if isinstance(holder, dict):
                watch.binding(holder, label, maker, f"{name}")
            self._walk.edge(self._node, f"{name} ({label})", maker, holder)
        if not makers and not guessed:
            self._walk.absent(self._node, name)

    def _place(self, target: Node | None, name: str, holder: object) -> None:
        """Note where a constant is bound, for messages."""
        if target is None or target.where or target.kind != "value" or not isinstance(holder, dict):
            return
        file = holder.get("__file__") or (
            self._function.__code__.co_filename if holder is self._function.__globals__ else None
        )
        if isinstance(file, str) and (line := sources.line_of(file, name.rpartition(".")[2])):
            target.where = f"{file}:{line}"

    def _imported(self, reference: Reference, source: Source) -> None:
        name = _absolute(source, self._globals)
        if name is None:
            self._walk.findings.note(
                f"{self._function.__qualname__} imports {source.module or '.'} relative to nothing"
            )
            return
        module = load(self._walk, name)
        if not isinstance(module, ModuleType):
            if module == "missing":
                self._walk.watch.lacks(sys.modules, name, f"the module {name}")
            if not reference.guessed:
                self._node.edges.append((reference.name, _package_node(self._walk, name, module)))
            member = () if source.member is None else (source.member,)
            self._replaced(sys.modules.get(name), (*member, *reference.attributes), name)
            return
        self._walk.watch.binding(sys.modules, name, module, f"the module {name}")
        if source.member is None:
            self._follow(module, reference, reference.name, sys.modules)
            return
        if not hasattr(module, source.member) and self._walk.is_user(module):
            load(self._walk, f"{name}.{source.member}")
        chain = (source.member, *reference.attributes)
        if self._walk.is_user(module):
            self._follow(module, Reference(reference.name, chain), name, sys.modules)
        else:
            self._follow(getattr(module, source.member, None), reference, reference.name, module)


def _absolute(source: Source, namespace: dict[str, Any]) -> str | None:
    if not source.level:
        return source.module
    package = namespace.get("__package__")
    if not isinstance(package, str):
        name = str(namespace.get("__name__", ""))
        package = name if "__path__" in namespace else name.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * source.level + source.module, package)
    except (ImportError, ValueError):
        return None


def load(walk: Walk, name: str) -> ModuleType | str:
    """A module that a body imports: itself if it is the user's, else what it is: ``package`` or ``missing``.

    The user's own is imported, as the function would import it; a package's is not.
    """
    # Whether a package happens to be loaded already must not tell: its modules count by name either way.
    if not _is_local(walk, name):
        return "package"
    known = sys.modules.get(name)
    if isinstance(known, ModuleType):
        return known
    try:
        return importlib.import_module(name)
    except Exception as error:  # the function may well expect that
        walk.findings.note(f"the module {name}, imported in a body, cannot be imported ({error!r})")
        return "missing"


def _is_local(walk: Walk, name: str) -> bool:
    if any(name == tracked or name.startswith(f"{tracked}.") for tracked in walk.options.track):
        return True
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top == origin.OWN_NAME:
        return False
    if isinstance(loaded := sys.modules.get(top), ModuleType):
        return walk.is_user(loaded)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(origin.file_kind(os.fspath(place)) == "user" for place in places if place)


def _is_users(walk: Walk, value: object) -> bool:
    value = walk.unwrapped(value)
    kind = walk.classify(value)
    is_mock = type(value).__module__ == "unittest.mock"
    return kind in ("function", "class") or (kind in ("wrapper", "value") and (is_mock or walk.is_user(value)))


def _package_node(walk: Walk, name: str, kind: str) -> Node:
    if kind == "package":
        walk.package(name)
    marker = types.SimpleNamespace(name=name, kind=kind)
    node = Node(kind, marker, names=[name], own=f"{kind} module {name}".encode())
    walk.nodes.append(node)
    return node


def explore_namespace(walk: Walk, node: Node, namespace: dict[str, Any]) -> None:
    """Every name of a module: for code that uses a module as a whole."""
    walk.watch.size(namespace, f"the names of the module {namespace.get('__name__')}")
    prefix = f"{namespace.get('__name__')}."
    for name in sorted(key for key in namespace if isinstance(key, str)):
        label = name if namespace.get("__name__") in ("__main__", "__mp_main__") else prefix + name
        if name in MODULE_NAMES or {name, label} & walk.options.ignored or is_notebooks(namespace, name):
            continue
        walk.watch.binding(namespace, name, namespace[name], f"the global {label}")
        walk.edge(node, name, namespace[name], namespace)


EXPLORERS["function"] = explore_function
