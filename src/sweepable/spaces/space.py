"""The space: an ordered set of points, made as they are asked for, and how spaces are combined."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from sweepable.errors import SpaceError
from sweepable.spaces.reading import Row, constant, floated, is_new, row_token, without_duplicates

if TYPE_CHECKING:
    from array import array

Point: TypeAlias = dict[str, object]


class Space(ABC):
    """An ordered set of points, each a dict of the same names; made by `grid`, `zipped` and `points`.

    A space never changes and holds no point twice. Its points are made as they are asked for.

    Attributes
    ----------
    names : tuple of str
        The names of each point, in order, constants included.
    constants : dict
        Those of them that have one value by declaration, with that value.
    axes : dict of str to tuple
        The axes that vary independently of each other, with their values. Names that vary together (those of `zipped`
        and `points`), or that follow from others (`derive`), are not among them. After `where` some combinations are
        missing.
    """

    names: tuple[str, ...]
    constants: dict[str, object]
    axes: dict[str, Row]
    #: Names given as a bare list or array, as given: whether that is an axis depends on the parameter.
    bare: dict[str, object]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def row(self, index: int) -> Row:
        """Return the values of the point at `index`, which is in range."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Go through the values of all points, in the order of `names`."""

    @abstractmethod
    def as_float(self, names: Set[str]) -> Space:
        """Return the same space with the ints of `names` as floats."""

    @property
    def varying(self) -> tuple[str, ...]:
        """The names that are no constants."""
        return tuple(name for name in self.names if name not in self.constants)

    def __iter__(self) -> Iterator[Point]:
        names = self.names
        return (dict(zip(names, row, strict=True)) for row in self.rows())

    def __getitem__(self, index: int) -> Point:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"point {index} of a space of {size} points")
        return dict(zip(self.names, self.row(index % size), strict=True))

    def points(self) -> list[Point]:
        """Return all points."""
        return list(self)

    def __mul__(self, other: Space) -> Space:
        """Every point of this space with every point of the other, which varies fastest."""
        return Product((self, other)) if isinstance(other, Space) else NotImplemented

    def __add__(self, other: Space) -> Space:
        """Points of this space, then those of the other that are new."""
        return Union(self, other) if isinstance(other, Space) else NotImplemented

    def where(self, pred: Callable[[Point], object]) -> Space:
        """Keep the points for which `pred` holds; it is asked once for each.

        Examples
        --------
        >>> from sweepable.spaces import grid
        >>> grid(a=[1, 2], b=[1, 2]).where(lambda p: p["a"] < p["b"]).points()
        [{'a': 1, 'b': 2}]
        """
        return Filtered(self, pred)

    def derive(self, **functions: Callable[[Point], object]) -> Space:
        """Add names whose values follow from the others; later functions see what earlier ones gave.

        Examples
        --------
        >>> from sweepable.spaces import grid
        >>> grid(a=[1, 2]).derive(b=lambda p: 10 * p["a"]).points()
        [{'a': 1, 'b': 10}, {'a': 2, 'b': 20}]
        """
        return Derived(self, functions)

    def __repr__(self) -> str:
        size = len(self)
        return f"<Space of {size} {'point' if size == 1 else 'points'}: {', '.join(self.names) or 'no names'}>"


class Table(Space):
    """Columns of one length: an axis, or names that vary together."""

    def __init__(self, columns: Mapping[str, Row], *, bare: Mapping[str, object] | None = None) -> None:
        self.names = tuple(columns)
        self._columns = without_duplicates(tuple(columns.values()))
        self.constants = {}
        self.axes = dict(zip(self.names, self._columns, strict=True)) if len(self.names) == 1 else {}
        self.bare = dict(bare or {})

    def __len__(self) -> int:
        return len(self._columns[0]) if self._columns else 0

    def row(self, index: int) -> Row:
        return tuple(column[index] for column in self._columns)

    def rows(self) -> Iterator[Row]:
        return zip(*self._columns, strict=True)

    def as_float(self, names: Set[str]) -> Space:
        if names.isdisjoint(self.names):
            return self
        pairs = zip(self.names, self._columns, strict=True)
        return Table({n: tuple(map(floated, column)) if n in names else column for n, column in pairs}, bare=self.bare)


class Constant(Space):
    """One name with one value."""

    def __init__(self, name: str, value: object) -> None:
        self.names = (name,)
        self.constants = {name: value}
        self.axes, self.bare = {}, {}

    def __len__(self) -> int:
        return 1

    def row(self, index: int) -> Row:
        return tuple(self.constants.values())

    def rows(self) -> Iterator[Row]:
        return iter((self.row(0),))

    def as_float(self, names: Set[str]) -> Space:
        ((name, value),) = self.constants.items()
        return Constant(name, floated(value)) if name in names else self


