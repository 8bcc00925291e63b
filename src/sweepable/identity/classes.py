"""Classes of the user as nodes: bases, metaclass and every entry, as they are now."""

from __future__ import annotations

import abc
import enum
import sys
import types
from typing import Any

from sweepable.identity import attached, fields, ignoring, origin, sources
from sweepable.identity.annotations import spelled, written_in
from sweepable.identity.graph import Node
from sweepable.identity.resolver import Resolver
from sweepable.identity.standard import is_reserved
from sweepable.identity.walk import EXPLORERS, Walk

#: Entries that say where a class is, or that Python keeps for itself.
_BOOKKEEPING = frozenset(
    [
        "__module__",
        "__qualname__",
        "__dict__",
        "__weakref__",
        "__firstlineno__",
        "__static_attributes__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__abstractmethods__",
        "_abc_impl",
        "__parameters__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__attrs_attrs__",
        "__attrs_own_setattr__",
        "__orig_bases__",
        "__slotnames__",  # copyreg notes it when an instance is first pickled or copied
        "__type_params__",
        "_is_protocol",
        "__protocol_attrs__",
        "__non_callable_proto_members__",
        "__callable_proto_members_only__",
        "__mutable_keys__",
        "__readonly_keys__",
    ]
)
_PYDANTIC = ("__pydantic_", "__private_attributes__", "__class_vars__", "__signature__")
#: What `sympy` works out of the other entries, in the order of hashes.
_SYMPY = ("_prop_handler", "default_assumptions")
#: What `enum` works out from the members.
_ENUM_BOOKKEEPING = frozenset(
    [
        *("_member_names_", "_member_map_", "_value2member_map_", "_unhashable_values_", "_unhashable_values_map_"),
        *("_hashable_values_", "_member_type_", "_value_repr_", "_use_args_", "_flag_mask_", "_singles_mask_"),
        *("_all_bits_", "_inverted_"),
    ]
)
#: What `enum` copies into each class from its last base, where the class body says nothing of it.
_ENUM_SHOWN = ("__repr__", "__str__", "__format__")


def explore_class(walk: Walk, node: Node) -> None:
    """A class counts by its name, its metaclass, its bases, and every entry; not by its place."""
    cls = node.value
    assert isinstance(cls, type)
    label = cls.__qualname__
    bases = ", ".join(base.__qualname__ for base in cls.__bases__ if base is not object)
    # By its name too, which any repr shows; whoever renames a class, edits the code that names it.
    node.own, node.summary = f"class {label}".encode(), f"class {label}({bases})" if bases else f"class {label}"
    walk.watch.entries(cls, f"the class {label}")
    walk.watch.attribute(cls, "__bases__", cls.__bases__, f"the bases of {label}")
    if type(cls) is not type:
        walk.edge(node, "metaclass", type(cls), spoken=type(cls).__qualname__)
    for at, base in enumerate(cls.__bases__):
        if base is not object:
            walk.edge(node, f"base {at}", base, spoken=base.__qualname__)
    _annotations(walk, node, cls)
    _relations(walk, node, cls)
    if isinstance(cls, enum.EnumMeta):
        _enumeration(walk, node, cls)
    fields.explore(walk, node, cls)
    for name in sorted(vars(cls)):
        if not _is_bookkeeping(walk, cls, name):
            place = ignoring.entry(cls, name)
            target = walk.edge(node, name, vars(cls)[name], cls, spoken=f"{label}.{name}", place=place)
            if target is not None:
                walk.named.add(target)
    _place(node, cls)


def _relations(walk: Walk, node: Node, cls: type) -> None:
    """What stands behind a class though nothing in it says so: an extension module, registered classes, subclasses."""
    module = sys.modules.get(cls.__module__)
    if isinstance(module, types.ModuleType) and origin.is_compiled(module) and walk.is_user(module):
        walk.edge(node, "module", module)
    if issubclass(type(cls), abc.ABCMeta):
        walk.watch.registrations("the classes that are registered with abstract ones")
    for at, known in enumerate(attached.registered(cls)):
        walk.edge(node, f"registered {at}", known)
    if "subclasses" in walk.mode.asks:
        subclasses: list[type] = type.__subclasses__(cls)
        walk.watch.subclasses(cls, subclasses, f"the subclasses of {cls.__qualname__}")
        for at, below in enumerate(subclasses):
            walk.edge(node, f"subclass {at}", below)


