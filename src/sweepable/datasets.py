"""Calls as an xarray Dataset: scalars as variables, arrays of one shape stacked, and a mask of what is there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sweepable.errors import SweepableError, SweepableWarning
from sweepable.frames import Chunk, Facts, batches, chunk_of, column_of, inferred
from sweepable.grids import POINT, Places, cells_of
from sweepable.imported import from_extra
from sweepable.names import resolve
from sweepable.notices import warn
from sweepable.outputs import Output, short
from sweepable.record import Record, call_of
from sweepable.store.cells import from_cell
from sweepable.store.codecs import Summary
from sweepable.tables import has_column, named_columns, shown_parameters
from sweepable.tree import FunctionNode, function_of
from sweepable.upstream import as_upstream

if TYPE_CHECKING:
    import xarray

_PLAIN = (bool, int, float, str, np.generic)
_DONE = ("done", "tainted")
_RECORDS = 500


def dataset(
    root: FunctionNode,
    ids: Sequence[int],
    places: Places,
    names: Sequence[str],
    records: Callable[[Sequence[int]], list[Record]],
) -> xarray.Dataset:
    """The Dataset of calls.

    Parameters
    ----------
    root : FunctionNode
        The function.
    ids : sequence of int
        The calls, in order.
    places : Places
        Where they stand.
    names : sequence of str
        The variables; none for all own outputs.
    records : callable
        Reads the Records of calls.
    """
    made = _Dataset(root, ids, places, records)
    made.add_outputs(names)
    return made.finished()


class _Dataset:
    """A Dataset in the making."""

    def __init__(
        self,
        root: FunctionNode,
        ids: Sequence[int],
        places: Places,
        records: Callable[[Sequence[int]], list[Record]],
    ) -> None:
        self._xarray = from_extra("xarray", "to_xarray", "xarray")
        self._root, self._ids, self._places, self._records = root, ids, places, records
        cells, rows = places.cells()
        (statuses,) = cells_of(root, named_columns(root, ["info__status"]), ids)
        done = np.array([statuses[row] in _DONE for row in rows], bool)
        #: Of the calls that have a result.
        self._cells, self._rows = cells[done], rows[done]
        self._variables: dict[str, tuple[Any, ...]] = {}

    def add_outputs(self, names: Sequence[str]) -> None:
        """The variables of these names; of none, all own outputs that are scalars or arrays of one shape."""
        own = self._root.own()
        wanted = list(names) or [own.spelling("output", name) for name in own.outputs]
        arrays = [name for name in wanted if not self._add_scalar(name)]
        if arrays:
            self._add_arrays(arrays, is_asked=bool(names))

    def _add_scalar(self, name: str) -> bool:
        """Add what stands in a column; False where it is no scalar, or not always."""
        if self._is_array(name):
            return False
        (cells,) = cells_of(self._root, named_columns(self._root, [name]), self._ids)
        if any(isinstance(from_cell(cell), Summary) for cell in {cell for cell in cells if type(cell) is bytes}):
            return False
        facts, chunk = Facts(), chunk_of([cells[row] for row in self._rows])
        facts.note(chunk)
        values = self._scattered(_plain(facts, chunk), facts.is_exact)
        self._variables[name] = self._places.dims, values, self._attributes(name)
        return True

    def _is_array(self, name: str) -> bool:
        """Whether it is an output that has no column, and would have none if it had run."""
        outputs = [place for place in resolve(self._root, name) if place.kind == "output"]
        return bool(outputs) and not any(
            has_column(function_of(place.node), "output", str(place.name)) for place in outputs
        )

    def _scattered(self, values: np.ndarray, is_exact: bool) -> np.ndarray:
        """The values in their cells; where there is none, what xarray has there: NaN, NaT, or an object."""
        size = math.prod(self._places.shape)
        found = _empty(values, size, is_full=len(self._cells) == size, is_exact=is_exact)
        found[self._cells] = values
        return found.reshape(self._places.shape)

    def _attributes(self, name: str) -> dict[str, object]:
        declared = self._declared(name)
        return {"units": declared.units} if declared is not None and declared.units else {}

    def _declared(self, name: str) -> Output | None:
        for place in resolve(self._root, name):
            node = function_of(place.node)
            if place.kind == "output" and node.callee is not None:
                return node.callee.declaration.outputs.get(str(place.name))
        return None

    # -- arrays

    def _add_arrays(self, names: list[str], is_asked: bool) -> None:
        """Stack arrays; what is of several shapes is left out."""
        stacks = {name: _Stack(math.prod(self._places.shape)) for name in names}
        for cells, record in self._with_cells():
            for name, stack in stacks.items():
                if not stack.trouble:
                    stack.put(cells, record[name])
        wrong = {name: stack.trouble for name, stack in stacks.items() if stack.trouble}
        if wrong:
            text = "; ".join(f"{name} ({trouble})" for name, trouble in wrong.items())
            message = f"{self._root.title}: only arrays of one shape and dtype are stacked: {text}"
            if is_asked:
                raise SweepableError(message)
            warn(f"{message}. They are left out", SweepableWarning)
        for name, stack in stacks.items():
            if name not in wrong and stack.values is not None:
                values = stack.finished().reshape(*self._places.shape, *stack.values.shape[1:])
                dims = (*self._places.dims, *self._array_dims(name, stack.values.shape[1:]))
                self._variables[name] = dims, values, self._attributes(name)

    def _with_cells(self) -> Iterator[tuple[list[int], Record]]:
        """The Records, each with the cells in which it stands."""
        cells: dict[int, list[int]] = {}
        for cell, row in zip(self._cells.tolist(), self._rows.tolist(), strict=True):
            cells.setdefault(self._ids[row], []).append(cell)
        for some in batches(list(cells), _RECORDS):
            yield from ((cells[call_of(record).id], record) for record in self._records(some))

    def _array_dims(self, name: str, shape: tuple[int, ...]) -> list[str]:
        """As declared, unless another variable has the name, or a dimension of it has another length."""
        declared = self._declared(name)
        taken = {
            dim: size
            for dims, values, _ in self._variables.values()
            for dim, size in zip(dims, values.shape, strict=True)
        }
        taken |= dict.fromkeys(self._places.dims, -1) | dict.fromkeys(self._coordinate_names(), -1)
        given = declared.dims if declared is not None else ()
        own = self._root.own()
        names = {name, *self._variables, *own.outputs}
        if len(given) == len(shape) and len(set(given)) == len(given):
            fits = all(taken.get(dim, size) == size for dim, size in zip(given, shape, strict=True))
            if fits and not names & set(given):
                return list(given)
        return [f"{name}_{number}" for number in range(len(shape))]

    # -- what stands beside the variables

    def finished(self) -> xarray.Dataset:
        """The Dataset, with its coordinates, the mask, and what does not vary."""
        computed = np.zeros(math.prod(self._places.shape), bool)
        computed[self._cells] = True
        taken = {*self._variables, *self._places.dims, *self._coordinate_names()}
        mask = next(name for name in ("computed", "is_computed", "sweepable_computed") if name not in taken)
        self._variables[mask] = self._places.dims, computed.reshape(self._places.shape), {}
        coordinates = self._coordinates()
        twice = [name for name in self._variables if name in coordinates]
        for name in twice:  # a parameter that was asked for is there already
            del self._variables[name]
        found: xarray.Dataset = self._xarray.Dataset(self._variables, coordinates, self._constants())
        return found

    def _coordinate_names(self) -> list[str]:
        return [axis.name for axis in self._places.axes]

    def _coordinates(self) -> dict[str, tuple[Any, ...]]:
        found: dict[str, tuple[Any, ...]] = {}
        for number, axis in enumerate(self._places.axes):
            values, attributes = _labels(axis.values)
            if self._places.is_grid:
                found[axis.name] = (axis.name,), values, attributes
            else:
                at = np.array([at[number] for at in self._places.at], np.intp)
                found[axis.name] = (POINT,), values[at], attributes
        return found

    def _constants(self) -> dict[str, object]:
        """The parameters that are the same for all calls, where they are plain."""
        found = {}
        for column, cells in shown_parameters(self._root, self._ids):
            if len(set(cells)) == 1 and isinstance(value := from_cell(cells[0]), _PLAIN):
                found[column.label] = value
        swept = {place for name in self._coordinate_names() for place in self._paths(name)}
        return {name: value for name, value in found.items() if name not in swept}

    def _paths(self, name: str) -> list[str]:
        return [name, *(str(place) for place in resolve(self._root, name))]


class _Stack:
    """Arrays of one shape and dtype, each in its cells."""

    def __init__(self, size: int) -> None:
        self._there = np.zeros(size, bool)
        self.values: Any = None
        #: What is wrong with them; empty for nothing.
        self.trouble = ""

    def put(self, cells: list[int], value: object) -> None:
        if not isinstance(value, np.ndarray):
            self.trouble = f"there is a {type(value).__name__}"
        elif self.values is None:
            self.values = np.zeros((len(self._there), *value.shape), value.dtype)
        elif (self.values.shape[1:], self.values.dtype) != (value.shape, value.dtype):
            one, other = (f"{x.dtype} {x.shape}" for x in (self.values[0], value))
            self.trouble = f"{one} and {other}"
        if not self.trouble:
            self.values[cells] = value
            self._there[cells] = True

    def finished(self) -> np.ndarray:
        is_exact = self.values.dtype.kind not in "iu" or _is_exact(self.values)
        found = _empty(self.values, len(self._there), is_full=bool(self._there.all()), is_exact=is_exact)
        found[self._there] = self.values[self._there]
        return found


def _empty(values: np.ndarray, size: int, *, is_full: bool, is_exact: bool) -> np.ndarray:
    """Room for values of which some are missing, as xarray itself makes it where it has to."""
    shape, kind = (size, *values.shape[1:]), values.dtype.kind
    if is_full:
        return np.empty(shape, values.dtype)
    if kind in "iu" and is_exact:
        return np.full(shape, np.nan)
    if kind in "fc":
        return np.full(shape, np.nan, values.dtype)
    if kind in "mM":
        return np.full(shape, "NaT", values.dtype)
    return np.full(shape, np.nan, object)


def _plain(facts: Facts, chunk: Chunk) -> np.ndarray:
    """The values of a column as NumPy has them; moments of a time zone in UTC, which no array says."""
    if facts.kind == "nothing":
        return np.full(len(chunk.values), np.nan)
    column = column_of(facts, [chunk])
    if facts.kind == "int" and facts.has_missing:
        return _with_gaps(column)
    if facts.kind == "bool" and facts.has_missing:
        return np.asarray(column.to_numpy(object, na_value=np.nan))
    if facts.kind == "utc":
        return np.asarray(column.tz_convert(None))
    return np.asarray(column)


def _with_gaps(column: Any) -> np.ndarray:
    """Ints of which some are missing: floats where these are the same numbers, else objects."""
    there = column[~column.isna()].to_numpy(np.int64)
    if _is_exact(there):
        return np.asarray(column.to_numpy(float, na_value=np.nan))
    return np.asarray(column.to_numpy(object, na_value=np.nan))


def _is_exact(values: np.ndarray) -> bool:
    return not values.size or bool(values.min() >= -(2**53) and values.max() <= 2**53)


def _labels(values: list[object]) -> tuple[np.ndarray, dict[str, object]]:
    """Values as a coordinate; what cannot be one is numbered, and told in the attribute ``values``."""
    names = [_upstream_name(value) for value in values]
    if values and None not in names and len(set(names)) == len(names):
        return np.array(names, object), {}
    if any(map(_is_no_label, values)):
        texts = [value.text if isinstance(value, Summary) else short(value) for value in values]
        members = [text.startswith("enum:") for text in texts]
        if all(map(_is_no_label, values)) and not any(members):
            return np.arange(len(values)), {"values": texts}
        if all(members) and len(set(texts)) == len(texts):
            return np.array(texts, object), {}
        # One of the values may be a number, as a member of an IntEnum is: by it another one must not be found.
        return np.array([f"{number}: {text}" for number, text in enumerate(texts)], object), {"values": texts}
    found = np.asarray(inferred(values))
    if found.dtype == object:
        found = np.empty(len(values), object)
        found[:] = values
    return found, {}


def _is_no_label(value: object) -> bool:
    return isinstance(value, (Summary, np.ndarray, list, tuple, dict, set)) or as_upstream(value) is not None


def _upstream_name(value: object) -> str | None:
    upstream = as_upstream(value)
    if upstream is None:
        return None
    return short(upstream) if upstream.fixed or upstream.field else upstream.callee.identifier
