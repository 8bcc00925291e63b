"""Config objects: values with named fields, which names go into (``config__solver__dt``), and their rebuilding.

They are instances of dataclasses, attrs classes, pydantic models and named tuples, estimators with ``get_params`` as
those of scikit-learn, and dicts with string keys. Reading fields reads attributes, or asks ``get_params``, and runs no
other code of the user's. An object is rebuilt by its own constructor, and never changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from sweepable.errors import AmbiguousName, ArgumentError, UnknownName
from sweepable.names import SEPARATOR, did_you_mean

#: Fields further down are part of what holds them.
DEEPEST = 8
#: An object whose fields would make more than these of one parameter stays one value.
MOST = 200

#: Types of values that are no config objects, told at once.
_PLAIN = frozenset((int, float, str, bool, type(None), bytes, complex, list, tuple, set, frozenset, np.ndarray))
_COMPARED = (bool, int, float, complex, str, bytes, type(None))
Fields = dict[str, Any]


class Kind(NamedTuple):
    """How the config objects of one kind are read and rebuilt."""

    #: The fields of an instance that are set.
    read: Callable[[Any], Fields]
    #: A new instance with other values of some fields.
    make: Callable[[Any, Fields], Any]
    #: What the constructor of a class calls a field.
    spelled: Callable[[Any, str], str] = lambda kind, name: name
    #: Whether its constructors may store something else than what they are given.
    may_convert: bool = True


def fields_of(value: object) -> Fields | None:
    """The fields of a config object by name; None for any other value."""
    try:
        kind = None if type(value) in _PLAIN else kind_of(type(value))
        if kind is None:
            return None
        found = kind.read(value)
    except Exception:  # a get_params that raises, say: what cannot be read has no fields
        return None
    return found if found and all(type(name) is str and name for name in found) else None


def kind_of(cls: Any) -> Kind | None:
    """The kind of config objects that instances of a class are; None where they are none."""
    if cls in _PLAIN:
        return None
    if cls is dict:
        return _DICT
    if str(cls.__module__).partition(".")[0] == "sweepable":  # ours, a named tuple of the store for one
        return None
    for names, kind in _KINDS:
        if all(_has(cls, name) for name in names):
            return kind if kind is not _NAMED or issubclass(cls, tuple) else None
    return None


def _has(cls: type, name: str) -> bool:
    """Whether a class has an entry, without asking its metaclass."""
    return any(name in vars(base) for base in cls.__mro__)


# -- fields, flattened


def flattened(parameter: str, value: object) -> Fields:
    """The fields of a config object by their full names, nested ones included: those that hold others come before them.

    Examples
    --------
    >>> flattened("config", {"solver": {"dt": 0.1}, "name": "a"})
    {'config__solver': {'dt': 0.1}, 'config__solver__dt': 0.1, 'config__name': 'a'}
    """
    found: Fields = {}
    twice: set[str] = set()
    for path, part in _walk(parameter, value, 0, [MOST]):
        if path in found:  # {"a__b": 1, "a": {"b": 2}}: nobody can say which is meant
            twice.add(path)
        found[path] = part
    return {path: part for path, part in found.items() if path not in twice}


def _walk(path: str, value: object, depth: int, room: list[int]) -> Iterator[tuple[str, Any]]:
    fields = fields_of(value) if depth < DEEPEST else None
    if fields is None or len(fields) > room[0]:
        return
    room[0] -= len(fields)
    for name, part in fields.items():
        below = f"{path}{SEPARATOR}{name}"
        yield below, part
        yield from _walk(below, part, depth + 1, room)


# -- one field


def split(fields: Mapping[str, object], path: str, rest: str, owner: str) -> str:
    """The field with which a path goes on.

    Parameters
    ----------
    fields : mapping
        The fields there are, by name.
    path : str
        The way to what has them, for messages.
    rest : str
        The path from there.
    owner : str
        What messages begin with.

    Raises
    ------
    UnknownName, AmbiguousName
        None of the fields, or more than one, is meant.
    """
    found = [name for name in fields if rest == name or rest.startswith(name + SEPARATOR)]
    if len(found) > 1:
        found = [name for name in found if rest == name or has_path(fields[name], rest[len(name + SEPARATOR) :])]
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousName(f"{owner}: {path}{SEPARATOR}{rest} may be the field {' or '.join(map(repr, found))}")
    near = [name for name in fields if rest.startswith(name + SEPARATOR)] or [rest]
    wrong = near[0] if near[0] in fields else next(iter(rest.split(SEPARATOR)), rest) or rest
    raise UnknownName(f"{owner}: {path} has no field {wrong!r}{did_you_mean(wrong, fields)}")


def has_path(value: object, rest: str) -> bool:
    """Whether a config object has the field to which a path leads."""
    fields = fields_of(value) or {}
    return any(
        rest == name or (rest.startswith(name + SEPARATOR) and has_path(part, rest[len(name + SEPARATOR) :]))
        for name, part in fields.items()
    )


def grouped(
    fields: Mapping[str, object], changes: Mapping[str, object], path: str, owner: str
) -> tuple[Fields, dict[str, Fields]]:
    """Changes by path as new values of fields, and changes within fields."""
    whole: Fields = {}
    nested: dict[str, Fields] = {}
    for rest, value in changes.items():
        name = split(fields, path, rest, owner)
        if rest == name:
            whole[name] = value
        else:
            nested.setdefault(name, {})[rest[len(name + SEPARATOR) :]] = value
    return whole, nested


def replaced(value: object, changes: Mapping[str, object], path: str, owner: str) -> Any:
    """A config object with other values of some fields, made by its constructor; the given one stays as it is.

    Parameters
    ----------
    value : object
        The config object.
    changes : mapping of str to object
        The values, by the paths from it: ``{"solver__dt": 0.1}``.
    path, owner : str
        Where it stands and what messages begin with.

    Raises
    ------
    UnknownName
        There is no such field.
    ArgumentError
        The constructor does not take the value.
    """
    kind, fields = kind_of(type(value)), fields_of(value)
    if kind is None or fields is None:
        first = next(iter(changes))
        raise UnknownName(f"{owner}: {path} is {_in_words(value)}, which has no fields; got {path}{SEPARATOR}{first}")
    whole, nested = grouped(fields, changes, path, owner)
    for name, further in nested.items():
        whole[name] = replaced(whole.get(name, fields[name]), further, f"{path}{SEPARATOR}{name}", owner)
    if kind.may_convert:
        _check_same(kind, value, {name: part for name, part in fields.items() if name not in whole}, path, owner)
    return made(lambda: kind.make(value, whole), whole, path, owner)


def _check_same(kind: Kind, value: object, kept: Fields, path: str, owner: str) -> None:
    """Raise where the constructor makes other values of those that are there, as a converter to radians does."""
    again = kind.read(made(lambda: kind.make(value, {}), (), path, owner))
    for name, part in kept.items():
        new = again.get(name, part)
        if isinstance(part, _COMPARED) and new != part and not (new != new and part != part):
            cls = type(value).__name__
            raise ArgumentError(
                f"{owner}: {path} cannot be made anew with other fields, as {cls} changes what it is given: its own "
                f"{name}, {part!r:.40}, would become {new!r:.40}. Give the object itself: {path}={cls}(...)"
            )


def made(make: Callable[[], object], given: Iterable[str], path: str, owner: str) -> Any:
    """What a constructor makes; what it raises says which parameter it was for."""
    try:
        return make()
    except Exception as error:
        shown = ", ".join(given)
        message = f"{owner}: {path} cannot be made with {shown or 'its own values'}: {type(error).__name__}: {error}"
        raise ArgumentError(message) from error


def _in_words(value: object) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"


# -- kinds


def _attributes(value: object, names: Iterable[str]) -> Fields:
    """The attributes that are set."""
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _read_dataclass(value: Any) -> Fields:
    import dataclasses

    return _attributes(value, [field.name for field in dataclasses.fields(value)])


def _make_dataclass(value: Any, changes: Fields) -> object:
    import dataclasses

    return dataclasses.replace(value, **changes)


def _read_attrs(value: Any) -> Fields:
    return _attributes(value, [field.name for field in type(value).__attrs_attrs__])


def _make_attrs(value: Any, changes: Fields) -> object:
    from attr import evolve

    return evolve(value, **{_spelled_attrs(type(value), name): new for name, new in changes.items()})


def _spelled_attrs(cls: Any, name: str) -> str:
    field = next(field for field in cls.__attrs_attrs__ if field.name == name)
    return getattr(field, "alias", None) or name.lstrip("_")


def _read_pydantic(value: Any) -> Fields:
    own = value.__dict__
    found = {name: own[name] for name in model_fields(type(value)) if name in own}
    return found | (getattr(value, "__pydantic_extra__", None) or {})


def model_fields(cls: Any) -> dict[str, Any]:
    """The fields of a pydantic model as pydantic describes them."""
    found: dict[str, Any] = getattr(cls, "__pydantic_fields__", None) or getattr(cls, "__fields__", {})
    return found


def _make_pydantic(value: Any, changes: Fields) -> object:
    """All fields go through the constructor, so that validators see them; which were set by hand stays known."""
    cls, fields = type(value), _read_pydantic(value)
    found = cls(**{_spelled_pydantic(cls, name): part for name, part in {**fields, **changes}.items()})
    named = "__pydantic_fields_set__" if hasattr(value, "__pydantic_fields_set__") else "__fields_set__"
    object.__setattr__(found, named, set(getattr(value, named)) | set(changes))
    return found


def _spelled_pydantic(cls: Any, name: str) -> str:
    field = model_fields(cls).get(name)
    settings = getattr(cls, "model_config", {})
    by_name = settings.get("populate_by_name") or settings.get("validate_by_name")
    alias = getattr(field, "validation_alias", None) or getattr(field, "alias", None)
    alias = next((choice for choice in getattr(alias, "choices", ()) if isinstance(choice, str)), alias)
    return name if by_name or not isinstance(alias, str) else alias


def _read_estimator(value: Any) -> Fields:
    """Its parameters, and the named steps of a pipeline; what these have is read of themselves."""
    found = value.get_params(deep=True).items()
    return {name: part for name, part in found if SEPARATOR not in name}


def _make_estimator(value: Any, changes: Fields) -> object:
    clone = getattr(sys.modules.get("sklearn.base"), "clone", None)
    copied = clone(value) if clone is not None else type(value)(**value.get_params(deep=False))
    return copied.set_params(**changes)


_DICT = Kind(dict, lambda value, changes: {**value, **changes}, may_convert=False)
_NAMED = Kind(
    lambda value: dict(zip(value._fields, value, strict=True)),
    lambda value, changes: value._replace(**changes),
    may_convert=False,
)
_ESTIMATOR = Kind(_read_estimator, _make_estimator, may_convert=False)
#: What the classes of a kind have, by which they are told.
_KINDS: tuple[tuple[tuple[str, ...], Kind], ...] = (
    (("__dataclass_fields__",), Kind(_read_dataclass, _make_dataclass)),
    (("__attrs_attrs__",), Kind(_read_attrs, _make_attrs, _spelled_attrs)),
    (("__pydantic_fields__",), _PYDANTIC := Kind(_read_pydantic, _make_pydantic, _spelled_pydantic)),
    (("__fields__", "__fields_set__"), _PYDANTIC),
    (("_fields", "_replace"), _NAMED),
    (("get_params", "set_params"), _ESTIMATOR),
)
