"""Comparisons of a column with a value, as SQL: by value, so 2 finds 2.0, True is not 1, and "1" is not 1."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import NamedTuple, cast

import numpy as np

from sweepable.errors import SweepableError
from sweepable.identity.code import describe
from sweepable.identity.values import digest
from sweepable.spaces.reading import Axis, Fixed, is_query, is_sequence, scalar, values_of
from sweepable.store.cells import Cell, is_scalar, to_cell

NAN = "x'6e616e'"  # how a cell holds NaN
_NAT = "x'4e6154'"
_BOOLS = "x'54727565', x'46616c7365'"
_UTC = f"x'{b'+00:00'.hex()}'"
_LARGE = 2**63
#: What stands in a cell before its text, where the text has the order of the values.
_ORDERED = ("datetime:", "date:", "time:")


class Condition(NamedTuple):
    """A piece of SQL with its values."""

    sql: str
    values: tuple[object, ...] = ()
    #: Tables and columns in which an index finds its rows.
    uses: tuple[tuple[str, str], ...] = ()


class Slot(NamedTuple):
    """Stands among the values of a statement for one cell of a value that is given later."""

    place: int
    cell: int


class Given(NamedTuple):
    """A value as one of its kind: the SQL that compares with it is the same for all of them."""

    value: object
    #: The how manieth of the look-ups it is given to.
    place: int
    #: What the SQL depends on.
    kind: tuple[object, ...]
    #: The cells that are equal to it.
    cells: tuple[Cell, ...]

    def slots(self) -> list[Slot]:
        """What stands for its cells."""
        return [Slot(self.place, cell) for cell in range(len(self.cells))]


def given(value: object, place: int) -> Given | None:
    """An ordinary number or a short text as one of its kind; None for all else."""
    kind = type(value)
    if kind is int and -_LARGE <= value < _LARGE:  # type: ignore[operator]
        return Given(value, place, ("number", 1), (value,))  # type: ignore[arg-type]
    if kind is float and -_LARGE < value < _LARGE:  # type: ignore[operator]
        number: float = value  # type: ignore[assignment]
        cells: tuple[Cell, ...] = (number, int(number)) if number.is_integer() else (number,)
        return Given(value, place, ("number", len(cells)), cells)
    if kind is str:
        cell = to_cell(value)
        return Given(value, place, ("text", 1), (cell,)) if type(cell) is str else None
    return None


FALSE = Condition("0")
TRUE = Condition("1")


def joined(word: str, conditions: Sequence[Condition]) -> Condition:
    """Conditions joined by `` AND `` or `` OR ``, or what rows are ordered by."""
    if len(conditions) == 1:
        return conditions[0]
    sql = _balanced(word, [found.sql for found in conditions])
    values = tuple(value for found in conditions for value in found.values)
    uses = tuple(dict.fromkeys(use for found in conditions for use in found.uses))
    return Condition(sql if word == ", " else f"({sql})", values, uses)


def _balanced(word: str, parts: Sequence[str]) -> str:
    """In brackets, so that SQLite nests thousands of them a few levels deep."""
    if len(parts) <= _SIDE_BY_SIDE or word == ", ":
        return word.join(parts)
    size = -(-len(parts) // _SIDE_BY_SIDE)
    return word.join(f"({_balanced(word, parts[at : at + size])})" for at in range(0, len(parts), size))


#: So many conditions stand side by side.
_SIDE_BY_SIDE = 50


def negated(found: Condition) -> Condition:
    """The rows for which a condition is not true; what it cannot say of a missing value is not true."""
    return Condition(f"NOT COALESCE({found.sql}, 0)", found.values)


def cell_of(value: object) -> Cell:
    """`value` as the tables hold it: itself, or described with its digest."""
    return to_cell(value) if is_scalar(value) else to_cell(value, digest(value, describe=describe))


# -- equality


def is_axis(value: object) -> bool:
    """Whether a value means any of several: what is an axis where it is swept."""
    return isinstance(value, Axis) or is_sequence(value) or is_query(value)


def axis_values(value: object, lookup: str) -> list[object]:
    """The values of an axis, or of what was given to ``in``."""
    if isinstance(value, Axis):
        return list(value.values)
    if is_query(value):
        return list(values_of(value))
    if is_sequence(value):
        pairs = zip(cast("Iterable[object]", value), values_of(value), strict=True)
        return [raw if isinstance(raw, np.datetime64) else found for raw, found in pairs]
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Iterable, Set)):
        raise SweepableError(f"{lookup} needs a list of values, got {type(value).__name__}")
    return list(value)


def one_value(value: object) -> object:
    """What a value marked by `fixed` stands for; any other is itself."""
    return value.value if isinstance(value, Fixed) else value


def wanted(lookup: str, value: object) -> list[object]:
    """The values that a look-up of equality compares with: one, or any of several."""
    many = lookup == "in" or (lookup == "" and is_axis(value))
    return [one_value(part) for part in axis_values(value, "in")] if many else [one_value(value)]


def equal(column: str, value: object) -> Condition:
    """The cells that hold this value."""
    return among(column, [value])


def among(column: str, values: Iterable[object]) -> Condition:
    """The cells that hold any of these values."""
    cells = list(dict.fromkeys((type(cell), cell) for value in values for cell in _cells(one_value(value))))
    known = tuple(cell for _, cell in cells if cell is not None)
    parts = [Condition(f"{column} IN ({', '.join('?' * len(known))})", known)] if known else []
    if len(known) < len(cells):
        parts.append(Condition(f"{column} IS NULL"))
    return joined(" OR ", parts) if parts else FALSE


def _cells(value: object) -> Sequence[Cell | Slot]:
    """The cells that are equal to a value: from 2**63 on, an int and the float of its value are two cells."""
    if isinstance(value, Given):
        return value.slots()
    if isinstance(value, Near):
        raise SweepableError(f"{value} is no value of a list; near takes the list itself: near([0.1, 0.2])")
    found = cell_of(value)
    if isinstance(value, np.datetime64) and isinstance(day := scalar(value), dt.date):
        return [found, to_cell(day)]  # a sweep takes a day as a date, a call as the moment that it is for NumPy
    if isinstance(found, float) and found.is_integer() and not -_LARGE <= found < _LARGE:
        return [found, to_cell(int(found))]
    if isinstance(found, bytes) and found.startswith(b"int:") and isinstance(value, int):
        try:
            return [found, float(value)] if int(float(value)) == value else [found]
        except OverflowError:
            return [found]
    return [found]


# -- order


def compare(operator: str) -> Callable[[str, object], Condition]:
    """A comparison by ``<``, ``<=``, ``>`` or ``>=``: numbers with numbers, text with text, dates with dates."""

    def found(column: str, value: object) -> Condition:
        if isinstance(value, Given):
            # Of an integral float the other cell is the int of its value, which is on the same side.
            write = _numbers if value.kind[0] == "number" else _texts
            return write(column, operator, 0.0)._replace(values=(Slot(value.place, 0),))
        cell = cell_of(one_value(value))
        if isinstance(cell, (int, float)):
            return _numbers(column, operator, cell)
        if isinstance(cell, str):
            return _texts(column, operator, cell)
        if isinstance(cell, bytes) and cell.startswith(b"int:") and isinstance(value, int):
            return _large_numbers(column, operator, int(value))
        return _others(column, operator, cell, value)

    return found


# SQLite sorts numbers before texts and those before BLOBs: a bound beside the value's own keeps to one of them, and an
# index answers both.


# Ints that SQLite cannot hold are beyond all that it can: int:9223372036854775808 and int:-9223372036854775809.
_NEGATIVE = "({0} >= x'696e743a2d' AND {0} < x'696e743a2e')"
_POSITIVE = "({0} >= x'696e743a30' AND {0} < x'696e743a3a')"


def _texts(column: str, operator: str, cell: Cell) -> Condition:
    bound = f"{column} >= ''" if operator[0] == "<" else f"{column} < x''"
    return Condition(f"({column} {operator} ? AND {bound})", (cell,))


def _numbers(column: str, operator: str, cell: float) -> Condition:
    is_below = operator[0] == "<"
    sql = f"{column} {operator} ?" if is_below else f"({column} {operator} ? AND {column} < '')"
    negative, positive = _NEGATIVE.format(column), _POSITIVE.format(column)
    if abs(cell) == math.inf:
        large = f" OR {negative} OR {positive}" if (cell > 0) == is_below else ""
        return Condition(f"({sql}{large})", (cell,))
    if not -_LARGE <= cell < _LARGE:  # a float that large is an int
        return _large_numbers(column, operator, int(cell))
    return Condition(f"({sql} OR {negative if is_below else positive})", (cell,))


def _large_numbers(column: str, operator: str, number: int) -> Condition:
    """What is less or more than an int that SQLite cannot hold: such ints stand as their digits."""
    try:
        nearest = float(number)
    except OverflowError:
        nearest = math.inf if number > 0 else -math.inf
    is_below, others = operator[0] == "<", operator
    if nearest != number:  # no float is equal to it
        others = operator[0] + ("=" if (nearest < number) == is_below else "")
    numbers = f"({column} {others} ?)" if is_below else f"({column} {others} ? AND {column} < '')"
    sign, away_is, alike = ("-", "<", _NEGATIVE) if number < 0 else ("", ">", _POSITIVE)
    # Of one sign: further from zero is what has more digits, or as many and greater ones.
    digits, given = f"substr({column}, {5 + len(sign)})", str(abs(number)).encode()
    found = f"(length({digits}) > ? OR (length({digits}) = ? AND {digits} > ?))"
    if operator[0] != away_is:
        found = f"NOT ({found} OR {digits} = ?)"
    if operator.endswith("="):
        found = f"({found} OR {digits} = ?)"
    further = (given,) * (found.count("?") - 2)
    other = _POSITIVE if number < 0 else _NEGATIVE
    opposite = f" OR {other.format(column)}" if (number > 0) == is_below else ""
    sql = f"({numbers} OR ({alike.format(column)} AND {found}){opposite})"
    return Condition(sql, (nearest, len(given), len(given), *further))


def _others(column: str, operator: str, cell: Cell, value: object) -> Condition:
    """Of what stands in BLOBs, bools and dates have an order."""
    if cell in (b"True", b"False"):
        return Condition(f"({column} IN ({_BOOLS}) AND {column} {operator} ?)", (cell,))
    for kind in _ORDERED:
        if isinstance(cell, bytes) and cell.startswith(kind.encode()):
            is_kind = f"substr({column}, 1, {len(kind)}) = x'{kind.encode().hex()}'"
            # A moment in a time zone (they stand in UTC) and one in none have no order between them.
            same = f"(substr({column}, -6) = {_UTC}) = {int(cell.endswith(b'+00:00'))}"
            return Condition(f"({is_kind} AND {same} AND {column} {operator} ?)", (cell,))
    what = f"a {type(value).__name__}" if is_scalar(value) and not _is_large(cell) else f"{value!r}"
    raise SweepableError(f"{what:.60} has no order to look up by; use exact, ne or in")


def _is_large(cell: Cell) -> bool:
    return isinstance(cell, bytes) and cell.startswith((b"int:", b"nan"))


def between(column: str, value: object) -> Condition:
    """From the lowest to the highest, both included."""
    try:
        low, high = cast("Iterable[object]", value)
    except (TypeError, ValueError):
        raise SweepableError(f"range needs a pair (lowest, highest), got {value!r}") from None
    return joined(" AND ", [compare(">=")(column, low), compare("<=")(column, high)])


# -- the rest


def is_null(column: str, value: object) -> Condition:
    """None, NaN or NaT; with False, anything else."""
    if not isinstance(value, bool):
        raise SweepableError(f"isnull needs True or False, got {value!r}")
    sql = f"({column} IS NULL OR {column} IN ({NAN}, {_NAT}))"
    return Condition(sql if value else f"NOT {sql}")


def _can_be_stored(value: str) -> bool:
    """Whether SQLite takes a text: lone surrogates stand in cells of another form."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(sql: str) -> Callable[[str, object], Condition]:
    """A comparison of texts; ``{column}`` and ``?`` stand for the two."""

    def found(column: str, value: object) -> Condition:
        if not isinstance(value, str):
            raise SweepableError(f"text look-ups need a str, got {type(value).__name__}")
        if not _can_be_stored(value):
            return FALSE
        return Condition(f"(typeof({column}) = 'text' AND {sql.format(column=column)})", (str(value),) * sql.count("?"))

    return found


