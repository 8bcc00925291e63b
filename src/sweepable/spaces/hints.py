"""What a parameter's default and annotation say about its values: sequences or not, floats or not."""

from __future__ import annotations

import ast
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

#: Last words of annotations that take a list or an array as one value.
_SEQUENCE_NAMES = frozenset(
    (
        *("list", "List", "tuple", "Tuple", "Sequence", "MutableSequence", "Collection", "Iterable", "Reversible"),
        *("deque", "range", "memoryview", "array", "ndarray", "NDArray", "ArrayLike", "matrix", "memmap"),
        *("Series", "Index"),
    )
)


class Parameter(NamedTuple):
    """What is known of a parameter that may be swept."""

    name: str
    #: A list or array may be one value of it.
    takes_sequence: bool
    #: Ints given for it are meant as floats.
    is_float: bool


def takes_sequence(default: object, annotation: object) -> bool:
    """Whether a parameter of this default and annotation takes a list or array as one value.

    Examples
    --------
    >>> takes_sequence((1, 2), None), takes_sequence(None, "list[float] | None"), takes_sequence(1.0, "float")
    (True, True, False)
    """
    return _is_sequence_type(type(default)) or any(map(_names_sequence, _alternatives(annotation)))


def is_float(default: object, annotation: object) -> bool:
    """Whether ints for a parameter of this default and annotation are meant as floats.

    Examples
    --------
    >>> is_float(1.0, None), is_float(1, "float | None"), is_float(1, "int | float")
    (True, True, False)
    """
    if isinstance(default, float):
        return True
    parts = [part for part in _alternatives(annotation) if not _is_none(part)]
    return bool(parts) and all(part is float or (isinstance(part, str) and part == "float") for part in parts)


def _is_none(part: object) -> bool:
    return part is None or part is types.NoneType or (isinstance(part, str) and part == "None")


def _names_sequence(part: object) -> bool:
    if isinstance(part, str):
        return part in _SEQUENCE_NAMES
    return part is np.array or _is_sequence_type(part)  # np.array is often written where np.ndarray is meant


def _is_sequence_type(kind: object) -> bool:
    if not isinstance(kind, type) or issubclass(kind, (str, bytes, bytearray)) or hasattr(kind, "_fields"):
        return False  # a named tuple is a record of fields, not a sequence of values
    if issubclass(kind, (Sequence, np.ndarray)) or kind.__name__ in _SEQUENCE_NAMES:
        return True
    return any(base.__name__ in ("Index", "Series") for base in kind.__mro__)


def _alternatives(annotation: object) -> Iterator[object]:
    """Yield the types, or the last words of their names, that an annotation allows; unions are taken apart."""
    if isinstance(annotation, (str, typing.ForwardRef)):
        yield from _of_text(annotation if isinstance(annotation, str) else annotation.__forward_arg__)
        return
    if _is_array_like(annotation):
        yield "ArrayLike"
        return
    origin = typing.get_origin(annotation)
    parts = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        for part in parts[:1] if origin is typing.Annotated else parts:
            yield from _alternatives(part)
        return
    behind = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
    if behind is not None and not isinstance(annotation, type):  # NewType, and the aliases of a type statement
        yield from _alternatives(behind)
    else:
        yield origin or annotation


def _is_array_like(annotation: object) -> bool:
    typing_of_numpy = sys.modules.get("numpy.typing")
    return typing_of_numpy is not None and annotation is typing_of_numpy.ArrayLike


def _of_text(text: str) -> Iterator[object]:
    try:
        yield from _of_node(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError:
        return


def _of_node(node: ast.expr) -> Iterator[object]:
    if isinstance(node, ast.BinOp):
        yield from _of_node(node.left)
        yield from _of_node(node.right)
    elif isinstance(node, ast.Subscript):
        yield from _of_subscript(node)
    elif isinstance(node, ast.Constant):
        yield from _of_text(node.value) if isinstance(node.value, str) else (str(node.value),)
    elif isinstance(node, (ast.Name, ast.Attribute)):
        yield node.id if isinstance(node, ast.Name) else node.attr


def _of_subscript(node: ast.Subscript) -> Iterator[object]:
    outer = next(_of_node(node.value), None)
    inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if outer not in ("Union", "Optional", "Annotated"):
        yield outer
        return
    for part in inner[:1] if outer == "Annotated" else inner:
        yield from _of_node(part)
