"""Comparisons of a column with a value, as SQL: by value, so 2 finds 2.0, True is not 1, and "1" is not 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import NamedTuple, cast

from sweepable.errors import SweepableError
from sweepable.identity.code import describe
from sweepable.identity.values import digest
from sweepable.spaces.reading import Axis, Fixed, is_query, is_sequence, values_of
from sweepable.store.cells import Cell, is_scalar, to_cell

NAN = "x'6e616e'"  # how a cell holds NaN
_BOOLS = "x'54727565', x'46616c7365'"
_UTC = f"x'{b'+00:00'.hex()}'"
_LARGE = 2**63
#: What stands in a cell before its text, where the text has the order of the values.
_ORDERED = ("datetime:", "date:", "time:")


class Condition(NamedTuple):
    """A piece of SQL with its values."""

    sql: str
    values: tuple[object, ...] = ()


FALSE = Condition("0")
TRUE = Condition("1")


def joined(word: str, conditions: Sequence[Condition]) -> Condition:
    """Conditions joined by `` AND `` or `` OR ``, or what rows are ordered by."""
    if len(conditions) == 1:
        return conditions[0]
    sql = word.join(found.sql for found in conditions)
    values = tuple(value for found in conditions for value in found.values)
    return Condition(sql if word == ", " else f"({sql})", values)


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
    if is_query(value) or is_sequence(value):
        return list(values_of(value))
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Iterable, Set)):
        raise SweepableError(f"{lookup} needs a list of values, got {type(value).__name__}")
    return list(value)


def one_value(value: object) -> object:
    """What a value marked by `fixed` stands for; any other is itself."""
    return value.value if isinstance(value, Fixed) else value


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


def _cells(value: object) -> list[Cell]:
    """The cells that are equal to a value: from 2**63 on, an int and the float of its value are two cells."""
    found = cell_of(value)
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
        cell = cell_of(one_value(value))
        if isinstance(cell, (int, float)):
            return _numbers(column, operator, cell)
        if isinstance(cell, str):
            return Condition(f"(typeof({column}) = 'text' AND {column} {operator} ?)", (cell,))
        return _others(column, operator, cell, value)

    return found


def _numbers(column: str, operator: str, cell: float) -> Condition:
    sql = f"(typeof({column}) IN ('integer', 'real') AND {column} {operator} ?)"
    # Ints that SQLite cannot hold are beyond all that it can: int:9223372036854775808 and int:-9223372036854775809.
    large, negative = f"substr({column}, 1, 4) = x'696e743a'", f"substr({column}, 5, 1) = x'2d'"
    if abs(cell) == math.inf:
        return Condition(f"({sql} OR ({large} AND {int((cell > 0) == (operator[0] == '<'))}))", (cell,))
    if not -_LARGE <= cell < _LARGE:
        return Condition(sql, (cell,))
    return Condition(f"({sql} OR ({large} AND {'' if operator[0] == '<' else 'NOT '}{negative}))", (cell,))


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
    """None or NaN; with False, anything else."""
    if not isinstance(value, bool):
        raise SweepableError(f"isnull needs True or False, got {value!r}")
    sql = f"({column} IS NULL OR {column} = {NAN})"
    return Condition(sql if value else f"NOT {sql}")


def text(sql: str) -> Callable[[str, object], Condition]:
    """A comparison of texts; ``{column}`` and ``?`` stand for the two."""

    def found(column: str, value: object) -> Condition:
        if not isinstance(value, str):
            raise SweepableError(f"text look-ups need a str, got {type(value).__name__}")
        return Condition(f"(typeof({column}) = 'text' AND {sql.format(column=column)})", (str(value),) * sql.count("?"))

    return found


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
}
LOOKUPS = ("exact", "ne", *list(COMPARISONS)[:4], "in", *list(COMPARISONS)[4:])


def compared(column: str, lookup: str, value: object) -> Condition:
    """The cells of which a look-up is true; without one, those that are equal to a value or to any of several."""
    if lookup in COMPARISONS:
        return COMPARISONS[lookup](column, value)
    if lookup == "in" or (lookup == "" and is_axis(value)):
        return among(column, axis_values(value, "in"))
    found = equal(column, value)
    return negated(found) if lookup == "ne" else found
