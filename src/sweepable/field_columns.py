"""Which columns show a config object: those of its fields, and its own where these do not tell all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sweepable.names import SEPARATOR
from sweepable.store.cells import NONE, Cell


class Told:
    """Whether the objects in a column are told, in every row, by the columns of their fields.

    Parameters
    ----------
    fields : sequence of int
        The places of those columns.
    """

    def __init__(self, fields: Sequence[int]) -> None:
        self._fields = fields
        self._seen: dict[tuple[Cell, ...], Cell] = {}
        self._is_told = True

    def note(self, whole: Iterable[Cell], cells: Sequence[Sequence[Cell]]) -> None:
        """Look at further rows: rows of equal fields hold equal objects, and each object has fields."""
        if not self._is_told:
            return
        for cell, *row in zip(whole, *(cells[field] for field in self._fields), strict=True):
            # As they are shown: a field that is None and one that is not there look alike.
            shown = tuple(None if part == NONE else part for part in row)
            if cell is None and shown not in self._seen:
                continue
            known = self._seen.setdefault(shown, cell)
            # {"clf": "svm", "clf__C": 1.0}: a text has no fields, whatever names look like.
            is_object = cell is None or (type(cell) is bytes and b" #" in cell)
            if known != cell or not is_object or (cell is not None and all(part is None for part in shown)):
                self._is_told = False
                self._seen.clear()
                return

    def holds(self, *, has_rows: bool) -> bool:
        """Whether it is so of all rows that were looked at, and there is any object, or no row at all."""
        return self._is_told and (bool(self._seen) or not has_rows)


def told_by(label: str, labels: Sequence[str], fields: Sequence[int]) -> Told | None:
    """What is to be noted of the column called `label`; None where no other column is of a field of it."""
    own = [place for place in fields if labels[place].startswith(label + SEPARATOR)]
    return Told(own) if own else None