# -- near


class Near:
    """Numbers within a tolerance of one of some values; made by `near`."""

    __slots__ = ("atol", "rtol", "values")

    def __init__(self, values: tuple[float, ...], rtol: float, atol: float) -> None:
        self.values = values
        self.rtol = rtol
        self.atol = atol

    def __repr__(self) -> str:
        shown = self.values[0] if len(self.values) == 1 else list(self.values)
        return f"near({shown}, rtol={self.rtol}, atol={self.atol})"


def near(values: object, *, rtol: float = 1e-9, atol: float = 0.0) -> Near:
    """Numbers that are as good as these, for look-ups: ``gain=near(0.3)``, ``gain__near=0.3``.

    Parameters
    ----------
    values : float or list of float
        What to be near to; of several, any.
    rtol, atol : float
        A number ``x`` is near to a value ``v`` if ``|x - v| <= atol + rtol * |v|``, as in `numpy.isclose`. By default
        there is no absolute tolerance: 1e-12 is not near to 2e-12, and only 0 is near to 0.

    Returns
    -------
    Near
        To stand as the value of a look-up.

    Examples
    --------
    >>> import sweepable
    >>> @sweepable.cache
    ... def echo(x=0.0):
    ...     return x
    >>> echo(0.1 + 0.2)
    0.30000000000000004
    >>> echo.filter(x=0.3).count(), echo.filter(x__near=0.3).count()
    (0, 1)
    >>> echo.filter(x=sweepable.near(0.31, atol=0.05)).count()
    1
    """
    several = values if isinstance(values, Axis) or is_sequence(values) else None
    given = axis_values(values, "near") if several is not None or isinstance(values, (tuple, set)) else [values]
    numbers = [_number(one_value(value)) for value in given]
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not (isinstance(tolerance, (int, float)) and 0 <= tolerance < math.inf):
            raise SweepableError(f"near: {name} is a number from 0 on, got {tolerance!r}")
    return Near(tuple(numbers), float(rtol), float(atol))


