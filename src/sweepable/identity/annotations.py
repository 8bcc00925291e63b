"""Annotations and other spellings of types as content: by what they are made of, not by how a Python shows them."""

from __future__ import annotations

import ast
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping

from sweepable.identity.references import Reference, chains

_ADDRESS = r" at 0x[0-9a-fA-F]+"
_SPELLED = (types.GenericAlias, types.UnionType, typing.TypeVar, typing.ParamSpec, typing.ForwardRef, typing.NewType)

#: How a class, or an object that is no type, is written within an annotation.
Write = Callable[[object], str]
#: Objects that show all that they are.
_PLAIN = (int, str, bytes, bool, float, type(None), type(...))


def is_type_form(value: object) -> bool:
    """Whether a value is a spelling of a type (``list[int]``, ``Optional[X]``, a TypeVar) and no class."""
    if isinstance(value, _SPELLED) or type(value).__name__ == "TypeAliasType":
        return True
    return type(value).__module__ == "typing" and (
        hasattr(value, "__origin__") or type(value).__name__ in ("_SpecialForm", "_AnyMeta")
    )


def spelled(annotation: object, write: Write) -> str:
    """One annotation as text; the same on every Python."""
    if isinstance(annotation, str):
        return repr(annotation)
    if isinstance(annotation, typing.NewType):
        return f"NewType {annotation.__name__} of {spelled(annotation.__supertype__, write)}"
    if isinstance(annotation, types.GenericAlias | types.UnionType) or hasattr(annotation, "__origin__"):
        return _generic(annotation, write)
    if isinstance(annotation, type):
        return write(annotation)
    if isinstance(annotation, list | tuple):
        return f"[{', '.join(spelled(part, write) for part in annotation)}]"
    if type(annotation) in _PLAIN or type(annotation).__module__ in ("typing", "typing_extensions"):
        return re.sub(_ADDRESS, "", repr(annotation))
    return write(annotation)  # what stands in Annotated


def _generic(annotation: object, write: Write) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    # X | Y and Union[X, Y] are of two types on some Pythons, and one on others.
    head = "Union" if origin in (typing.Union, types.UnionType) else spelled(origin, write)
    return f"{head}[{', '.join(spelled(part, write) for part in arguments)}]"


def written_in(annotations: Mapping[str, object]) -> Iterator[Reference]:
    """The names that annotations kept as text refer to."""
    for annotation in annotations.values():
        for written in _texts_in(annotation, 10):
            try:
                yield from chains(ast.parse(written.strip(), mode="eval"))
            except (SyntaxError, ValueError):
                continue


def _texts_in(annotation: object, depth: int) -> Iterator[str]:
    if isinstance(annotation, str | typing.ForwardRef):
        yield annotation if isinstance(annotation, str) else annotation.__forward_arg__
    elif depth > 0:
        parts = annotation if isinstance(annotation, list | tuple) else typing.get_args(annotation)
        for part in parts:
            yield from _texts_in(part, depth - 1)
