"""In what an argument differs from that of a stored call, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepable.identity.code import is_user_code
from sweepable.model import Argument
from sweepable.outputs import short
from sweepable.store.codecs import Summary, type_name
from sweepable.store.results import describe

#: Numbers that differ by less, relative to their size, are likely meant to be one.
ROUNDING = 1e-9
_SCALARS = (bool, int, float, complex, str, bytes, type(None), np.generic)
_DEEPEST, _MOST = 6, 5


@dataclass(frozen=True, slots=True)
class ParameterDifference:
    """A parameter in which a call differs from a stored one.

    Attributes
    ----------
    name : str
        The parameter; ``config['dt']`` for a part of one.
    asked, stored : str
        The two values, shortened; empty for a parameter that the other call does not have.
    note : str
        What the difference is: ``differs by 5.6e-17, rounding?``.
    by : float or None
        The difference of two numbers.
    """

    name: str
    asked: str
    stored: str
    note: str = ""
    by: float | None = None

    def __str__(self) -> str:
        if not self.stored:
            return f"{self.name}: {self.asked}, which the stored call does not have"
        if not self.asked:
            return f"{self.name}: stored {self.stored}, which is no parameter any more"
        return f"{self.name}: {self.asked}, stored {self.stored}" + (f": {self.note}" if self.note else "")

    @property
    def is_rounding(self) -> bool:
        """Whether two numbers differ by so little that rounding may be all there is to it."""
        return "rounding?" in self.note


def parameter_differences(name: str, asked: Argument | None, stored: Argument | None) -> list[ParameterDifference]:
    """How the arguments of one parameter differ; none for equal ones and those that do not count."""
    if asked is None or stored is None:
        ours, theirs = (_shown_argument(part) if part is not None else "" for part in (asked, stored))
        return [ParameterDifference(name, ours, theirs)]
    if asked.digest == stored.digest:
        return []
    if not asked.kind == stored.kind == "value":
        return [ParameterDifference(name, _shown_argument(asked), _shown_argument(stored))]
    found = list(_parts(name, asked.value, stored.value, 0)) or [_whole(name, asked.value, stored.value)]
    return [_with_digests(found[0], asked, stored)] if len(found) == 1 else found[:_MOST]


def _shown_argument(argument: Argument) -> str:
    if argument.kind == "value":
        return _shown(argument.value)
    return f"{f'the output {argument.field} of ' if argument.field else ''}the call {str(argument.value)[:8]}"


def _with_digests(found: ParameterDifference, asked: Argument, stored: Argument) -> ParameterDifference:
    """Where nothing else tells two values apart, their digests do."""
    if found.note or found.asked != found.stored:
        return found
    note = f"other content, digests {asked.digest[:8]} and {stored.digest[:8]}"
    return ParameterDifference(found.name, found.asked, found.stored, note)


# -- within containers


def _parts(path: str, asked: Any, stored: Any, depth: int) -> Iterator[ParameterDifference]:
    """The parts of two containers of one kind that differ; nothing for what has no parts, or parts that are equal."""
    if type(asked) is not type(stored) or depth > _DEEPEST:
        return
    if type(asked) is dict:
        yield from _items(path, asked, stored, depth)
    elif type(asked) in (list, tuple) and len(asked) == len(stored):
        for place, pair in enumerate(zip(asked, stored, strict=True)):
            yield from _part(f"{path}[{place}]", *pair, depth)
    elif hasattr(type(asked), "__dataclass_fields__"):
        for name in type(asked).__dataclass_fields__:
            yield from _part(f"{path}.{name}", getattr(asked, name, None), getattr(stored, name, None), depth)
    elif is_user_code(type(asked)) and isinstance(getattr(asked, "__dict__", None), dict):
        ours, theirs = asked.__dict__, stored.__dict__
        for name in (name for name in ours if name in theirs):
            yield from _part(f"{path}.{name}", ours[name], theirs[name], depth)


def _items(path: str, asked: dict[Any, Any], stored: dict[Any, Any], depth: int) -> Iterator[ParameterDifference]:
    for key in asked:
        if key in stored:
            yield from _part(f"{path}[{short(key)}]", asked[key], stored[key], depth)
        else:
            yield ParameterDifference(f"{path}[{short(key)}]", _shown(asked[key]), "")
    for key in stored:
        if key not in asked:
            yield ParameterDifference(f"{path}[{short(key)}]", "", _shown(stored[key]))
    if list(asked) != list(stored) and asked.keys() == stored.keys():
        yield ParameterDifference(path, _keys(asked), _keys(stored), "the same keys in another order")


def _keys(mapping: dict[Any, Any]) -> str:
    return f"keys {', '.join(map(short, list(mapping)[:6]))}"


def _part(path: str, asked: Any, stored: Any, depth: int) -> Iterator[ParameterDifference]:
    within = list(_parts(path, asked, stored, depth + 1))
    if within:
        yield from within
    elif not _is_same(asked, stored):
        yield _whole(path, asked, stored)


def _is_same(asked: Any, stored: Any) -> bool:
    """Whether two parts are certainly one value: their digests are not known, only that of the whole."""
    if asked is stored:
        return True
    if type(asked) is not type(stored):
        return False
    try:
        if isinstance(asked, np.ndarray):
            return _same_array(asked, stored)
        if isinstance(asked, float):
            return repr(asked) == repr(stored)
        return bool(asked == stored)
    except Exception:  # a comparison of the user's, or one that has no single answer
        return short(asked) == short(stored)


def _same_array(asked: Any, stored: Any) -> bool:
    if asked.dtype != stored.dtype or asked.shape != stored.shape:
        return False
    return bool(np.array_equal(asked, stored, equal_nan=asked.dtype.kind in "fc"))


# -- two values


def _whole(path: str, asked: Any, stored: Any) -> ParameterDifference:
    shown = path, _shown(asked), _shown(stored)
    if isinstance(asked, Summary) or isinstance(stored, Summary):
        return ParameterDifference(*shown, "" if shown[1] != shown[2] else "other content")
    if _is_number(asked) and _is_number(stored):
        return _numbers(path, asked, stored)
    if isinstance(asked, np.ndarray) and isinstance(stored, np.ndarray):
        return ParameterDifference(*shown, _arrays(asked, stored))
    if type(asked) is not type(stored) and isinstance(asked, _SCALARS) and isinstance(stored, _SCALARS):
        return ParameterDifference(path, _typed(asked), _typed(stored), "of another type")
    return ParameterDifference(*shown)


def _shown(value: Any) -> str:
    """A value in a few words; text of which only the end differs is not cut so short."""
    if isinstance(value, Summary):
        return value.text
    if isinstance(value, _SCALARS):
        text = repr(value) if not isinstance(value, int) or value.bit_length() < 1000 else short(value)
        return text if len(text) <= 120 else f"{text[:58]} ... {text[-58:]}"
    return describe(value) if isinstance(value, np.ndarray) or hasattr(value, "shape") else short(value)


def _typed(value: Any) -> str:
    return f"{_shown(value)} ({type_name(value)})"


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating))


def _numbers(path: str, asked: Any, stored: Any) -> ParameterDifference:
    try:
        by = float(abs(_plain(asked) - _plain(stored)))
    except OverflowError:
        by = math.inf
    note = f"differs by {by:.2g}" if by and math.isfinite(by) else ""
    is_float = isinstance(asked, (float, np.floating)) or isinstance(stored, (float, np.floating))
    if note and is_float and by <= ROUNDING * max(abs(float(asked)), abs(float(stored))):
        note += ", rounding?"
    if type(asked) is not type(stored):
        note = f"of another type, and {note}" if note else "equal, but of another type"
        return ParameterDifference(path, _typed(asked), _typed(stored), note, by)
    if asked == stored == 0:
        note = "equal, but for the sign of zero"
    return ParameterDifference(path, _shown(asked), _shown(stored), note, by)


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, (bool, np.bool_, int, np.integer)) else float(value)


def _arrays(asked: Any, stored: Any) -> str:
    """Of arrays of one shape, how many elements differ, and by how much at most."""
    if asked.shape != stored.shape or asked.dtype != stored.dtype:
        return ""
    if asked.dtype.kind not in "biufc":
        return "other content"
    differs = (asked != stored) & ~((asked != asked) & (stored != stored))
    count = int(np.count_nonzero(differs))
    if not count:
        return "equal, but for the sign of zeros"
    ours, theirs = (np.asarray(part)[differs].astype(complex) for part in (asked, stored))
    most, size = float(np.max(np.abs(ours - theirs))), float(np.max(np.abs(theirs)))
    rounding = ", rounding?" if asked.dtype.kind in "fc" and most <= ROUNDING * size else ""
    return f"{count} of {asked.size} elements differ, by {most:.2g} at most{rounding}"
