"""Where two results differ, and by how much: bit for bit, or within a tolerance."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepable.errors import UndigestibleError
from sweepable.identity.code import describe
from sweepable.identity.values import Encoder
from sweepable.outputs import short, summary


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which two results differ.

    Attributes
    ----------
    where : str
        The output, and the way into it: ``traj['x'][3]``. For an array, its first element that differs.
    before, after : str
        What is there, shortened.
    count, size : int
        How many elements of an array differ, and how many there are.
    absolute, relative : float or None
        The largest difference; None for what is no number.
    """

    where: str
    before: str
    after: str
    count: int = 1
    size: int = 1
    absolute: float | None = None
    relative: float | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.before} -> {self.after}"
        if self.size > 1:
            text += f"; {self.count} of {self.size} differ"
        if self.absolute is not None and self.relative is not None:
            text += f", by at most {self.absolute:.3g} (relative {self.relative:.3g})"
        return text


class Tolerance:
    """How far numbers may be apart; by default not at all: types, dtypes and bits must be the same.

    Parameters
    ----------
    rtol, atol : float
        As in `numpy.isclose`: ``abs(after - before) <= atol + rtol * abs(before)``. Types must be the same anyhow.
    """

    def __init__(self, rtol: float = 0.0, atol: float = 0.0) -> None:
        for name, value in (("rtol", rtol), ("atol", atol)):
            if not value >= 0:
                raise ValueError(f"{name}={value!r}: a tolerance is a number, 0 or more")
        self.rtol, self.atol = rtol, atol

    def differences(self, before: Any, after: Any, where: str) -> Iterator[Difference]:
        """The places in which two values differ by more than this."""
        if is_same(before, after):
            return
        if type(before) is not type(after):
            yield Difference(where, _typed(before), _typed(after))
        elif isinstance(before, np.ndarray):
            yield from self._arrays(before, after, where)
        elif isinstance(before, bool | np.bool_) or not isinstance(before, int | float | complex | np.number):
            yield from self._others(before, after, where)
        else:
            yield from self._numbers(np.asarray(before), np.asarray(after), where)

    def _others(self, before: Any, after: Any, where: str) -> Iterator[Difference]:
        mine, theirs = _parts(before), _parts(after)
        if mine is None or theirs is None:
            yield Difference(where, short(before), short(after))
        elif [step for step, _ in mine] != [step for step, _ in theirs]:
            yield Difference(where, summary(before), summary(after))
        else:
            found = [
                difference
                for (step, one), (_, other) in zip(mine, theirs, strict=True)
                for difference in self.differences(one, other, where + step)
            ]
            # Parts may be the same where the whole is not: it holds more than its parts.
            yield from found or self._undivided(before, after, where)

    def _undivided(self, before: Any, after: Any, where: str) -> Iterator[Difference]:
        if not (self.rtol or self.atol):
            yield Difference(where, short(before), short(after))

    def _arrays(self, before: np.ndarray[Any, Any], after: np.ndarray[Any, Any], where: str) -> Iterator[Difference]:
        if before.shape != after.shape or before.dtype != after.dtype:
            yield Difference(where, summary(before), summary(after))
        elif before.dtype.kind in "iufc":
            yield from self._numbers(before, after, where)
        else:
            with np.errstate(all="ignore"):
                unequal = np.asarray([not is_same(a, b) for a, b in zip(before.flat, after.flat, strict=True)])
            yield from _first(before, after, unequal.reshape(before.shape), where, None)

    def _numbers(self, before: Any, after: Any, where: str) -> Iterator[Difference]:
        wide = np.complex128 if before.dtype.kind == "c" else np.longdouble
        with np.errstate(all="ignore"):
            apart = np.abs(after.astype(wide) - before.astype(wide))
            size = np.abs(before.astype(wide))
            both_nan = (before != before) & (after != after)
            within = (before == after) | both_nan | (np.isfinite(apart) & (apart <= self.atol + self.rtol * size))
            unequal = ~within
            if not unequal.any() and not (self.rtol or self.atol):  # zeros of another sign
                unequal = np.signbit(before.real) != np.signbit(after.real)
            relative = apart[unequal] / size[unequal]
        yield from _first(before, after, unequal, where, (apart[unequal], relative))


def _first(before: Any, after: Any, unequal: Any, where: str, apart: Any) -> Iterator[Difference]:
    if not unequal.any():
        return
    at = tuple(int(place) for place in np.argwhere(unequal)[0])
    spoken = where + (f"[{', '.join(map(str, at))}]" if at else "")
    largest = (None, None) if apart is None else tuple(map(_largest, apart))
    count, size = int(unequal.sum()), int(unequal.size)
    yield Difference(spoken, _element(before[at]), _element(after[at]), count, size, *largest)


def _element(value: Any) -> str:
    return short(value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value)


def _largest(apart: Any) -> float | None:
    known = apart[~np.isnan(apart)]
    return float(np.max(known)) if known.size else None


def is_same(before: object, after: object) -> bool:
    """Whether two values are the same in type and content, to the last bit; NaN is NaN."""
    try:
        return Encoder(describe).encode(before) == Encoder(describe).encode(after)
    except UndigestibleError:
        pass
    try:
        return pickle.dumps(before) == pickle.dumps(after) or bool(before == after)
    except Exception:  # objects of any kind
        return False


def _parts(value: Any) -> list[tuple[str, object]] | None:
    """What a container holds, with the way to each; None for what is none."""
    pandas: Any = sys.modules.get("pandas")
    if isinstance(value, dict):
        return [(f"[{short(key)}]", part) for key, part in value.items()]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [(f".{name}", part) for name, part in zip(value._fields, value, strict=True)]
    if isinstance(value, list | tuple):
        return [(f"[{at}]", part) for at, part in enumerate(value)]
    if pandas is not None and isinstance(value, pandas.DataFrame):
        return [(".index", value.index.to_numpy())] + [
            (f"[{short(name)}]", value.iloc[:, at].to_numpy()) for at, name in enumerate(value.columns)
        ]
    if pandas is not None and isinstance(value, pandas.Series):
        return [(".index", value.index.to_numpy()), ("", value.to_numpy())]
    if hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        return [(f".{name}", part) for name, part in vars(value).items()]
    return None


def _typed(value: object) -> str:
    return f"{type(value).__qualname__} {short(value)}"
