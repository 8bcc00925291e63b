"""Look-ups of fields of config objects: None is a value there, and a config object may be without the field."""

from __future__ import annotations

from sweepable.comparisons import Condition, compared, wanted
from sweepable.store.cells import NONE

_NONE = f"x'{NONE.hex()}'"


def field_value(column: str) -> str:
    """The SQL of a field's value, NULL for None and for none."""
    return f"NULLIF({column}, {_NONE})"


def field_compared(column: str | None, alias: str, lookup: str, value: object) -> Condition:
    """The rows of which a look-up of a field is true; None finds those that have the field, and it is None.

    Parameters
    ----------
    column : str or None
        The field's column; None where no stored call has one.
    alias : str
        Its table.
    lookup, value
        As in `compared`.
    """
    column = "NULL" if column is None else f"{alias}.{column}"
    if lookup == "isnull" or lookup not in ("", "exact", "in", "ne"):
        return compared(field_value(column) if lookup == "isnull" else column, lookup, value)
    if any(part is None for part in wanted(lookup, value)):
        # Where the field is not there, this is no NULL.
        column = f"NULLIF(ifnull({column}, x'2d'), {_NONE})"
    return compared(column, lookup, value)
