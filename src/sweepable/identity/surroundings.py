"""Names that Python and IPython bind by themselves, in modules and among the builtins, apart from the user's."""

from __future__ import annotations

import types
from types import FunctionType, ModuleType
from typing import Any

from sweepable.identity import origin
from sweepable.identity.values import encode_scalar

#: Names that every module has.
MODULE_NAMES = frozenset(
    [
        "__name__",
        "__doc__",
        "__package__",
        "__loader__",
        "__spec__",
        "__file__",
        "__cached__",
        "__builtins__",
        "__path__",
        "__annotations__",
        "__warningregistry__",
        "__annotate__",
        "__conditional_annotations__",
    ]
)
_NOTEBOOK_NAMES = frozenset(
    ["In", "Out", "exit", "quit", "get_ipython", "open", "_", "__", "___", "_i", "_ii", "_iii", "_oh", "_dh", "_ih"]
)


def is_notebooks(namespace: dict[str, Any], name: str) -> bool:
    """Whether a name is one that IPython keeps for itself."""
    numbered = name.lstrip("_").lstrip("i").isdigit() and name.startswith("_")
    return "get_ipython" in namespace and (name in _NOTEBOOK_NAMES or numbered)


def is_put_there(value: object, name: str) -> bool:
    """Whether a builtin is none of Python's own, which count by the name alone."""
    if isinstance(value, FunctionType | types.BuiltinFunctionType | type):
        known = value.__name__ == name or value is OSError  # which has several names
        return not known or value.__module__ not in ("builtins", "io", "_io")
    return encode_scalar(value) is not None or (origin.is_user_code(value) and not isinstance(value, ModuleType))