def _is_bookkeeping(walk: Walk, cls: type, name: str) -> bool:
    entry = vars(cls)[name]
    if name in _SYMPY and type(cls).__module__.partition(".")[0] == "sympy":
        return True
    if name in _BOOKKEEPING or name.startswith(_PYDANTIC) or walk.ignores(ignoring.entry(cls, name)):
        return True
    if name == "__doc__":
        return not walk.mode.keep
    if isinstance(entry, types.MemberDescriptorType | types.GetSetDescriptorType):
        return True  # a slot: __slots__ names it
    if isinstance(cls, enum.EnumMeta) and name in _ENUM_SHOWN:  # copied from the base, unless another one was put there
        inherited = next((vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)), None)
        kept = inherited is entry or not isinstance(inherited, types.FunctionType)
        return kept and entry is getattr(cls.__bases__[-1], name, None)
    if type(entry).__name__ == "_tuplegetter" or fields.is_generated(name, entry):
        return True
    if name == "__init__" and getattr(cls, "_is_protocol", None) is not None:
        return not walk.is_user(entry)  # typing puts it there when an instance is first made
    return isinstance(cls, enum.EnumMeta) and _is_of_enum(walk, cls, name)


def _is_of_enum(walk: Walk, cls: enum.EnumMeta, name: str) -> bool:
    """Whether an entry is a member, or one of those that `enum` keeps for itself."""
    if name in cls.__members__ or name in _ENUM_BOOKKEEPING:
        return True
    function = origin.underlying(vars(cls)[name])
    return (
        (function is not None or name == "_new_member_")
        and name.startswith("_")
        and not (function is not None and walk.is_user(function))
    )


def _annotations(walk: Walk, node: Node, cls: type) -> None:
    """The annotations of a class body: its fields, for many a decorator and metaclass."""
    try:
        annotations = dict(vars(cls).get("__annotations__") or (cls.__annotations__ if _is_late(cls) else {}))
    except Exception:  # names that are not bound yet, where annotations are evaluated late
        annotations = {}
    reached: list[object] = []

    def write(part: object) -> str:
        if not isinstance(part, type):
            reached.append(part)
            return "value"
        if walk.is_user(part) and part is not cls:
            reached.append(part)
            return "user class"
        return f"{part.__module__}.{part.__qualname__}"

    if annotations:
        lines = [f"{name}: {spelled(value, write)}" for name, value in annotations.items()]
        node.own += b"\0".join(line.encode() for line in ["", *lines])
    for part in reached:
        walk.edge(node, "annotation", part)
    function = _any_function(cls) or _of_module(cls)
    if function is not None:
        resolver = Resolver(walk, node, function)
        for reference in written_in(annotations):
            resolver.resolve(reference._replace(guessed=True))


def _is_late(cls: type) -> bool:
    return "__annotate__" in vars(cls) or "__annotate_func__" in vars(cls)


def _any_function(cls: type) -> types.FunctionType | None:
    """A method of the class, in whose globals its annotations mean something: not one that `dataclasses` lent it."""
    found = [entry for entry in vars(cls).values() if isinstance(entry, types.FunctionType)]
    own = (entry for entry in found if entry.__globals__.get("__name__") == cls.__module__)
    return next(own, found[0] if found else None)


def _of_module(cls: type) -> types.FunctionType | None:
    """A function in whose globals the annotations of a class without methods mean something."""
    module = sys.modules.get(cls.__module__)
    return types.FunctionType((lambda: None).__code__, vars(module)) if isinstance(module, types.ModuleType) else None


def _enumeration(walk: Walk, node: Node, cls: enum.EnumMeta) -> None:
    members: dict[str, Any] = dict(cls.__members__)
    for name, member in members.items():
        place = ignoring.entry(cls, name)
        if walk.ignores(place):
            continue
        walk.edge(node, name, member._value_, member, spoken=f"{cls.__qualname__}.{name}", place=place)
        own = [(key, part) for key, part in vars(member).items() if not is_reserved(key)]
        for key, part in sorted(own):
            walk.edge(node, f"{name}.{key}", part, member)
        walk.watch.content(vars(member), f"the member {name} of {cls.__qualname__}")


def _place(node: Node, cls: type) -> None:
    function = _any_function(cls)
    if function is not None:
        code = function.__code__
        node.where = f"{code.co_filename}:{sources.line_of(code.co_filename, cls.__name__) or code.co_firstlineno}"


EXPLORERS["class"] = explore_class
