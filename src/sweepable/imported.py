"""Modules that may not be imported, or not be there: their classes, and those that only an extra brings."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from sweepable.errors import MissingExtra


def imported(module: str, name: str) -> Any:
    """A class, for use with `isinstance`; the empty tuple, which fits nothing, where its module is not imported.

    Parameters
    ----------
    module, name : str
        Where the class is found: ``imported("decimal", "Decimal")``.
    """
    return getattr(sys.modules.get(module), name, ())


def from_extra(module: str, asked: str, extra: str) -> Any:
    """A module of an optional library.

    Parameters
    ----------
    module, asked, extra : str
        What is imported, what needs it, and the extra of this package that brings it.

    Raises
    ------
    MissingExtra
        When the library is not installed.
    """
    library = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != library:
            raise
        raise MissingExtra(
            f"{asked} needs {library}, which is not installed: pip install 'sweepable[{extra}]'", name=library
        ) from error
