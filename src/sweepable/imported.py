"""Classes of modules that may not be imported: while a module is not, no value is of a class of its own."""

from __future__ import annotations

import sys
from typing import Any


def imported(module: str, name: str) -> Any:
    """A class, for use with `isinstance`; the empty tuple, which fits nothing, where its module is not imported.

    Parameters
    ----------
    module, name : str
        Where the class is found: ``imported("decimal", "Decimal")``.
    """
    return getattr(sys.modules.get(module), name, ())
