"""The outputs of a function: what is declared, and how a returned value is taken apart into named ones."""

from __future__ import annotations

import numbers
import reprlib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sweepable.errors import DeclarationError
from sweepable.model import Layout, LayoutKind, Outputs

# The numeric tower: a declared float takes 0 and np.float32(0.5), and keeps them as they are.
_TOWER: dict[object, tuple[type, ...]] = {
    float: (numbers.Real,),
    int: (numbers.Integral,),
    complex: (numbers.Complex,),
    bool: (bool, np.bool_),
}


class Output:
    """One declared output of a cached function.

    Parameters
    ----------
    type : type or None, default None
        What the output has to be: a class, a union of classes, or None for anything. Numbers follow the
        numeric tower: ``float`` takes ``0`` and ``np.float32(0.5)``, and stores them unchanged.
    codec : str or None, default None
        How it is stored: ``"pickle"`` for any value; None chooses by the value.
    dims : tuple of str, default ()
        Names of an array's dimensions, for labelled tables and plots; a str names one.
    units : str, default ""
        Units, for people.

    Examples
    --------
    >>> import numpy as np, sweepable
    >>> sweepable.Output(np.ndarray, dims=("time",), units="rad")
    Output(type=<class 'numpy.ndarray'>, codec=None, dims=('time',), units='rad')
    """

    __slots__ = ("type", "codec", "dims", "units")

    type: Any
    codec: str | None
    dims: tuple[str, ...]
    units: str

    def __init__(
        self, type: Any = None, codec: str | None = None, dims: str | Iterable[str] = (), units: str = ""
    ) -> None:
        dims = (dims,) if isinstance(dims, str) else tuple(dims)
        for name, value in zip(self.__slots__, (_class_of(type), codec, dims, units), strict=True):
            object.__setattr__(self, name, value)
        if not _is_type(self.type):
            raise DeclarationError(
                f"Output({self.type!r}): the type of an output is a class, a union of classes, or None"
            )
        if self.codec not in (None, "pickle"):
            raise DeclarationError(f"unknown codec {self.codec!r}; known is 'pickle', or None to choose by the value")
        if not all(isinstance(name, str) for name in self.dims):
            raise DeclarationError(f"dims={self.dims!r}: the names of an array's dimensions are strings")

    def _settings(self) -> tuple[Any, ...]:
        return self.type, self.codec, self.dims, self.units

    def __eq__(self, other: object) -> bool:
        return self._settings() == other._settings() if isinstance(other, Output) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._settings())

    def __repr__(self) -> str:
        shown = zip(self.__slots__, self._settings(), strict=True)
        return f"Output({', '.join(f'{name}={value!r}' for name, value in shown)})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an Output is never changed: make another with this {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return Output, self._settings()


def as_output(name: str, declared: object) -> Output:
    """What was written in the decorator for one output, as an `Output`."""
    if isinstance(declared, Output):
        return declared
    kind = _class_of(declared)
    if not _is_type(kind):
        raise DeclarationError(
            f"{name}={declared!r} is neither an option of sweepable.cache nor the type of an output. "
            "Declare an output by a type (float, np.ndarray, pd.DataFrame), by None for anything, or by "
            "sweepable.Output(...)."
        )
    return Output(kind)


def _class_of(declared: object) -> object:
    """`np.array` is how people spell `np.ndarray`."""
    return np.ndarray if declared is np.array else declared


def _is_type(declared: object) -> bool:
    if declared is None or isinstance(declared, (type, types.UnionType)):
        return True
    return typing.get_origin(declared) is not None or declared is Any


def conforms(value: object, kind: object) -> bool:
    """Whether `value` is what an output declared as `kind` may be."""
    if kind is None or kind is Any:
        return True
    if kind is types.NoneType:
        return value is None
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return any(conforms(value, types.NoneType if part is None else part) for part in typing.get_args(kind))
    kind = typing.get_origin(kind) or kind
    if not isinstance(kind, type):
        return True  # a typing construct that says nothing at run time
    return isinstance(value, _TOWER.get(kind, (kind,)))


def type_name(kind: object) -> str:
    """A type as people write it: ``float``, ``numpy.ndarray``, ``any``."""
    if kind is None:
        return "any"
    if not isinstance(kind, type):
        return str(kind)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def declared_names(text: str) -> tuple[str, ...]:
    """The names in the text of a declaration that is kept with a stored layout; none if the value did not fit."""
    return () if text.startswith("!") else tuple(line.partition(": ")[0] for line in text.splitlines())


