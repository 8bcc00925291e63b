"""The cells of function tables: values as SQLite compares them, for look-ups by value.

Numbers, text and None are themselves. All else is a BLOB of readable text, so that True is not 1 and NaN not NULL:
``True``, ``nan``, ``datetime:2026-11-20T12:00:00``, ``enum:Solver.RK45``. What has no short form is described, with a
digest: such cells are equal when their digests are.
"""

from __future__ import annotations

import ast
import datetime as dt
import enum
import math
import re
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from blake3 import blake3

from sweepable.imported import imported
from sweepable.store.codecs import Summary
from sweepable.store.results import describe

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction
    from pathlib import PurePath

Cell = int | float | str | bytes | None

#: None in a column of fields, where NULL is what a config object without the field has.
NONE = b"None"
#: Longer text is described, with its digest.
LONGEST = 65_536
_DIGITS = 32
_PYTHON = (bool, int, float, complex, str, bytes, enum.Enum, dt.date, dt.timedelta, dt.time)
_NUMPY = (np.bool_, np.number, np.str_, np.bytes_, np.datetime64)
_SCALARS = (*_PYTHON, *_NUMPY)


#: Types of which it is known at once that they are no scalars.
_CONTAINERS = frozenset({tuple, list, dict, set, frozenset, np.ndarray})


def is_scalar(value: object) -> bool:
    """Whether an output has a column of its own; None counts, being what a scalar that is not there is."""
    if type(value) in _CONTAINERS:
        return False
    if value is None or isinstance(value, _SCALARS):
        return True
    return any(isinstance(value, imported(*where)) for where, _ in _BY_NAME)


def is_cell(value: object) -> TypeGuard[int | float | str | None]:
    """Whether a value stands in a cell as it is."""
    kind = type(value)
    if kind is float:
        return value == value
    if kind is int:
        return -(2**63) <= value < 2**63  # type: ignore[operator]
    return value is None or (kind is str and len(value) <= LONGEST and value.isascii())  # type: ignore[arg-type,attr-defined]


def to_cell(value: object, digest: str = "") -> Cell:
    """The cell for a value.

    Parameters
    ----------
    value : object
        Any value; numbers are equal by value, whatever their type.
    digest : str, default ""
        The digest of its content, for values without a short form.
    """
    if is_cell(value):
        return value
    if type(value) not in _CONTAINERS:
        for types, convert in _CONVERSIONS:
            if isinstance(value, types):
                return convert(value, digest)
        for where, convert in _BY_NAME:
            if isinstance(value, imported(*where)):
                return convert(value, digest)
    return _described(describe(value), digest)


def _described(text: str, digest: str) -> bytes:
    return f"{text} #{digest[:_DIGITS] or '?'}".encode("utf-8", "backslashreplace")


def _text(value: str, digest: str) -> Cell:
    if len(value) > LONGEST:
        return _described(f"str of {len(value)}", blake3(value.encode("utf-8", "surrogatepass")).hexdigest())
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates, which SQLite cannot hold
        return b"str:" + ascii(value).encode()
    return str(value)


def _bytes(value: bytes, digest: str) -> Cell:
    if len(value) > LONGEST:
        return _described(f"bytes of {len(value)}", blake3(value).hexdigest())
    return b"bytes:" + repr(bytes(value)).encode()


def _integer(value: Any, digest: str) -> Cell:
    number = int(value)
    if -(2**63) <= number < 2**63:
        return number
    return f"int:{number:#x}".encode() if number.bit_length() > 10_000 else f"int:{number}".encode()


def _real(value: Any, digest: str) -> Cell:
    number = float(value)
    if math.isnan(number):
        return b"nan"
    if isinstance(value, np.longdouble) and type(value)(number) != value:
        return f"longdouble:{np.format_float_positional(value)}".encode()
    return number


def _complex(value: Any, digest: str) -> Cell:
    return f"complex:{complex(value)!r}".encode()


def _date(value: dt.date, digest: str) -> Cell:
    return f"date:{value.isoformat()}".encode()


def _datetime(value: dt.datetime, digest: str) -> Cell:
    if value != value:
        return b"NaT"
    # Moments are equal in every zone; written in one, their text is in their order as well.
    if value.tzinfo is not None and value.utcoffset() is not None:
        try:
            value = value.astimezone(dt.UTC)
        except (OverflowError, ValueError):  # at the ends of the calendar
            pass
    return f"datetime:{value.isoformat()}".encode()


