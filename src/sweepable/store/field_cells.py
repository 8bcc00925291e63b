"""The cells of the fields of config objects: ``config__solver__dt`` has a column beside that of ``config``."""

from __future__ import annotations

from collections.abc import Sequence

from blake3 import blake3

from sweepable.configs import flattened
from sweepable.identity.code import describe
from sweepable.identity.values import Encoder
from sweepable.names import owner
from sweepable.store.cells import NONE, Cell, is_scalar, to_cell
from sweepable.store.function_tables import Column


def field_cells(parameter: str, value: object, parameters: Sequence[str]) -> dict[Column, Cell]:
    """The cells of a parameter's fields; none for what is no config object.

    Parameters
    ----------
    parameter : str
        Its name.
    value : object
        Its value.
    parameters : sequence of str
        The names of all parameters: a field whose name might be that of another parameter's has no column.
    """
    found: dict[Column, Cell] = {}
    encoder = None
    for name, part in flattened(parameter, value).items():
        if owner(name, parameters) == parameter:
            try:
                encoder = encoder or Encoder(describe)  # what is in several objects is read once
                found["field", name] = _cell(part, encoder)
            except Exception:  # of a value that cannot be told: no call fails for want of a column
                continue
    return found


def _cell(value: object, encoder: Encoder) -> Cell:
    if value is None:
        return NONE
    return to_cell(value) if is_scalar(value) else to_cell(value, blake3(encoder.encode(value)).hexdigest())