def _number(value: object) -> float:
    cell = None if isinstance(value, bool) else cell_of(value)
    if isinstance(cell, (int, float)) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            return float(value)  # type: ignore[arg-type]
        except OverflowError:
            pass
    raise SweepableError(f"near takes numbers, got {value!r:.60}; for what has no tolerance use exact or in")


def _near(column: str, value: object) -> Condition:
    wanted = value if isinstance(value, Near) else near(value)
    bounds = [(number, wanted.atol + wanted.rtol * abs(number)) for number in wanted.values]
    parts = [Condition(f"{column} BETWEEN ? AND ?", (number - by, number + by)) for number, by in bounds]
    # What is equal is near, infinities and ints that SQLite cannot hold too.
    return joined(" OR ", [*parts, among(column, wanted.values)]) if parts else FALSE


def _matches(column: str, value: object) -> Condition:
    """Texts in which a regular expression is found, as by `re.search`."""
    import re

    pattern = value.pattern if isinstance(value, re.Pattern) else value
    if not isinstance(pattern, str):
        raise SweepableError(f"regex needs a pattern, got {type(value).__name__}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise SweepableError(f"regex: {pattern!r} is no regular expression: {error}") from None
    if not _can_be_stored(pattern):
        return FALSE
    flags = value.flags & ~re.UNICODE if isinstance(value, re.Pattern) else 0
    sql = f"(typeof({column}) = 'text' AND sweepable_search(?, ?, {column}))"
    return Condition(sql, (pattern, int(flags)))


Compare = Callable[[str, object], Condition]
#: Look-ups of one value, beside equality.
COMPARISONS: dict[str, Compare] = {
    "lt": compare("<"),
    "lte": compare("<="),
    "gt": compare(">"),
    "gte": compare(">="),
    "range": between,
    "isnull": is_null,
    "contains": text("instr({column}, ?) > 0"),
    "startswith": text("substr({column}, 1, length(?)) = ?"),
    "endswith": text("substr({column}, length({column}) - length(?) + 1) = ?"),
    "regex": _matches,
    "near": _near,
}
#: Look-ups whose SQL is the same for all values of a kind.
_OF_ONE_KIND = ("", "exact", "ne", "lt", "lte", "gt", "gte")
LOOKUPS = ("exact", "ne", *list(COMPARISONS)[:4], "in", *list(COMPARISONS)[4:])


def _same_calls(column: str, query: object) -> Condition:
    """The cells that stand for the same calls, given as a query: told by their digest, whatever it was then called."""
    cell = cell_of(query)
    assert isinstance(cell, bytes)
    end = cell[cell.rindex(b"#") :]
    return Condition(f"substr({column}, -{len(end)}) = ?", (end,))


def compared(column: str, lookup: str, value: object) -> Condition:
    """The cells of which a look-up is true; without one, those that are equal to a value or to any of several."""
    if isinstance(value, Given) and lookup not in _OF_ONE_KIND:
        value = value.value
    if is_query(one_value(value)) and lookup in ("", "exact", "ne"):
        found = _same_calls(column, one_value(value))
        return negated(found) if lookup == "ne" else found
    if isinstance(value, Near) and lookup in ("", "exact", "ne"):
        found = _near(column, value)
        return negated(found) if lookup == "ne" else found
    if lookup in COMPARISONS:
        return COMPARISONS[lookup](column, value)
    if lookup == "in" or (lookup == "" and is_axis(value)):
        return among(column, axis_values(value, "in"))
    found = equal(column, value)
    return negated(found) if lookup == "ne" else found
