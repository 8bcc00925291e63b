"""What the names within a function are bound to, followed through the user's modules."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from sweepable.identity import ignoring, opaque, origin, references, sources, texts
from sweepable.identity.graph import Node
from sweepable.identity.ignoring import Place
from sweepable.identity.modules import absolute, is_findable, load, package_node
from sweepable.identity.references import UNBOUND, Reference, Source
from sweepable.identity.surroundings import is_put_there
from sweepable.identity.walk import Walk, is_cached

#: So many parts of a constant are searched for texts that lead on.
_MANY = 1000


def lookup(function: FunctionType) -> references.Look:
    """What the function's names are bound to."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))

    def look(name: str) -> object:
        if name in cells:
            try:
                return cells[name].cell_contents
            except ValueError:
                return references.UNBOUND
        return function.__globals__.get(name, getattr(builtins, name, references.UNBOUND))

    return look


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
        if not (ignored := self._walk.options.ignored):
            return False
        written = ignored.by_chain((reference.name, *reference.attributes))
        if written is not None:
            self._walk.findings.ignored.add(written)
            return True
        is_own = reference.source is not None or reference.name in self._free
        return self._walk.ignores(
            ignoring.variable(self._function, reference.name)
            if is_own
            else ignoring.module_global(self._globals, reference.name)
        )

    def _cell(self, reference: Reference) -> None:
        place = ignoring.variable(self._function, reference.name)
        if self._walk.ignores(place):
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
        self._follow(value, reference, reference.name, cell, place)

    def _global(self, reference: Reference) -> None:
        name, watch = reference.name, self._walk.watch
        value = self._globals.get(name, UNBOUND)
        if value is not UNBOUND:
            watch.binding(self._globals, name, value, f"the global {name}")
            self._follow(value, reference, name, self._globals, ignoring.module_global(self._globals, name))
            return
        if reference.guessed and not hasattr(builtins, name):
            watch.lacks(self._globals, name, f"the global {name}")
            return
        watch.lacks(self._globals, name, f"the global {name}")
        if not hasattr(builtins, name):
            watch.lacks(vars(builtins), name, f"the builtin {name}")
            self._walk.absent(self._node, name)
            return
        place = ignoring.module_global(vars(builtins), name)
        if self._walk.ignores(place):
            return
        value = getattr(builtins, name)
        watch.binding(vars(builtins), name, value, f"the builtin {name}")
        if is_put_there(value, name):
            self._follow(value, reference, name, builtins, place)

    def _follow(
        self, value: object, reference: Reference, name: str, holder: object, place: Place | None = None
    ) -> None:
        """Follow attributes as far as they are bound in user modules, or set on functions."""
        attributes = list(reference.attributes)
        while attributes:
            namespace = self._namespace(value, attributes[0], name)
            if namespace is None:
                self._replaced(value, attributes, name)
                self._asked_for_records(value, attributes[0], name)
                break
            if not isinstance(value, ModuleType):
                self._walk.edge(self._node, name, value, holder, place=place)
            step = attributes.pop(0)
            is_module = isinstance(value, ModuleType)
            place = ignoring.module_global(namespace, step) if is_module else ignoring.attribute(value, step)
            if self._walk.ignores(place):
                return
            name, holder = f"{name}.{step}", namespace
            self._load_lazily(value, step, namespace)
            if step not in namespace:
                self._missing(value, step, name, reference.guessed)
                return
            value = namespace[step]
            self._walk.watch.binding(namespace, step, value, f"the global {name}")
        if reference.guessed and isinstance(value, ModuleType):
            return
        target = self._walk.edge(self._node, name, value, holder, place=place)
        if target is not None:
            self._walk.named.add(target)
            if isinstance(holder, dict):
                self._walk.of_modules.add(target)
        self._place(target, name, holder)
        for text in _texts_in(value):
            self.text(text)

    def text(self, text: str) -> None:
        """Follow what a text that code holds may lead to, where it is evaluated: names and modules."""
        for name in texts.names_in(text):
            self.resolve(Reference(*texts.dotted(name), guessed=True))
        if "imports" in self._walk.mode.asks:
            self.module(text)

    def module(self, text: str) -> None:
        """Follow the user's module that a text names, as some code imports modules whose name it computes."""
        path = text.lstrip(".")
        source = Source(path, len(text) - len(path), None)
        dotted = len(text) < 200 and all(map(str.isidentifier, path.split(".")))
        name = absolute(source, self._globals) if dotted else None
        if name is not None and is_findable(self._walk, name):
            self.resolve(Reference(text, (), source))

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
            if self._walk.ignores(ignoring.module_global(namespace, step)):
                return
            value = namespace[step]
            for part in opaque.code_in(value):  # registered with the package
                if _is_users(self._walk, part):
                    self._walk.edge(self._node, name, part, value)
            # So that it is seen when it is replaced, or put back, later.
            if callable(value) or isinstance(value, ModuleType):
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
        makers: list[tuple[str, Any, Any]] = (
            [("__getattr__", namespace["__getattr__"], namespace)] if "__getattr__" in namespace else []
        )
        if not makers:
            watch.lacks(namespace, "__getattr__", f"the global {name}")
        if type(owner) is not ModuleType and self._walk.is_user(type(owner)):
            makers.append(("__class__", type(owner), owner))
        if isinstance(made := self._computed(owner, step, makers), ModuleType):
            self._walk.edge(self._node, name, made, namespace)
        for label, maker, holder in makers if not guessed else ():
            if isinstance(holder, dict):
                watch.binding(holder, label, maker, f"{name}")
            self._walk.edge(self._node, f"{name} ({label})", maker, holder)
        if not makers and not guessed:
            self._walk.absent(self._node, name)

    def _load_lazily(self, value: object, step: str, namespace: dict[str, Any]) -> None:
        """Import a submodule that a module imports when it is asked for, so that it is bound like any other."""
        lazy = isinstance(value, ModuleType) and step not in namespace and "__getattr__" in namespace
        if lazy and is_findable(self._walk, name := f"{namespace.get('__name__')}.{step}"):
            load(self._walk, name)

    def _computed(self, owner: object, step: str, makers: Sequence[tuple[str, object, object]]) -> object:
        """What a module's own ``__getattr__`` makes of a name, if it imports modules whose name it computes."""
        maker = makers[0][1] if makers else None
        if not isinstance(maker, FunctionType) or not self._walk.is_user(maker):
            return None
        if "imports" not in references.of_code(maker.__code__, lookup(maker)).asks:
            return None
        try:
            return getattr(owner, step)
        except Exception:  # the function may well expect that
            return None

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
        name = absolute(source, self._globals)
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
                self._node.edges.append((reference.name, package_node(self._walk, name, module)))
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


def _texts_in(value: object) -> list[str]:
    """The texts in a constant, a few levels deep."""
    found: list[str] = []
    level: list[Any] = [value]
    for _ in range(4):
        below: list[Any] = []
        for part in level:
            kind = type(part)
            if kind is str:
                found.append(part)
            elif kind is dict:
                below += [*part, *part.values()][:_MANY]
            elif kind in (list, tuple, set, frozenset):
                below += list(part)[:_MANY]
        level = below[:_MANY]
    return found


def _is_users(walk: Walk, value: object) -> bool:
    if type(value) in (ModuleType, BuiltinFunctionType):  # nearly all that packages bind, and never what is meant here
        return False
    value = walk.unwrapped(value)
    kind = walk.classify(value)
    is_mock = type(value).__module__ == "unittest.mock"
    return kind in ("function", "class") or (kind in ("wrapper", "value") and (is_mock or walk.is_user(value)))
