"""The fields of classes: what `dataclasses`, `attrs`, `pydantic` and `msgspec` make of a class body, and keep apart."""

from __future__ import annotations

import types
from importlib import import_module
from typing import Any

from sweepable.identity import ignoring
from sweepable.identity.graph import Node
from sweepable.identity.walk import Walk

#: Modules that put functions of their own into classes of the user's.
_WRITERS = frozenset({"dataclasses", "collections", "typing", "typing_extensions", "enum"})
_DATACLASS_FLAGS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
_FIELD_FLAGS = ("init", "repr", "hash", "compare", "kw_only")
_ATTRS_PARTS = (
    *("default", "validator", "converter", "init", "repr", "hash", "eq", "order", "kw_only", "on_setattr"),
    *("alias", "eq_key", "order_key"),
)
#: What pydantic keeps of a field, but for its annotation, which the class body has, and what is for people.
_PYDANTIC_PARTS = (
    *("default", "default_factory", "alias", "validation_alias", "serialization_alias", "alias_priority", "exclude"),
    *("discriminator", "frozen", "validate_default", "repr", "init", "init_var", "kw_only", "metadata", "extra"),
    *("const", "gt", "ge", "lt", "le", "multiple_of", "allow_inf_nan", "max_digits", "decimal_places", "min_items"),
    *("max_items", "unique_items", "min_length", "max_length", "allow_mutation", "regex"),
    # What is for people code can read, too.
    *("title", "description", "examples", "json_schema_extra", "field_title_generator", "deprecated", "exclude_if"),
)
#: Types that stand for "no default".
_UNDEFINED = ("PydanticUndefinedType", "UndefinedType", "NoDefaultType")


def explore(walk: Walk, node: Node, cls: Any) -> None:
    """What counts of a class beside its entries: its fields with their defaults and settings."""
    if "__dataclass_fields__" in vars(cls):
        _dataclass(walk, node, cls)
    if "__attrs_attrs__" in vars(cls):
        _attrs(walk, node, cls)
    if isinstance(vars(cls).get("__pydantic_fields__", vars(cls).get("__private_attributes__")), dict):
        _pydantic(walk, node, cls)
        _pydantic_said(walk, node, cls)
    makers = [str(kind.__module__).partition(".")[0] for kind in type(cls).__mro__]
    if "msgspec" in makers and hasattr(cls, "__struct_config__"):
        _msgspec(walk, node, cls)


def _dataclass(walk: Walk, node: Node, cls: Any) -> None:
    from dataclasses import MISSING

    options = vars(cls).get("__dataclass_params__")
    flags = tuple(bool(getattr(options, name, False)) for name in _DATACLASS_FLAGS)
    walk.edge(node, "dataclass", flags)
    fields = cls.__dataclass_fields__
    walk.watch.size(fields, f"the fields of {cls.__qualname__}")
    for name, part in fields.items():
        walk.watch.binding(fields, name, part, f"the field {name} of {cls.__qualname__}")
        settings = tuple(getattr(part, flag) for flag in _FIELD_FLAGS)
        kind = getattr(part._field_type, "name", "")
        walk.edge(node, f"field {name}", (kind, *(None if isinstance(s, type) else bool(s) for s in settings)))
        walk.edge(node, f"metadata of {name}", dict(part.metadata))
        for setting in ("default", "default_factory"):
            value = getattr(part, setting)
            place = ignoring.entry(cls, name)
            # A copy of the one MISSING, in another process.
            if not isinstance(value, type(MISSING)) and not walk.ignores(place):
                walk.watch.attribute(part, setting, value, f"the {setting} of {cls.__qualname__}.{name}")
                walk.edge(node, f"{setting} of {name}", value, part, place=place)


def _attrs(walk: Walk, node: Node, cls: Any) -> None:
    for part in cls.__attrs_attrs__:
        for setting in _ATTRS_PARTS:
            value = getattr(part, setting, None)
            if value is not None and type(value).__name__ != "_Nothing":
                walk.edge(node, f"{setting} of {part.name}", value, part)
        walk.edge(node, f"metadata of {part.name}", dict(part.metadata))
    names = sorted(name for name, entry in vars(cls).items() if is_generated(name, entry) and name != "__replace__")
    node.own += "\0".join(["", *names]).encode()


