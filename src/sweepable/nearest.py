"""The stored call that is nearest to one that is not stored: found by SQL over the function's table, read alone."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from sweepable.call import Call
from sweepable.lineage import calls_of
from sweepable.model import Argument, StoredCall
from sweepable.store.cells import Cell, to_cell
from sweepable.store.store import Store, StoredFunction
from sweepable.tree import quoted

#: SQLite takes expressions of some depth only; nobody compares more parameters than that by eye.
_MOST_PARAMETERS = 200
#: So many rows that look nearest are read, and compared by their digests.
_CANDIDATES = 8
#: So many of the calls that are nearest to an upstream call are preferred.
_UPSTREAM = 6


class Found(NamedTuple):
    """A stored call and how many of its parameters differ from those asked for."""

    call: StoredCall
    arguments: dict[str, Argument]
    differing: int


class Values(list[Cell]):
    """The values of a statement; a text may refer to one more than once."""

    def mark(self, value: Cell) -> str:
        """Add a value, and return what stands for it."""
        self.append(value)
        return f"?{len(self)}"


class Sums(NamedTuple):
    """How far a row ``t`` is, as SQL: the number of parameters that differ, and a measure of by how much."""

    differing: str
    far: str
    values: Values
    #: How many of the values `differing` takes, which come first.
    counting: int


class Nearest:
    """Finds the nearest stored calls of one function.

    Parameters
    ----------
    store : Store
    function : StoredFunction
        The function of `call`.
    call : Call
        The call that is asked for.
    """

    def __init__(self, store: Store, function: StoredFunction, call: Call) -> None:
        self._store = store
        self._function = function
        self._call = call
        counted = {name for _, name in call.callee.counted}
        self.asked = {argument.name: argument for argument in call.arguments() if argument.name in counted}
        self._sums = self._measured()

    def among(self, versions: Sequence[int], *, same: bool = False) -> Found | None:
        """The nearest done call of these versions.

        Parameters
        ----------
        versions : sequence of int
            Their ids.
        same : bool, default False
            Only one with the very same arguments.
        """
        found = [self._compared(call) for call in calls_of(self._store, self.ids(versions, _CANDIDATES, same=same))]
        if same:
            found = [one for one in found if not one.differing]
        # They come in order, by value: of equally many differences the first is the nearest.
        return min(found, key=lambda one: one.differing, default=None)

    def ids(self, versions: Sequence[int], most: int, *, same: bool = False) -> list[int]:
        """The ids of the calls that look nearest by their cells, the nearest first, of equal ones the newest."""
        if not versions:
            return []
        differing, far, values, counting = self._sums
        if same:
            found = self._rows(versions, f"AND {differing} = 0 ORDER BY c.id DESC LIMIT {most}", values[:counting])
            return [number for number, _ in found]
        # How far a row is costs more than whether it differs, so of rows that differ in much it is asked only where
        # there are no others.
        near = f"CASE WHEN {differing} <= 1 THEN {far} END"
        found = self._rows(versions, f"ORDER BY {differing}, {near}, c.id DESC LIMIT {most}", values)
        if found and found[0][1] > 1:
            only = f"AND {differing} = {found[0][1]}"
            found = self._rows(versions, f"{only} ORDER BY {far}, c.id DESC LIMIT {most}", values)
        return [number for number, _ in found]

    def _rows(self, versions: Sequence[int], which: str, values: Sequence[Cell]) -> list[tuple[int, int]]:
        # The index holds all that is asked of `_calls`: its rows, which hold the results, stay unread.
        sql = (
            f"SELECT c.id, {self._sums.differing} FROM _calls AS c INDEXED BY _calls_by_version "
            f"CROSS JOIN {quoted(self._function.table)} AS t ON t.id = c.id WHERE c.function = {self._function.id} "
            f"AND c.version IN ({', '.join(map(str, versions))}) AND c.status = 'done' {which}"
        )
        return self._store.connection().execute(sql, values).fetchall()

    def _compared(self, call: StoredCall) -> Found:
        arguments = {argument.name: argument for argument in self._store.arguments(call)}
        names = {name for name, argument in arguments.items() if argument.digest} | self.asked.keys()
        return Found(call, arguments, sum(self._differs(name, arguments.get(name)) for name in names))

    def _differs(self, name: str, stored: Argument | None) -> bool:
        asked = self.asked.get(name)
        return asked is None or stored is None or asked.digest != stored.digest

    # -- as SQL

    def _measured(self) -> Sums:
        columns = self._store.columns(self._function.id)
        asked = [
            (argument, columns.get(("parameter", argument.name)), columns.get(("upstream", argument.name)))
            for argument in list(self.asked.values())[:_MOST_PARAMETERS]
        ]
        near = {argument.name: self._near(argument) for argument, _, _ in asked if argument.kind != "value"}
        values = Values()
        differing = [
            _differs(argument, plain, calls, values)
            if argument.name not in near
            else _is_other_call(calls, near[argument.name])
            for argument, plain, calls in asked
        ]
        counting = len(values)
        far = [
            _distance(argument, plain, values)
            if argument.name not in near
            else _distance_of_calls(calls, near[argument.name])
            for argument, plain, calls in asked
        ]
        return Sums(f"({' + '.join(differing) or '0'})", f"({' + '.join(far) or '0'})", values, counting)

    def _near(self, argument: Argument) -> list[int]:
        """The id of the upstream call that is asked for (-1 if it is not stored), then of those that are nearest."""
        row = self._store.connection().execute("SELECT id FROM _calls WHERE key = ?", (argument.value,)).fetchone()
        source = next((found.source for found in self._call.inputs if found.key == argument.value), None)
        near = nearest_ids(self._store, source, _UPSTREAM) if isinstance(source, Call) else []
        return [row[0] if row is not None else -1, *near]


def nearest_ids(store: Store, call: Call, most: int) -> list[int]:
    """The ids of the stored calls of any code that are nearest to one that is asked for."""
    function = store.find_function(call.callee.name, call.version.digest, call.callee.facts.home)
    if function is None:
        return []
    return Nearest(store, function, call).ids([version.id for version in store.versions(function.id)], most)


# -- one parameter, as SQL


def _differs(argument: Argument, plain: str | None, calls: str | None, values: Values) -> str:
    """Whether a cell is another than what is asked for."""
    if plain is None:  # a parameter that no stored call has
        return "1"
    given_call = f" OR t.{quoted(calls)} IS NOT NULL" if calls is not None else ""
    return f"(t.{quoted(plain)} IS NOT {values.mark(to_cell(argument.value, argument.digest))}{given_call})"


def _distance(argument: Argument, plain: str | None, values: Values) -> str:
    """How far a cell is: of numbers between 0 and 1, whatever their scale; what looks alike is near."""
    if plain is None:
        return "1"
    cell, asked = f"t.{quoted(plain)}", to_cell(argument.value, argument.digest)
    if isinstance(asked, int | float):
        number = float(asked)
        # With floats only, as SQLite's integers overflow. Text counts as the number that it reads.
        size = f"abs({cell} + 0.0) + {values.mark(abs(number))} + 1e-300"
        distance = f"ifnull(min(1.0, abs({cell} - {values.mark(number)}) / ({size})), 1.0)"
    else:
        distance = f"({cell} IS NOT {values.mark(asked)})"
    alike = _easily_taken_for(asked)
    return distance if alike is None else f"CASE {cell} WHEN {values.mark(alike)} THEN 1e-6 ELSE {distance} END"


def _easily_taken_for(cell: Cell) -> Cell:
    """The cell of a value that looks like this one: True for 1, 1 for the text of it."""
    if isinstance(cell, str):
        with contextlib.suppress(ValueError):
            return float(cell)
    elif cell in (0, 1):
        return b"True" if cell else b"False"
    elif cell in (b"True", b"False"):
        return int(cell == b"True")
    return None


def _is_other_call(column: str | None, near: Sequence[int]) -> str:
    return "1" if column is None else f"(t.{quoted(column)} IS NOT {near[0]})"


def _distance_of_calls(column: str | None, near: Sequence[int]) -> str:
    """Whether an upstream call is one that is near to what is asked for."""
    if column is None:
        return "1"
    ranks = "".join(f" WHEN {number} THEN {rank / len(near)}" for rank, number in enumerate(near))
    return f"CASE t.{quoted(column)}{ranks} ELSE 1 END"
