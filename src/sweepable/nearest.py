"""The stored call that is nearest to one that is not stored: found by SQL over the function's table, read alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sweepable.call import Call
from sweepable.lineage import calls_of
from sweepable.model import Argument, StoredCall
from sweepable.store.cells import Cell, to_cell
from sweepable.store.schema import quoted
from sweepable.store.store import Store, StoredFunction

#: SQLite takes expressions of some depth only; nobody compares more parameters than that by eye.
_MOST_PARAMETERS = 200
#: So many rows that look nearest are read, and compared by their digests.
_CANDIDATES = 8
#: So many of them are ranked by all parameters, after they were found by those that vary.
_LOOKED_AT = 64
#: So many rows are looked at to see which do.
_SAMPLE = 300
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


class Asked(NamedTuple):
    """One parameter that is asked for, and where it stands."""

    argument: Argument
    #: Its column of values, and that of upstream calls.
    plain: str | None
    calls: str | None
    #: The ids of the upstream call that is asked for (-1 where it is not stored) and of those nearest to it.
    near: tuple[int, ...] = ()

    def differs(self, values: Values) -> str:
        """As SQL, whether a row ``t`` differs."""
        return _is_other_call(self.calls, self.near) if self.near else _differs(self, values)

    def distance(self, values: Values) -> str:
        """As SQL, how far a row is."""
        return _distance_of_calls(self.calls, self.near) if self.near else _distance(self, values)


class Sums(NamedTuple):
    """How far a row ``t`` is, as SQL: the number of parameters that differ, and a measure of by how much."""

    differing: str
    far: str
    values: Values

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> Sums:
        """Over some of the parameters."""
        values = Values()
        differing = [one.differs(values) for one in asked]
        far = [one.distance(values) for one in asked]
        # A number alone would mean a column where rows are put in order.
        return cls(f"({' + '.join(['0', '0', *differing])})", f"({' + '.join(['0', '0', *far])})", values)


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
        self._places = self._found_places()

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
        varying = self._varying()
        if same:
            return self._same(versions, varying, most)
        found = self._ranked(versions, varying, _LOOKED_AT)
        ranked = self._ranked_among([number for number, _ in found], most)
        # What all rows that were looked at agree in, others may not: it is counted only now.
        if found and ranked[0][1] > found[0][1]:
            ranked = self._ranked(versions, self._places, most)
        return [number for number, _ in ranked]

    def _varying(self) -> list[Asked]:
        """The parameters in which some of the rows differ from what is asked for, by a look at a few hundred.

        Of many parameters most are as they always are; to compare them in each row is most of the work.
        """
        table, values = quoted(self._function.table), Values()
        flags = ", ".join(f"max({one.differs(values)})" for one in self._places)
        first, last = self._read(f"SELECT (SELECT min(id) FROM {table}), (SELECT max(id) FROM {table})")[0]
        if not flags or first is None:
            return self._places
        step = max(1, (last - first) // _SAMPLE)
        numbers = values.mark(json.dumps(list(range(first, last + 1, step))))
        sql = f"SELECT {flags} FROM json_each({numbers}) AS k CROSS JOIN {table} AS t ON t.id = k.value"
        found = self._read(sql, values)[0]
        return [one for one, flag in zip(self._places, found, strict=True) if flag or flag is None]

    def _same(self, versions: Sequence[int], varying: Sequence[Asked], most: int) -> list[int]:
        """The calls with equal cells; what tells rows apart comes first, and most of the rest is not looked at."""
        values = Values()
        order = [*varying, *(one for one in self._places if one not in varying)]
        equal = "".join(f" AND NOT {one.differs(values)}" for one in order)
        sql = f"SELECT c.id {self._rows(versions)}{equal} ORDER BY c.id DESC LIMIT {most}"
        return [number for (number,) in self._read(sql, values)]

    def _ranked(self, versions: Sequence[int], asked: Sequence[Asked], most: int) -> list[tuple[int, int]]:
        """Ids of the nearest by some of the parameters, and in how many of these they differ."""
        sums = Sums.of(asked)
        select = f"SELECT c.id, {sums.differing} {self._rows(versions)}"
        # How far a row is costs more than whether it differs, so of rows that differ in much it is asked only where
        # there are no others.
        near = f"CASE WHEN {sums.differing} <= 1 THEN {sums.far} END"
        found = self._read(f"{select} ORDER BY {sums.differing}, {near}, c.id DESC LIMIT {most}", sums.values)
        if found and found[0][1] > 1:
            only = f"AND {sums.differing} = {found[0][1]}"
            found = self._read(f"{select} {only} ORDER BY {sums.far}, c.id DESC LIMIT {most}", sums.values)
        return found

    def _ranked_among(self, ids: Sequence[int], most: int) -> list[tuple[int, int]]:
        """The same of a few rows, by all parameters."""
        sums = Sums.of(self._places)
        numbers, table = sums.values.mark(json.dumps(list(ids))), quoted(self._function.table)
        return self._read(
            f"SELECT t.id, {sums.differing} FROM json_each({numbers}) AS k CROSS JOIN {table} AS t ON t.id = k.value "
            f"ORDER BY {sums.differing}, {sums.far}, t.id DESC LIMIT {most}",
            sums.values,
        )

    def _rows(self, versions: Sequence[int]) -> str:
        # The index holds all that is asked of `_calls`: its rows, which hold the results, stay unread.
        return (
            f"FROM _calls AS c INDEXED BY _calls_by_version CROSS JOIN {quoted(self._function.table)} AS t "
            f"ON t.id = c.id WHERE c.function = {self._function.id} "
            f"AND c.version IN ({', '.join(map(str, versions))}) AND c.status = 'done'"
        )

    def _read(self, sql: str, values: Sequence[Cell] = ()) -> list[tuple[Any, ...]]:
        return self._store.connection().execute(sql, values).fetchall()

    def _compared(self, call: StoredCall) -> Found:
        arguments = {argument.name: argument for argument in self._store.arguments(call)}
        names = {name for name, argument in arguments.items() if argument.digest} | self.asked.keys()
        return Found(call, arguments, sum(self._differs(name, arguments.get(name)) for name in names))

    def _differs(self, name: str, stored: Argument | None) -> bool:
        asked = self.asked.get(name)
        return asked is None or stored is None or asked.digest != stored.digest

    def _found_places(self) -> list[Asked]:
        columns = self._store.columns(self._function.id)
        return [
            Asked(
                argument,
                columns.get(("parameter", argument.name)),
                columns.get(("upstream", argument.name)),
                self._near(argument) if argument.kind != "value" else (),
            )
            for argument in list(self.asked.values())[:_MOST_PARAMETERS]
        ]

    def _near(self, argument: Argument) -> tuple[int, ...]:
        """The id of the upstream call that is asked for (-1 if it is not stored), then of those that are nearest."""
        row = self._store.connection().execute("SELECT id FROM _calls WHERE key = ?", (argument.value,)).fetchone()
        source = next((found.source for found in self._call.inputs if found.key == argument.value), None)
        near = nearest_ids(self._store, source, _UPSTREAM) if isinstance(source, Call) else []
        return (row[0] if row is not None else -1, *near)


def nearest_ids(store: Store, call: Call, most: int) -> list[int]:
    """The ids of the stored calls of any code that are nearest to one that is asked for."""
    function = store.find_function(call.callee.name, call.version.digest, call.callee.facts.home)
    if function is None:
        return []
    return Nearest(store, function, call).ids([version.id for version in store.versions(function.id)], most)


# -- one parameter, as SQL


def _differs(asked: Asked, values: Values) -> str:
    """Whether a cell is another than what is asked for."""
    if asked.plain is None:  # a parameter that no stored call has
        return "1"
    given_call = f" OR t.{quoted(asked.calls)} IS NOT NULL" if asked.calls is not None else ""
    cell = to_cell(asked.argument.value, asked.argument.digest)
    return f"(t.{quoted(asked.plain)} IS NOT {values.mark(cell)}{given_call})"


def _distance(asked: Asked, values: Values) -> str:
    """How far a cell is: of numbers between 0 and 1, whatever their scale; what looks alike is near."""
    if asked.plain is None:
        return "1"
    cell, value = f"t.{quoted(asked.plain)}", to_cell(asked.argument.value, asked.argument.digest)
    if isinstance(value, int | float):
        number = float(value)
        # With floats only, as SQLite's integers overflow. Text counts as the number that it reads.
        size = f"abs({cell} + 0.0) + {values.mark(abs(number))} + 1e-300"
        distance = f"ifnull(min(1.0, abs({cell} - {values.mark(number)}) / ({size})), 1.0)"
    else:
        distance = f"({cell} IS NOT {values.mark(value)})"
    alike = _easily_taken_for(value)
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
