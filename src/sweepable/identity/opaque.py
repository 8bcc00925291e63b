"""What objects of C hold that they do not show: only the garbage collector is told."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator
from typing import Any

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