def _pydantic(walk: Walk, node: Node, cls: type) -> None:
    """A model's fields: pydantic takes their defaults out of the class, and keeps its own account of them."""
    own = vars(cls)
    found: dict[str, Any] = own.get("__pydantic_fields__") or own.get("__fields__") or {}
    # Of a generic model that was given its type, no class body says what that is.
    written = {name for base in cls.__mro__ if walk.is_user(base) for name in vars(base).get("__annotations__", ())}
    for name, part in {**found, **(own.get("__private_attributes__") or {})}.items():
        place = ignoring.entry(cls, name)
        if name not in written and (kind := getattr(part, "annotation", None)) is not None:
            walk.edge(node, f"type of {name}", kind, part)
        # In pydantic 1 a field holds the default, and its description the rest.
        for holder in (part, getattr(part, "field_info", None)) if not walk.ignores(place) else ():
            for setting in _PYDANTIC_PARTS:
                value = getattr(holder, setting, None)
                if value is not None and type(value).__name__ not in _UNDEFINED:
                    walk.watch.attribute(holder, setting, value, f"the {setting} of {cls.__qualname__}.{name}")
                    walk.edge(node, f"{setting} of {name}", value, holder, place=place)


def _pydantic_said(walk: Walk, node: Node, cls: type) -> None:
    """What was said with validators and serializers, whose entries are bare functions; options, and types given."""
    own = vars(cls)
    infos: Any = own.get("__pydantic_decorators__")
    for group in sorted(getattr(infos, "__dataclass_fields__", ())):
        for name, decorator in getattr(infos, group).items():
            for setting in sorted(decorator.info.__dataclass_fields__):
                value = getattr(decorator.info, setting)
                if setting not in ("wrapped_property", "return_type") and type(value).__name__ not in _UNDEFINED:
                    walk.edge(node, f"{setting} of {group} {name}", value, decorator)
    if config := own.get("__pydantic_config__"):
        walk.edge(node, "config", config, cls)
    for at, argument in enumerate((own.get("__pydantic_generic_metadata__") or {}).get("args", ())):
        walk.edge(node, f"argument {at}", argument, cls)


def _msgspec(walk: Walk, node: Node, cls: Any) -> None:
    """A struct's fields and options, which no entry of the class shows."""
    for part in import_module("msgspec.structs").fields(cls):
        for setting in ("default", "default_factory"):
            value = getattr(part, setting)
            if type(value).__name__ not in _UNDEFINED:
                walk.edge(node, f"{setting} of {part.name}", value)
        walk.edge(node, f"encoded name of {part.name}", part.encode_name)
    config = cls.__struct_config__
    for setting in sorted(name for name in dir(config) if not name.startswith("_")):
        walk.edge(node, f"option {setting}", getattr(config, setting))


def _is_convention(name: str) -> bool:
    return (name.startswith("__") and name.endswith("__")) or name in ("_make", "_replace", "_asdict")


def is_generated(name: str, entry: object) -> bool:
    """Whether a method was written by `dataclasses`, `attrs` or `namedtuple`; fields and options stand for it."""
    if isinstance(entry, staticmethod | classmethod):
        entry = entry.__func__
    function = vars(entry).get("__wrapped__", entry) if isinstance(entry, types.FunctionType) else entry
    if not isinstance(function, types.FunctionType):
        return False
    code = function.__code__
    return (
        code.co_qualname.startswith("__create_fn__.<locals>.")
        or code.co_filename.startswith(("<attrs generated", "<namedtuple_"))
        or (code.co_filename == "<string>" and str(function.__globals__.get("__name__")).startswith("namedtuple_"))
        or (_is_convention(name) and function.__globals__.get("__name__") in _WRITERS)
    )
