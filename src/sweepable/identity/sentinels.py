"""Owns what stands for a bare ``object()``, which has no content: the name that it is bound to."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

from sweepable.identity import origin
from sweepable.identity.parts import Handler, Walk, named, text

_REASON = (
    "a bare object() is told from another by its identity alone, and this one is bound to no name of a module or of a "
    "class in it; use a member of an Enum, or bind it to a global name"
)
#: What was found, with the value, so that no other is given its id; looking through all modules takes milliseconds.
_known: dict[int, tuple[object, str]] = {}


def _sentinel(walk: Walk, value: object) -> bytes:
    """Encode a bare object by its name: `MISSING` is not `AUTO`, in whatever module or notebook they are."""
    known = _known.get(id(value))
    if known is None:
        # The least of several, which does not depend on the order of imports.
        name = min(_names(value), default=None)
        if name is None:
            raise walk.refusal(value, _REASON)
        known = _known[id(value)] = value, name
    return named("object", text(known[1]))


def _names(value: object) -> Iterator[str]:
    modules: list[object] = list(sys.modules.values())
    for module in modules:
        if not isinstance(module, types.ModuleType):
            continue
        own = list(vars(module).items())
        yield from (name for name, part in own if part is value)
        if origin.is_user_code(module):
            classes = [part for _, part in own if isinstance(part, type) and part.__module__ == module.__name__]
            for cls in classes:
                yield from (f"{cls.__qualname__}.{name}" for name, part in list(vars(cls).items()) if part is value)


HANDLERS: dict[type, Handler] = {object: _sentinel}
