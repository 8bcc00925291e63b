"""Look-ups of the form of outputs that are arrays: ``ref_y__shape=(1001,)``, ``ref_y__dtype="float64"``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sweepable.comparisons import Condition, among, is_null, negated, wanted
from sweepable.errors import SweepableError
from sweepable.names import SEPARATOR

#: What is asked of an output.
FORMS = ("shape", "dtype")
_LOOKUPS = ("", "exact", "ne", "in", "isnull")


class Form(NamedTuple):
    """A name read as one that asks for the form of an output."""

    #: Of the output.
    name: str
    form: str
    lookup: str


def forms(written: str) -> Iterator[Form]:
    """How a name of a look-up can be read so."""
    name, _, last = written.rpartition(SEPARATOR)
    if last in FORMS:
        yield Form(name, last, "")
    inner, _, form = name.rpartition(SEPARATOR)
    if form in FORMS and inner:
        yield Form(inner, form, last)


def of_form(column: str, asked: Form, value: object) -> Condition:
    """The rows whose output has this shape or dtype.

    Parameters
    ----------
    column : str
        Where it stands.
    asked : Form
        Which of the two, and the look-up.
    value : object
        A shape (a tuple, or an int for one dimension), or what NumPy takes for a dtype; a list means any.
    """
    if asked.lookup not in _LOOKUPS:
        known = ", ".join(_LOOKUPS[1:])
        raise SweepableError(f"{asked.name}{SEPARATOR}{asked.form} has no look-up {asked.lookup!r}; known: {known}")
    if asked.lookup == "isnull":
        return is_null(column, value)
    read = _shape if asked.form == "shape" else _dtype
    found = among(column, [read(part, asked) for part in wanted(asked.lookup, value)])
    return negated(found) if asked.lookup == "ne" else found


def _shape(value: object, asked: Form) -> str:
    sizes = value if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(size, (int, np.integer)) and not isinstance(size, bool) for size in sizes):
        raise SweepableError(f"{asked.name}{SEPARATOR}shape is a tuple of ints, such as (1001, 3); got {value!r:.60}")
    return str(tuple(int(size) for size in sizes))


def _dtype(value: object, asked: Form) -> str:
    if value is None:
        raise SweepableError(f"{asked.name}{SEPARATOR}dtype is a dtype, such as 'float64'; got None")
    try:
        return str(np.dtype(value))  # type: ignore[call-overload]
    except TypeError:
        return str(value)  # of another library: torch.float32
