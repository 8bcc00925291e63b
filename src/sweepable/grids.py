"""Where calls stand in a grid: the parameters that are its dimensions, their values, and the cell of each call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sweepable.errors import SweepableError, SweepableWarning
from sweepable.frames import BATCH, batches
from sweepable.notices import warn
from sweepable.outputs import short
from sweepable.spaces import Space
from sweepable.spaces.reading import row_token
from sweepable.store.cells import from_cell
from sweepable.tables import Reader, Wanted, differing, named_columns, shown_parameters
from sweepable.tree import FunctionNode

POINT = "point"


class Axis(NamedTuple):
    """A dimension: its name, and its values, each once."""

    name: str
    values: list[object]


class Places(NamedTuple):
    """Where the calls stand.

    Attributes
    ----------
    axes : list of Axis
        The parameters, in order.
    at : list of tuple of int
        For each point, the number of its value on each axis.
    rows : list of int or None
        For each point, the row of its call; None where there is none.
    is_grid : bool
        Whether the axes are dimensions; else all lie along the one dimension ``point``.
    """

    axes: list[Axis]
    at: list[tuple[int, ...]]
    rows: list[int | None]
    is_grid: bool

    @property
    def dims(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes) if self.is_grid else (POINT,)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.values) for axis in self.axes) if self.is_grid else (len(self.at),)

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the cells in which calls stand, and the rows of these calls."""
        there = [number for number, row in enumerate(self.rows) if row is not None]
        rows = np.array([self.rows[number] for number in there], np.intp)
        if not self.is_grid:
            return np.array(there, np.intp), rows
        if not self.axes:
            return np.zeros(len(there), np.intp), rows
        at = np.array([self.at[number] for number in there], np.intp).reshape(len(there), len(self.axes))
        return np.asarray(np.ravel_multi_index(tuple(at.T), self.shape)), rows


# -- where the calls stand


def places_of_space(
    root: FunctionNode, ids: Sequence[int], space: Space, keys: Sequence[str], dims: Sequence[str] | None
) -> Places:
    """The calls of a sweep where its space has them, in its order; a call at several points stands at each."""
    names = space.varying if dims is None else tuple(dims)
    known: list[dict[object, int]] = [{} for _ in names]
    axes = [Axis(name, []) for name in names]
    at = []
    for point in space:
        numbers = []
        for name, axis, numbered in zip(names, axes, known, strict=True):
            token = row_token((point[name],))
            if token not in numbered:
                numbered[token] = len(numbered)
                axis.values.append(point[name])
            numbers.append(numbered[token])
        at.append(tuple(numbers))
    (found,) = cells_of(root, named_columns(root, ["info__key"]), ids)
    row_of = {key: row for row, key in enumerate(found)}
    places = Places(axes, at, [row_of.get(key) for key in keys], True)
    if dims is not None or len(at) == math.prod(places.shape):
        return places
    # Names that vary together have points, of which nobody expects a grid.
    return _unless_sparse(root, places) if set(names) <= set(space.axes) else places._replace(is_grid=False)


def places_of_query(root: FunctionNode, ids: Sequence[int], dims: Sequence[str] | None) -> Places:
    """The calls by the parameters in which they differ, or by those that are named."""
    if dims is None:
        # A value that was passed is a parameter itself, and varies with what it came from.
        found = [(column, some) for column, some in shown_parameters(root, ids, passed=False) if len(set(some)) > 1]
    else:
        wanted = named_columns(root, dims)
        wrong = [column.label for column in wanted if column.kind not in ("parameter", "field")]
        if wrong:
            raise SweepableError(f"{root.title}: dimensions are parameters, and {', '.join(wrong)} is none")
        found = list(zip(wanted, cells_of(root, wanted, ids), strict=True))
    axes, numbers = [], []
    for column, some in found:
        axis, number = _sorted_axis(column.label, some)
        axes.append(axis)
        numbers.append(number)
    at: list[tuple[int, ...]] = list(zip(*numbers, strict=True)) if numbers else [()] * len(ids)
    places = Places(axes, at, list(range(len(ids))), bool(ids))
    _refuse_twice(root, ids, places)
    return _unless_sparse(root, places) if dims is None else places


def _sorted_axis(name: str, cells: Sequence[Any]) -> tuple[Axis, list[int]]:
    """The values of a parameter in their order, and for each call the number of its own."""
    distinct = list(dict.fromkeys(cells))
    values = {cell: from_cell(cell) for cell in distinct}
    try:
        distinct.sort(key=lambda cell: _place_in_order(values[cell]))
    except TypeError:  # of several kinds: in the order in which they came
        pass
    numbers = {cell: number for number, cell in enumerate(distinct)}
    return Axis(name, [values[cell] for cell in distinct]), [numbers[cell] for cell in cells]


def _place_in_order(value: Any) -> tuple[bool, Any]:
    """What is missing comes last, as in order_by."""
    return (value is None or value != value), (0 if value is None else value)


def _refuse_twice(root: FunctionNode, ids: Sequence[int], places: Places) -> None:
    first: dict[tuple[int, ...], int] = {}
    for number, at in enumerate(places.at):
        other = first.setdefault(at, number)
        if other != number:
            names = differing(root, [ids[other], ids[number]])
            what = ", ".join(names) or "their code, or what is no column"
            where = (
                ", ".join(f"{axis.name}={short(axis.values[n])}" for axis, n in zip(places.axes, at, strict=True))
                or "without dimensions"
            )
            raise SweepableError(
                f"{root.title}: several calls stand in one cell ({where}); they differ in {what}. Give more dims=, or "
                "filter for one of them"
            )


def _unless_sparse(root: FunctionNode, places: Places) -> Places:
    """A grid, unless more than half of it would be empty."""
    size = math.prod(places.shape)
    if 2 * len(places.at) >= size or not places.axes:
        return places
    names = ", ".join(axis.name for axis in places.axes)
    warn(
        f"{root.title}: a grid over {names} would have {size:,} cells for {len(places.at):,} calls, so they lie along "
        f"one dimension, {POINT}; dims=[...] makes the grid, or one of fewer parameters",
        SweepableWarning,
    )
    return places._replace(is_grid=False)


def cells_of(root: FunctionNode, wanted: Sequence[Wanted], ids: Sequence[int]) -> list[list[Any]]:
    """The cells of all calls, by column."""
    reader = Reader(root, wanted)
    found: list[list[Any]] = [[] for _ in wanted]
    for some in batches(ids, BATCH):
        for kept, cells in zip(found, reader.read(some), strict=True):
            kept.extend(cells)
    return found
