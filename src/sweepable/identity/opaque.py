"""What objects hold, whatever they show: asked without running code of theirs."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import islice
from typing import Any

#: Of so many parts of a container code is looked for.
_MANY = 1000
_CODE = (types.FunctionType, types.MethodType)


def code_within(value: object) -> Iterator[Any]:
    """The functions, methods and classes that an object of C holds; not its own class."""
    for part in gc.get_referents(value):
        if isinstance(part, _CODE) or (isinstance(part, type) and part is not type(value)):
            yield part
        elif type(part) is dict:
            yield from (held for held in part.values() if isinstance(held, _CODE))


def held_by(value: object, kind: type) -> Iterator[Any]:
    """The objects of a kind that an object of C holds."""
    for part in gc.get_referents(value):
        yield from (held for held in (part.values() if type(part) is dict else (part,)) if isinstance(held, kind))


def code_in(value: object) -> list[Any]:
    """The functions, methods and classes in a dict, list or set."""
    kind, parts = type(value), value
    if kind is dict:
        parts = value.values()  # type: ignore[attr-defined]
    elif kind not in (list, tuple, set):
        return []
    found = [part for part in islice(parts, _MANY) if isinstance(part, (*_CODE, type))]  # type: ignore[call-overload]
    return sorted(found, key=_label) if kind is set else found


def _label(part: Any) -> str:
    return str(getattr(part, "__qualname__", ""))


def current(variable: ContextVar[Any]) -> object:
    """What a context variable is set to here, its default included; None for nothing."""
    try:
        return variable.get()
    except LookupError:
        return None


def streamed(stream: Any) -> tuple[object, int] | None:
    """What a stream in memory holds, and where it is; None when it is closed."""
    return None if stream.closed else (stream.getvalue(), stream.tell())