def _datetime64(value: np.datetime64, digest: str) -> Cell:
    if np.isnat(value):
        return b"NaT"
    exact = value.astype("M8[us]")
    if exact == value and abs(exact.astype(int)) < 2**55:
        found = exact.item()
        if isinstance(found, dt.datetime):
            return _datetime(found, digest)
    return f"datetime:{value}".encode()


def _timedelta(value: dt.timedelta, digest: str) -> Cell:
    if value != value:
        return b"NaT"
    nanoseconds = getattr(value, "nanoseconds", 0)  # of a pandas Timedelta
    whole = (value.days * 86_400 + value.seconds) * 10**9 + value.microseconds * 1000 + nanoseconds
    return _seconds(whole)


def _timedelta64(value: np.timedelta64, digest: str) -> Cell:
    if np.isnat(value):
        return b"NaT"
    unit, count = np.datetime_data(value.dtype)
    if unit not in _NANOSECONDS:  # months have no length, and what is finer than all others no equal
        return f"timedelta:{value!s}".encode()
    return _seconds(int(value.astype(int)) * count * _NANOSECONDS[unit])


_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "D": 86_400 * 10**9,
    "W": 7 * 86_400 * 10**9,
}


def _seconds(nanoseconds: int) -> bytes:
    sign = "-" if nanoseconds < 0 else ""
    whole, rest = divmod(abs(nanoseconds), 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"timedelta:{sign}{whole}{fraction}s".encode()


def _decimal(value: Decimal, digest: str) -> Cell:
    from decimal import Decimal

    if not value.is_finite():
        return f"decimal:{value}".encode()
    sign, digits, exponent = value.as_tuple()
    power = int(exponent)
    while len(digits) > 1 and digits[-1] == 0:
        digits, power = digits[:-1], power + 1
    if digits == (0,):
        sign, power = 0, 0
    return f"decimal:{Decimal((sign, digits, power))}".encode()


def _enum(value: enum.Enum, digest: str) -> Cell:
    name = value.name if isinstance(value.name, str) else repr(value.value)
    return f"enum:{type(value).__name__}.{name}".encode("utf-8", "backslashreplace")


def _path(value: PurePath, digest: str) -> Cell:
    return b"path:" + str(value).encode("utf-8", "backslashreplace")


# In this order: a datetime is a date, a float64 a float, an IntEnum an int.
_CONVERSIONS: tuple[tuple[Any, Callable[[Any, str], Cell]], ...] = (
    (enum.Enum, _enum),
    ((bool, np.bool_), lambda value, digest: b"True" if value else b"False"),
    (np.timedelta64, _timedelta64),
    ((int, np.integer), _integer),
    ((float, np.floating), _real),
    (str, _text),
    ((complex, np.complexfloating), _complex),
    (bytes, _bytes),
    (dt.datetime, _datetime),
    (dt.date, _date),
    (dt.timedelta, _timedelta),
    (np.datetime64, _datetime64),
    (dt.time, lambda value, digest: f"time:{value.isoformat()}".encode()),
    (Summary, lambda value, digest: _described(value.text, value.digest or digest)),
)
#: By module and name: their modules cost more to import than all of this package's reading and writing.
_BY_NAME: tuple[tuple[tuple[str, str], Callable[[Any, str], Cell]], ...] = (
    (("decimal", "Decimal"), _decimal),
    (("fractions", "Fraction"), lambda value, digest: f"fraction:{value}".encode()),
    (("pathlib", "PurePath"), _path),
    (("uuid", "UUID"), lambda value, digest: f"uuid:{value}".encode()),
)


# -- order

#: Kinds of cells that stand for numbers which SQLite does not know.
_NUMBERS = ("int", "decimal", "fraction", "longdouble", "timedelta")


def rank(cell: object) -> object:
    """By what a BLOB is ordered: numbers by the nearest float, None for NaN and NaT, all else by its text."""
    if not isinstance(cell, bytes):
        return cell
    if cell in (b"nan", b"NaT"):
        return None
    kind, _, text = cell.decode("utf-8", "replace").partition(":")
    if kind not in _NUMBERS:
        return cell
    try:
        number = _number(kind, text)
        return None if number is None else _nearest(number)
    except (ValueError, ArithmeticError):
        return cell


def rest(cell: object) -> bytes:
    """By what cells of one rank are ordered: what is left of their numbers beyond the nearest float."""
    if not isinstance(cell, bytes):
        return NO_REST
    kind, _, text = cell.decode("utf-8", "replace").partition(":")
    try:
        number = _number(kind, text) if kind in _NUMBERS else None
    except (ValueError, ArithmeticError):
        number = None
    if number is None or isinstance(number, float):
        return NO_REST
    # In units so small that of two numbers with one nearest float no digit is lost that anybody has written.
    return _sortable(int((number - type(number)(_nearest(number))) * 2**200))


#: Of numbers that are floats themselves, and of all that is no number.
NO_REST = b"\x80"


def _sortable(number: int) -> bytes:
    """Bytes that compare as ints do."""
    size = (abs(number).bit_length() + 7) // 8
    if number < 0:
        return b"\x7f" + (2**32 - 1 - size).to_bytes(4, "big") + ((1 << 8 * size) - 1 + number).to_bytes(size, "big")
    return b"\x81" + size.to_bytes(4, "big") + number.to_bytes(size, "big") if number else NO_REST


#: With its sign; beyond it a number written out would fill the memory.
_DIGITS_OF_EXPONENT = 5


def _number(kind: str, text: str) -> Fraction | float | None:
    """The number of a cell; None for NaN."""
    from fractions import Fraction

    if kind == "int":
        return Fraction(int(text, 0))
    text = text.removesuffix("s")
    exponent = text.upper().partition("E")[2]
    try:
        if len(exponent) <= _DIGITS_OF_EXPONENT:
            return Fraction(text)
    except ValueError:  # infinite, or none
        pass
    found = float(text)
    return None if found != found else found


def _nearest(number: Fraction | float) -> float:
    try:
        return float(number)
    except OverflowError:  # it is less than infinite
        return sys.float_info.max if number > 0 else -sys.float_info.max


# -- back again


def from_cell(cell: Cell) -> object:
    """The value of a cell, in its plain Python form; a `Summary` where there is only a description."""
    if not isinstance(cell, bytes):
        return cell
    if cell in _WORDS:
        return _WORDS[cell]
    kind, _, text = cell.decode("utf-8", "replace").partition(":")
    if kind in _PARSERS:
        try:
            return _PARSERS[kind](text)
        except (ValueError, SyntaxError, ArithmeticError):
            pass
    words, _, digest = cell.decode("utf-8", "replace").rpartition(" #")
    return Summary(words, digest.strip("?")) if words else Summary(digest, "")


def _parse_datetime(text: str) -> object:
    nanoseconds = re.search(r"\.\d{7,}", text)  # which a datetime would cut off
    try:
        return np.datetime64(text) if nanoseconds else dt.datetime.fromisoformat(text)
    except ValueError:
        return np.datetime64(text)


def _parse_timedelta(text: str) -> object:
    if not text.endswith("s") or " " in text:
        raise ValueError(text)
    from fractions import Fraction

    nanoseconds = Fraction(text[:-1]) * 10**9
    if nanoseconds % 1000 == 0 and abs(nanoseconds) < 10**9 * 86_400 * 999_999_999:
        return dt.timedelta(microseconds=int(nanoseconds // 1000))
    return np.timedelta64(int(nanoseconds), "ns")


def _called(module: str, name: str) -> Callable[[str], object]:
    """A class that is made of its text, imported when there is one to make."""
    return lambda text: getattr(import_module(module), name)(text)


_WORDS: dict[bytes, object] = {
    NONE: None,
    b"True": True,
    b"False": False,
    b"nan": math.nan,
    b"NaT": np.datetime64("NaT", "ns"),
}
_PARSERS: dict[str, Callable[[str], object]] = {
    "int": lambda text: int(text, 0),
    "str": ast.literal_eval,
    "bytes": ast.literal_eval,
    "complex": complex,
    "datetime": _parse_datetime,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": _parse_timedelta,
    "decimal": _called("decimal", "Decimal"),
    "fraction": _called("fractions", "Fraction"),
    "path": _called("pathlib", "Path"),
    "uuid": _called("uuid", "UUID"),
}
