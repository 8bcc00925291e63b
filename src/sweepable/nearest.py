"""The stored call that is nearest to one that is not stored: found by SQL over the function's table, read alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
_UPSTREAM = 16


class Found(NamedTuple):
    """A stored call and how many of its parameters differ from those asked for."""

    call: StoredCall
    arguments: dict[str, Argument]
    differing: int


class Sums(NamedTuple):
    """How far a row ``t`` is, as SQL: the number of parameters that differ, and a measure of by how much."""

    differing: str
    far: str
    values: tuple[list[Cell], list[Cell]]


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
        differing, far, (counting, measuring) = self._sums
        only = f" AND ({differing}) = 0" if same else ""
        # The index holds all that is asked of `_calls`: its rows, which hold the results, stay unread.
        sql = (
            f"SELECT c.id, {differing} AS differing, {far} AS far FROM _calls AS c INDEXED BY _calls_by_version "
            f"CROSS JOIN {quoted(self._function.table)} AS t ON t.id = c.id WHERE c.function = ? AND c.version IN "
            f"({', '.join(map(str, versions))}) AND c.status = 'done'{only} "
            f"ORDER BY differing, far, c.id DESC LIMIT {most}"
        )
        values = [*counting, *measuring, self._function.id, *(counting if same else ())]
        return [row[0] for row in self._store.connection().execute(sql, values)]

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
        counted: list[str] = []
        measured: list[str] = []
        counting: list[Cell] = []
        measuring: list[Cell] = []
        for argument in list(self.asked.values())[:_MOST_PARAMETERS]:
            plain = columns.get(("parameter", argument.name))
            calls = columns.get(("upstream", argument.name))
            found = self._upstream(argument, calls) if argument.kind != "value" else _value(argument, plain, calls)
            for (condition, values), conditions, further in zip(
                found, (counted, measured), (counting, measuring), strict=True
            ):
                conditions.append(condition)
                further.extend(values)
        return Sums(" + ".join(counted) or "0", " + ".join(measured) or "0", (counting, measuring))

    def _upstream(self, argument: Argument, column: str | None) -> Iterator[tuple[str, list[Cell]]]:
        """Whether another upstream call was given, and whether it is one that is near to what is asked for."""
        if column is None:
            yield "1", []
            yield "1", []
            return
        cell = f"t.{quoted(column)}"
        near = self._near(argument)
        yield f"({cell} IS NOT ?)", [near[0] or -1]
        ranks = "".join(f" WHEN {number} THEN {rank / _UPSTREAM}" for rank, number in enumerate(near) if number)
        yield (f"CASE {cell}{ranks} ELSE 1 END" if ranks else "1"), []

    def _near(self, argument: Argument) -> list[int | None]:
        """The id of the upstream call that is asked for (None if it is not stored), and of those that are nearest."""
        row = self._store.connection().execute("SELECT id FROM _calls WHERE key = ?", (argument.value,)).fetchone()
        source = next((found.source for found in self._call.inputs if found.key == argument.value), None)
        near = nearest_ids(self._store, source, _UPSTREAM) if isinstance(source, Call) else []
        return [row[0] if row is not None else None, *near]


def nearest_ids(store: Store, call: Call, most: int) -> list[int]:
    """The ids of the stored calls of any code that are nearest to one that is asked for."""
    function = store.find_function(call.callee.name, call.version.digest, call.callee.facts.home)
    if function is None:
        return []
    return Nearest(store, function, call).ids([version.id for version in store.versions(function.id)], most)


def _value(argument: Argument, plain: str | None, calls: str | None) -> Iterator[tuple[str, list[Cell]]]:
    """Whether a cell is another, and how far its number is; what was spelled as another type is near."""
    if plain is None:  # a parameter that no stored call has: all are equally far
        yield "1", []
        yield "1", []
        return
    cell = f"t.{quoted(plain)}"
    asked = to_cell(argument.value, argument.digest)
    given_call = f" OR t.{quoted(calls)} IS NOT NULL" if calls is not None else ""
    yield f"({cell} IS NOT ?{given_call})", [asked]
    alike = _spelled_otherwise(asked)
    near = f"WHEN {cell} IN ({', '.join('?' * len(alike))}) THEN 1e-6 " if alike else ""
    if isinstance(asked, int | float):
        number = float(asked)
        # Never more than 1, whatever the scale; floats only, as SQLite's integers overflow.
        far = f"abs({cell} - ?) / (abs({cell} + 0.0) + ? + 1e-300)"
        near += f"WHEN typeof({cell}) IN ('integer', 'real') THEN min(1.0, {far}) "
        yield f"CASE WHEN {cell} IS ? THEN 0 {near}ELSE 1 END", [asked, *alike, number, abs(number)]
    else:
        yield f"CASE WHEN {cell} IS ? THEN 0 {near}ELSE 1 END", [asked, *alike]


def _spelled_otherwise(cell: Cell) -> list[Cell]:
    """The cells of values that are easily taken for this one: ``"1"`` and True for 1."""
    if isinstance(cell, str):
        try:
            return [float(cell)]
        except ValueError:
            return []
    if isinstance(cell, int | float):
        truth: list[Cell] = [b"True" if cell else b"False"] if cell in (0, 1) else []
        return [*truth, repr(cell), *([str(int(cell))] if cell == cell // 1 and abs(cell) < 1e15 else [])]
    return [1 if cell == b"True" else 0] if cell in (b"True", b"False") else []