class Product(Space):
    """Every point of each part with every point of the others; without parts, the one point without names."""

    def __init__(self, parts: Iterable[Space]) -> None:
        nested = (part._parts if isinstance(part, Product) else (part,) for part in parts)
        self._parts: tuple[Space, ...] = tuple(itertools.chain.from_iterable(nested))
        self.names = tuple(name for part in self._parts for name in part.names)
        refuse_twice(self.names)
        self.constants = {name: value for part in self._parts for name, value in part.constants.items()}
        self.axes = {name: values for part in self._parts for name, values in part.axes.items()}
        self.bare = {name: given for part in self._parts for name, given in part.bare.items()}

    def __len__(self) -> int:
        return math.prod(map(len, self._parts))

    def row(self, index: int) -> Row:
        rows: list[Row] = []
        for part in reversed(self._parts):
            index, within = divmod(index, len(part))
            rows.append(part.row(within))
        return tuple(itertools.chain.from_iterable(reversed(rows)))

    def rows(self) -> Iterator[Row]:
        return self._rows_from(0)

    def _rows_from(self, start: int) -> Iterator[Row]:
        # Not itertools.product, which would hold all rows of every part: a part may itself be large.
        if start == len(self._parts):
            return iter(((),))
        if start == len(self._parts) - 1:
            return self._parts[start].rows()
        return (head + tail for head in self._parts[start].rows() for tail in self._rows_from(start + 1))

    def as_float(self, names: Set[str]) -> Space:
        return Product(part.as_float(names) for part in self._parts)


class Subset(Space):
    """Some points of what lies below, chosen once, when they are first needed."""

    @cached_property
    def _mask(self) -> bytearray:
        return bytearray(bool(keep) for keep in self._choose())

    @cached_property
    def _kept(self) -> array[int]:
        from array import array

        return array("q", itertools.compress(itertools.count(), self._mask))

    @abstractmethod
    def _choose(self) -> Iterator[object]:
        """Say of each row below, in order, whether it is kept."""

    @abstractmethod
    def _below(self) -> Iterator[Row]:
        """Go through the rows below, kept or not."""

    @abstractmethod
    def _row_below(self, index: int) -> Row:
        """Return one of them."""

    def __len__(self) -> int:
        return self._mask.count(1)

    def row(self, index: int) -> Row:
        return self._row_below(self._kept[index])

    def rows(self) -> Iterator[Row]:
        return itertools.compress(self._below(), self._mask)


class Filtered(Subset):
    """The points for which a predicate holds."""

    def __init__(self, base: Space, pred: Callable[[Point], object]) -> None:
        self._base, self._pred = base, pred
        self.names, self.constants, self.axes, self.bare = base.names, base.constants, base.axes, base.bare

    def _choose(self) -> Iterator[object]:
        return map(self._pred, self._base)

    def _below(self) -> Iterator[Row]:
        return self._base.rows()

    def _row_below(self, index: int) -> Row:
        return self._base.row(index)

    def as_float(self, names: Set[str]) -> Space:
        return Filtered(self._base.as_float(names), self._pred)


class Union(Subset):
    """The points of two spaces, each once."""

    def __init__(self, first: Space, second: Space) -> None:
        if set(first.names) != set(second.names):
            names = " and ".join(", ".join(space.names) or "none" for space in (first, second))
            raise SpaceError(f"a union is of spaces of the same names, and these have {names}.")
        self._first, self._second = first, second
        self._order = tuple(map(second.names.index, first.names))
        self.names, self.axes = first.names, {}
        self.constants = {name: value for name, value in first.constants.items() if _agree(name, value, second)}
        self.bare = {**second.bare, **first.bare}

    def _choose(self) -> Iterator[object]:
        seen: set[object] = set()
        return (is_new(row_token(row), seen) for row in self._below())

    def _below(self) -> Iterator[Row]:
        return itertools.chain(self._first.rows(), map(self._ordered, self._second.rows()))

    def _ordered(self, row: Row) -> Row:
        return tuple(row[place] for place in self._order)

    def _row_below(self, index: int) -> Row:
        size = len(self._first)
        return self._first.row(index) if index < size else self._ordered(self._second.row(index - size))

    def as_float(self, names: Set[str]) -> Space:
        return Union(self._first.as_float(names), self._second.as_float(names))


class Derived(Space):
    """A space with names added whose values follow from the others; they are computed once."""

    def __init__(self, base: Space, functions: Mapping[str, Callable[[Point], object]], floats: Set[str] = frozenset()):
        self._base, self._functions, self._floats = base, dict(functions), floats
        self.names = base.names + tuple(functions)
        refuse_twice(self.names)
        self.constants, self.axes, self.bare = base.constants, base.axes, base.bare

    @cached_property
    def _derived(self) -> list[Row]:
        return [self._values_at(point) for point in self._base]

    def _values_at(self, point: Point) -> Row:
        for name, function in self._functions.items():
            value = constant(name, function(point))
            point[name] = floated(value) if name in self._floats else value
        return tuple(map(point.__getitem__, self._functions))

    def __len__(self) -> int:
        return len(self._base)

    def row(self, index: int) -> Row:
        return self._base.row(index) + self._derived[index]

    def rows(self) -> Iterator[Row]:
        return (row + more for row, more in zip(self._base.rows(), self._derived, strict=True))

    def as_float(self, names: Set[str]) -> Space:
        return Derived(self._base.as_float(names), self._functions, names)


def refuse_twice(names: Sequence[str]) -> None:
    """Raise SpaceError where a name is given twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpaceError(f"a space has each name once, and {', '.join(twice)} came twice.")


def _agree(name: str, value: object, other: Space) -> bool:
    return name in other.constants and row_token((value,)) == row_token((other.constants[name],))
