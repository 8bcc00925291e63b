"""The fields of config objects as defaults and annotations declare them; the first object of a class."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sweepable.configs import DEEPEST, MOST, fields_of, grouped, kind_of, made, model_fields, replaced, split
from sweepable.errors import ArgumentError
from sweepable.names import SEPARATOR

#: Stands for no default, and no annotation.
MISSING: Any = inspect.Parameter.empty


class Hint(NamedTuple):
    """What is known of a field before it has a value."""

    #: Its default where that is a value and not made anew for each object.
    default: object = MISSING
    annotation: object = MISSING
    #: Whether the constructor can do without it.
    is_optional: bool = True


def config_class(annotation: object, function: Callable[..., Any] | None = None) -> type | None:
    """The class of config objects that an annotation names, as the only one beside None; None if it names none.

    Parameters
    ----------
    annotation : object
        A type, or its text.
    function : callable, optional
        Where text is looked up.
    """
    for _ in range(2):  # text within text, where all annotations are text already
        annotation = getattr(annotation, "__forward_arg__", annotation)
        annotation = _evaluated(annotation, function) if isinstance(annotation, str) else annotation
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        # Nothing is known of the keys of a dict.
        return annotation if annotation is not dict and kind_of(annotation) is not None else None
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType, typing.Annotated):
        return None
    parts = typing.get_args(annotation)
    named = parts[:1] if typing.get_origin(annotation) is typing.Annotated else parts
    found = [config_class(part, function) for part in named if part is not type(None)]
    return found[0] if len(found) == 1 else None


def _evaluated(text: str, function: Callable[..., Any] | None) -> object:
    """What an annotation written as text is now, as `typing.get_type_hints` tells it; a class may be defined anew."""
    try:
        inner = inspect.unwrap(function) if function is not None else None
        if not isinstance(inner, types.FunctionType):
            return None
        cells = zip(inner.__code__.co_freevars, inner.__closure__ or (), strict=True)
        return eval(_compiled(text), inner.__globals__, {name: cell.cell_contents for name, cell in cells})
    except Exception:  # what is not there when the program runs, under TYPE_CHECKING say, names nothing
        return None


@lru_cache(maxsize=1000)
def _compiled(text: str) -> types.CodeType:
    return compile(text, "<annotation>", "eval")


# -- the fields of a class


def hints_of(cls: Any) -> dict[str, Hint]:
    """The fields of a class of config objects, by name."""
    known = _types(cls)
    try:
        found = _found_hints(cls)
    except Exception:  # a signature that cannot be told, say
        return {}
    return {name: hint._replace(annotation=known.get(name, hint.annotation)) for name, hint in found.items()}


def _types(cls: Any) -> Mapping[str, object]:
    try:
        return typing.get_type_hints(cls)
    except Exception:  # of names that are not there when the program runs
        return {}


def _found_hints(cls: Any) -> dict[str, Hint]:
    if hasattr(cls, "__dataclass_fields__"):
        return dict(_of_dataclass(cls))
    if hasattr(cls, "__attrs_attrs__"):
        return {field.name: _hint(field.default, field.type) for field in cls.__attrs_attrs__}
    if issubclass(cls, tuple):
        return {name: _hint(cls._field_defaults.get(name, MISSING), MISSING) for name in cls._fields}
    if hasattr(cls, "get_params"):
        found = list(inspect.signature(cls).parameters.values())
        return {part.name: _hint(part.default, part.annotation) for part in found if part.kind not in _STARS}
    return {
        name: _hint(
            field.default, getattr(field, "annotation", MISSING), getattr(field, "default_factory", None) is not None
        )
        for name, field in model_fields(cls).items()
    }


_STARS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
#: The types of what stands for no default, and that of a default that is made anew for each object.
_NO_DEFAULT = ("_MISSING_TYPE", "_Nothing", "PydanticUndefinedType", "UndefinedType")


def _of_dataclass(cls: Any) -> Iterator[tuple[str, Hint]]:
    import dataclasses

    for field in dataclasses.fields(cls):
        # What was sent by value has a copy of the one MISSING.
        has_factory = type(field.default_factory).__name__ not in _NO_DEFAULT
        yield field.name, _hint(field.default, field.type, has_factory or not field.init)


def _hint(default: object, annotation: object, is_made: bool = False) -> Hint:
    if type(default).__name__ == "Factory":  # of attrs
        return Hint(MISSING, annotation)
    if default is MISSING or type(default).__name__ in _NO_DEFAULT or default is Ellipsis:
        return Hint(MISSING, annotation, is_made)
    return Hint(default, annotation)


# -- the fields of a parameter


def declared(parameter: str, default: object, cls: type | None) -> dict[str, Hint]:
    """The fields that a parameter has by its default, else by the class that its annotation names.

    Examples
    --------
    >>> list(declared("config", {"solver": {"dt": 0.1}}, None))
    ['config__solver', 'config__solver__dt']
    """
    return dict(_declared(parameter, default, cls, 0, [MOST]))


def _declared(path: str, value: object, cls: type | None, depth: int, room: list[int]) -> Iterator[tuple[str, Hint]]:
    hints = _hints_at(value, cls)
    if depth == DEEPEST or len(hints) > room[0]:
        return
    room[0] -= len(hints)
    for name, hint in hints.items():
        below = f"{path}{SEPARATOR}{name}"
        yield below, hint
        yield from _declared(below, hint.default, config_class(hint.annotation), depth + 1, room)


def _hints_at(value: object, cls: type | None) -> dict[str, Hint]:
    """The fields of a value with what its class says of them; of a class alone where there is no value."""
    fields = fields_of(value) if value is not MISSING else None
    if fields is None:
        return hints_of(cls) if cls is not None and value is MISSING else {}
    by_class = {} if type(value) is dict else hints_of(type(value))
    return {name: Hint(part, by_class.get(name, Hint()).annotation) for name, part in fields.items()}


def hint_at(value: object, cls: type | None, path: str, rest: str, owner: str) -> Hint:
    """What is known of one field, by its path from a config object or a class of such.

    Raises
    ------
    UnknownName
        There is no such field.
    """
    hints = _hints_at(value, cls)
    if not hints and value is MISSING:
        return Hint()  # the constructor will tell
    if not hints:
        replaced(value, {rest: None}, path, owner)  # raises: it has no fields
    name = split({name: hint.default for name, hint in hints.items()}, path, rest, owner)
    hint = hints[name]
    if rest == name:
        return hint
    below, further = f"{path}{SEPARATOR}{name}", rest[len(name + SEPARATOR) :]
    return hint_at(hint.default, config_class(hint.annotation), below, further, owner)


# -- making the first object


def constructed(cls: Any, changes: Mapping[str, object], path: str, owner: str) -> Any:
    """A config object of a class with some of its fields, where the constructor can do without the others.

    Raises
    ------
    ArgumentError
        It cannot.
    UnknownName
        There is no such field.
    """
    hints = hints_of(cls)
    whole, nested = grouped({name: hint.default for name, hint in hints.items()}, changes, path, owner)
    later: dict[str, object] = {}
    for name, further in nested.items():
        below, part = f"{path}{SEPARATOR}{name}", config_class(hints[name].annotation)
        if name in whole:
            whole[name] = replaced(whole[name], further, below, owner)
        elif hints[name].is_optional or part is None:
            later |= {f"{name}{SEPARATOR}{rest}": value for rest, value in further.items()}
        else:
            whole[name] = constructed(part, further, below, owner)
    missing = [name for name, hint in hints.items() if not hint.is_optional and name not in whole]
    if missing:
        raise ArgumentError(
            f"{owner}: {path} has no default, and {cls.__name__} needs {', '.join(missing)}; give "
            f"{path}={cls.__name__}(...), or {', '.join(f'{path}{SEPARATOR}{name}=...' for name in missing)} as well"
        )
    kind = kind_of(cls)
    spelled = {kind.spelled(cls, name) if kind else name: value for name, value in whole.items()}
    found = made(lambda: cls(**spelled), whole, path, owner)
    return replaced(found, later, path, owner) if later else found
