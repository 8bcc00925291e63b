"""What a query offers to choose among its calls: the first and last, the best, the values that they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sweepable.lookups import value_of
from sweepable.store.cells import from_cell
from sweepable.store.codecs import Summary

if TYPE_CHECKING:
    from sweepable.record import Record
    from sweepable.selection import Plan
    from sweepable.tree import FunctionNode


class _Query(Protocol):
    """What a query has beside these methods."""

    def filter(self, /, **lookups: object) -> Any: ...
    def order_by(self, *names: str) -> Any: ...
    def limit(self, number: int) -> Any: ...
    def __iter__(self) -> Iterator[Record]: ...
    def _plan(self) -> Plan: ...
    def _records(self, ids: Sequence[int]) -> list[Record]: ...


class Choosing:
    """The part of a query that chooses among its calls."""

    def exists(self: _Query) -> bool:
        """Whether there is any."""
        return bool(self.limit(1)._plan().ids())

    def first(self: _Query) -> Record | None:
        """The first Record, None if there is none."""
        return next(iter(self.limit(1)), None)

    def last(self: _Query) -> Record | None:
        """The last Record, None if there is none."""
        return next(iter(self._records(self._plan().ids()[-1:])), None)

    def nsmallest(self: _Query, number: int, *names: str) -> Any:
        """The `number` calls with the smallest values, in ascending order; those without a value are left out.

        Parameters
        ----------
        number : int
            How many.
        *names : str
            A parameter or scalar output, own or upstream; further ones decide between equal values.

        Returns
        -------
        Query
        """
        return _extreme(self, number, names, "")

    def nlargest(self: _Query, number: int, *names: str) -> Any:
        """The `number` calls with the largest values, in descending order; otherwise as `nsmallest`."""
        return _extreme(self, number, names, "-")

    def values(self: _Query, *names: str) -> list[Any]:
        """The values of a parameter or scalar output, own or upstream, in the query's order.

        Parameters
        ----------
        *names : str
            As in ``filter``.

        Returns
        -------
        list
            Of values for one name, of tuples for several. None where a call has none.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def tile(width=1.0, height=2.0):
        ...     return width * height
        >>> runs = tile.sweep(width=[1.0, 3.0], progress=False)
        >>> runs.values("area"), runs.values("width", "area")
        ([2.0, 6.0], [(1.0, 2.0), (3.0, 6.0)])
        """
        plan = self._plan()
        rows = plan.rows(_named(plan.root, names))
        return _shown(self, names, rows)

    def distinct(self: _Query, *names: str) -> list[Any]:
        """The different values of a parameter or scalar output, own or upstream, smallest first.

        Parameters
        ----------
        *names : str
            As in ``filter``.

        Returns
        -------
        list
            Of values for one name, of tuples for several.

        Examples
        --------
        >>> import sweepable
        >>> @sweepable.cache(area=float)
        ... def tile(width=1.0, height=2.0):
        ...     return width * height
        >>> runs = tile.sweep(width=[3.0, 1.0], height=[2.0, 5.0], progress=False)
        >>> tile.select().distinct("width")
        [1.0, 3.0]
        """
        plan = self.order_by(*names)._plan()
        found: dict[Any, tuple[Any, ...]] = {}
        for row in plan.rows(_named(plan.root, names)):
            # 1, 1.0 and True are equal as keys of a dict, and as values here but for True, whose cell is no number.
            found.setdefault(row[1:], row)
        return _shown(self, names, list(found.values()))


def _named(root: FunctionNode, names: Sequence[str]) -> list[Any]:
    if not names:
        raise TypeError(f"{root.title}: which values? Give names of parameters or scalar outputs")
    return [value_of(root, name) for name in names]


def _extreme(query: _Query, number: int, names: Sequence[str], direction: str) -> Any:
    if not names:
        raise TypeError("by which value? Give the name of a parameter or scalar output")
    there = query.filter(**{f"{names[0]}__isnull": False})
    return there.order_by(*(f"{direction}{name}" for name in names)).limit(number)


def _shown(query: _Query, names: Sequence[str], rows: list[tuple[Any, ...]]) -> list[Any]:
    """The values of cells; what is only described there is read from the calls themselves."""
    found = [tuple(map(from_cell, row[1:])) for row in rows]
    if any(isinstance(value, Summary) for values in found for value in values):
        records = query._records([row[0] for row in rows])
        found = [
            tuple(
                record[name] if isinstance(value, Summary) else value for name, value in zip(names, values, strict=True)
            )
            for record, values in zip(records, found, strict=True)
        ]
    return [values[0] for values in found] if len(names) == 1 else found
