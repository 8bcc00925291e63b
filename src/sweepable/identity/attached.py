"""What is attached to things from outside, and which no name in the code leads to: accessors, registrations."""

from __future__ import annotations

import abc
import types
from collections.abc import Iterable

from sweepable.identity.graph import Node
from sweepable.identity.walk import Walk
from sweepable.imported import imported

#: Classes of packages that people give accessors and methods of their own.
_EXTENDED = (
    *(("pandas", name) for name in ("DataFrame", "Series", "Index")),
    *(("xarray", name) for name in ("Dataset", "DataArray", "DataTree")),
    *(("polars", name) for name in ("DataFrame", "LazyFrame", "Series", "Expr")),
)
_CODE = (types.FunctionType, type, property, staticmethod, classmethod)


def explore(walk: Walk, node: Node, attributes: Iterable[str]) -> None:
    """Follow attributes that the user's own code has given to the classes of packages."""
    classes = [found for module, name in _EXTENDED if isinstance(found := imported(module, name), type)]
    for attribute in sorted(attributes) if classes else ():
        for cls in classes:
            entry = vars(cls).get(attribute)
            if entry is None or type(entry) is types.MethodDescriptorType:
                continue
            for part in (entry, *_held(entry)):
                if isinstance(part, _CODE) and walk.is_user(part):
                    what = f"{cls.__name__}.{attribute}"
                    walk.watch.binding(vars(cls), attribute, entry, what)
                    walk.edge(node, what, part, entry)


def _held(entry: object) -> list[object]:
    """What the object that a package puts there for an accessor holds."""
    return list(getattr(entry, "__dict__", {}).values()) if not isinstance(entry, type | types.FunctionType) else []


def registered(cls: type) -> list[type]:
    """The classes that pass for subclasses of an abstract one, because they were registered with it."""
    from _abc import _get_dump  # type: ignore[import-not-found]  # what is registered is shown nowhere else

    if not issubclass(type(cls), abc.ABCMeta):
        return []
    found = (reference() for reference in _get_dump(cls)[0])
    return sorted((known for known in found if known is not None), key=lambda known: known.__qualname__)
