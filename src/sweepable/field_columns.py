"""Which columns show a config object: those of its fields, and its own where these do not tell all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sweepable.names import SEPARATOR, Kind
from sweepable.store.cells import Cell


class Column(NamedTuple):
    """One column: a parameter, a field of one, or an output; a cell per call."""

    kind: Kind
    cells: list[Cell]


def without_described(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The columns without those of objects that are told, in every row, by the columns of their fields."""
    shown = dict(columns)
    fields = [name for name, column in columns.items() if column.kind == "field"]
    for name in sorted(columns, key=len, reverse=True) if fields else ():
        parts = [shown[field].cells for field in fields if field.startswith(name + SEPARATOR) and field in shown]
        if parts and columns[name].kind != "output" and _is_told(columns[name].cells, parts):
            del shown[name]
    return shown


def _is_told(whole: list[Cell], parts: list[list[Cell]]) -> bool:
    """Whether rows of equal fields hold equal objects, and each object has fields."""
    seen: dict[tuple[Cell, ...], Cell] = {}
    for cell, row in zip(whole, zip(*parts, strict=True), strict=True):
        if cell is not None and (not any(part is not None for part in row) or seen.setdefault(row, cell) != cell):
            return False
    return bool(seen) or not whole