class Declaration:
    """The outputs that a function declares, none for those that are found from what it returns.

    Parameters
    ----------
    outputs : mapping of str to Output
        In the order in which a tuple would return them.
    """

    def __init__(self, outputs: Mapping[str, Output]) -> None:
        self.outputs = dict(outputs)
        self.names = tuple(outputs)
        #: Tells two declarations apart; kept with each stored layout that was held against it.
        self.text = "\n".join(f"{name}: {type_name(output.type)}" for name, output in outputs.items())
        self._codecs = {name: output.codec for name, output in outputs.items() if output.codec is not None}

    def take_apart(self, value: object) -> tuple[Outputs, str]:
        """The named outputs of `value`, and what is wrong with them ("" for nothing).

        A value that does not fit the declared names becomes the one output ``value``.
        """
        found = self._find(value)
        if not self.names:
            return found or _the_one("value", value), ""
        wrong = self._wrong_shape(value) if found is None else self._wrong_types(found)
        found = found or _the_one("value", value)
        # A layout that does not conform is held against the declaration again at each hit, and against its successor.
        layout = found.layout._replace(declared=f"!{self.text}" if wrong else self.text)
        codecs = tuple(map(self._codecs.get, layout.names)) if self._codecs else ()
        return found._replace(layout=layout, codecs=codecs), wrong

    def _find(self, value: object) -> Outputs | None:
        if len(self.names) == 1 and self._is_the_one(value):
            return _the_one(self.names[0], value)
        fields = _fields(value)
        if not self.names or (fields is not None and set(fields.layout.names) == set(self.names)):
            return fields
        if type(value) in (tuple, list) and len(typing.cast("tuple[object, ...]", value)) == len(self.names):
            kind: LayoutKind = "tuple" if type(value) is tuple else "list"
            return _outputs(kind, self.names, tuple(typing.cast("tuple[object, ...]", value)), value)
        return _the_one(self.names[0], value) if len(self.names) == 1 else None

    def _is_the_one(self, value: object) -> bool:
        """Whether `value` itself is the one declared output, though it looks like a container of it."""
        kind = self.outputs[self.names[0]].type
        return kind is not None and conforms(value, kind)

    def _wrong_types(self, found: Outputs) -> str:
        wrong = [
            f"{name}: declared {type_name(self.outputs[name].type)}, returned {summary(value)}"
            for name, value in zip(found.layout.names, found.values, strict=True)
            if name in self.outputs and not conforms(value, self.outputs[name].type)
        ]
        return "; ".join(wrong)

    def _wrong_shape(self, value: object) -> str:
        return f"declared {len(self.names)} outputs ({', '.join(self.names)}), returned {summary(value)}"


def _outputs(kind: LayoutKind, names: tuple[str, ...], values: tuple[object, ...], whole: object) -> Outputs:
    return Outputs(Layout(kind, names), values, whole)


def _the_one(name: str, value: object) -> Outputs:
    return _outputs("value", (name,), (value,), value)


def _fields(value: Any) -> Outputs | None:
    """The outputs of a value that names them itself: a dict, a named tuple or a dataclass."""
    if type(value) is dict:
        if value and all(type(key) is str for key in value):
            return _outputs("dict", tuple(value), tuple(value.values()), value)
        return None
    names: tuple[str, ...] = ()
    if isinstance(value, tuple):
        names = tuple(getattr(value, "_fields", ()))
    elif hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
        import dataclasses

        names = tuple(field.name for field in dataclasses.fields(value))
    if not names or not all(hasattr(value, name) for name in names):
        return None
    return _outputs("object", names, tuple(getattr(value, name) for name in names), value)


def summary(value: object) -> str:
    """A value in a few words, for messages: ``tuple of 2 (float 0.5, ndarray (3,))``."""
    if isinstance(value, (tuple, list)):
        parts = ", ".join(summary(part) for part in value[:4]) + (", ..." if len(value) > 4 else "")
        return f"{type(value).__name__} of {len(value)} ({parts})"
    if isinstance(value, dict):
        return f"dict with keys {', '.join(map(short, list(value)[:6]))}" if value else "dict without keys"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__} {shape}"
    text = short(value)
    return text if value is None else f"{type(value).__name__} {text}".removesuffix(" ...")


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxset = 2, 3, 4
_SHORT.maxtuple = _SHORT.maxlist = 4
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 36


def short(value: object) -> str:
    """A value's repr in at most 40 characters; what is large is never written out in full."""
    if hasattr(type(value), "__array__") and getattr(value, "shape", ()) != ():
        return f"{type(value).__name__} {value.shape}"  # type: ignore[attr-defined]
    try:
        text = _SHORT.repr(value)
    except Exception:  # a repr of the user's, or an int of too many digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 40 else f"{text[:37]}..."
