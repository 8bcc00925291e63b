"""Owns the encoding of the standard library's values, and the list of what is never a value."""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
import sys
import types
import weakref
from enum import Enum, EnumMeta
from struct import Struct
from typing import Any

from sweepable.identity.instances import fields, subclass
from sweepable.identity.parts import (
    ATTRIBUTE,
    Handler,
    Walk,
    integer,
    named,
    text,
)

_date = Struct("<HBB").pack
_time = Struct("<BBBIB").pack
_span = Struct("<iiI").pack


# Dates and times.


def _encode_date(walk: Walk, value: dt.date) -> bytes:
    return named("date", _date(value.year, value.month, value.day))


def _clock(walk: Walk, value: dt.datetime | dt.time) -> bytes:
    fixed = _time(value.hour, value.minute, value.second, value.microsecond, value.fold)
    return fixed + walk.child(value.tzinfo, ATTRIBUTE, "tzinfo")


def _encode_datetime(walk: Walk, value: dt.datetime) -> bytes:
    return named("datetime", _date(value.year, value.month, value.day) + _clock(walk, value))


def _encode_time(walk: Walk, value: dt.time) -> bytes:
    return named("time", _clock(walk, value))


def _encode_timedelta(walk: Walk, value: dt.timedelta) -> bytes:
    return named("timedelta", _span(value.days, value.seconds, value.microseconds))


def _encode_timezone(walk: Walk, value: dt.timezone) -> bytes:
    return named("timezone", walk.piece(value.__getinitargs__()))  # type: ignore[attr-defined]


def _encode_zone(walk: Walk, value: Any) -> bytes:
    if value.key is None:
        raise walk.refusal(value, "it was read from a file and has no key")
    return named("ZoneInfo", text(value.key))


# Numbers and names.


def _encode_decimal(walk: Walk, value: Any) -> bytes:
    # Not str(), whose capitals depend on the context.
    sign, digits, exponent = value.as_tuple()
    if exponent == "n":
        return named("Decimal", b"nan")
    return named("Decimal", f"{sign}|{exponent}|{''.join(map(str, digits))}".encode())


def _encode_fraction(walk: Walk, value: Any) -> bytes:
    return named("Fraction", integer(value.numerator) + integer(value.denominator))


def _encode_uuid(walk: Walk, value: Any) -> bytes:
    return named("UUID", value.bytes + text(value.is_safe.name))


def _encode_struct(walk: Walk, value: Any) -> bytes:
    return named("Struct", text(value.format))


def _encode_pattern(walk: Walk, value: re.Pattern[Any]) -> bytes:
    return named("Pattern", walk.piece(value.pattern) + integer(value.flags))


# Enum members, and what is described by its code.


def is_reserved(name: str) -> bool:
    """Whether a member's attribute is `enum`'s own: ``_value_``, ``__objclass__``."""
    return name.startswith("_") and name.endswith("_")


def _encode_enum(walk: Walk, value: Enum) -> bytes:
    """Encode a member by class, name and value, with whatever else was set on it."""
    others = [(name, part) for name, part in vars(value).items() if not is_reserved(name)]
    parts = walk.piece(value._name_) + walk.child(value._value_, ATTRIBUTE, "value") + fields(walk, others)
    return named("Enum", walk.described(type(value)) + parts)


#: Functions and methods of what Cython and nanobind have compiled, by the names of their types.
COMPILED = ("cython_function_or_method", "fused_cython_function", "nb_method", "nb_func", "nb_bound_method")
DESCRIBED: tuple[type, ...] = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.ModuleType,
    functools.partial,
    functools.partialmethod,
    functools.singledispatchmethod,
    functools.cached_property,
    type(functools.lru_cache(len)),
    staticmethod,
    classmethod,
    property,
)


def _encode_bound(walk: Walk, value: Any) -> bytes:
    """Encode a method or builtin function; a builtin that is bound to an instance counts with it."""
    name = text(value.__name__)
    for home in ("numpy.random", "random"):  # their functions are methods of an instance that nobody sees
        if getattr(sys.modules.get(home), value.__name__, None) is value:
            return named("builtin", name + text(home))
    if isinstance(value, types.MethodType) or not holds_state(value):
        return walk.described(value)
    return named("bound builtin", name + walk.child(value.__self__, ATTRIBUTE, "__self__"))


def holds_state(builtin: Any) -> bool:
    """Whether a builtin function is bound to an instance, and not to a module or class."""
    return not isinstance(builtin.__self__, types.ModuleType | type | None)


def described_or_enum(kind: type) -> Handler | None:
    """The handler of functions, classes, modules and Enum members; None for any other type."""
    if issubclass(kind, types.BuiltinFunctionType | types.MethodWrapperType | types.MethodType):
        return _encode_bound
    if issubclass(kind, DESCRIBED) or kind.__name__ in COMPILED:
        return lambda walk, value: walk.described(value)
    return _encode_enum if isinstance(kind, EnumMeta) else None


# What is found by name, so that its module need not be imported here.

_BY_NAME: dict[tuple[str, str], Handler] = {
    ("decimal", "Decimal"): _encode_decimal,
    ("fractions", "Fraction"): _encode_fraction,
    ("uuid", "UUID"): _encode_uuid,
    ("zoneinfo", "ZoneInfo"): _encode_zone,
    ("typing", "NewType"): lambda walk, value: walk.described(value),  # by what it is, not where
    ("_struct", "Struct"): _encode_struct,
}


def by_name(kind: type) -> Handler | None:
    """The handler of a standard library's type, or of a class that extends one."""
    for base in kind.__mro__:
        handler = _BY_NAME.get((base.__module__, base.__qualname__))
        if handler is not None and getattr(sys.modules.get(base.__module__), base.__qualname__, None) is base:
            return handler if base is kind else subclass(kind, base, handler)
    return None


_ALIVE = "it is a running thing, not data"
_STREAM = "an open stream has a position and may change; pass its path or its content"
_ONCE = "an iterator can be read only once; pass a list"
_LINK = "its content lies elsewhere and may change; pass the content"
_LAZY = "it is a plan whose content is not here yet; pass what it computes"
_DRAWING = "it is a drawing, which changes while it is shown and saved; pass the data that are drawn"

_REFUSED_TYPES: dict[type, str] = {
    io.IOBase: _STREAM,
    getattr(io, "_io")._IOBase: _STREAM,  # noqa: B009 - the streams themselves extend this one
    types.GeneratorType: _ONCE,
    types.AsyncGeneratorType: _ONCE,
    types.CoroutineType: "a coroutine can be awaited only once; pass what it returns",
    types.CodeType: "bare code has no surroundings; pass the function",
    types.FrameType: _ALIVE,
    types.TracebackType: _ALIVE,
    weakref.ReferenceType: "a weak reference may lose its object; pass the object",
    weakref.ProxyType: "a weak reference may lose its object; pass the object",
    weakref.CallableProxyType: "a weak reference may lose its object; pass the object",
    weakref.WeakSet: "its members may vanish; pass a set",
    weakref.WeakKeyDictionary: "its members may vanish; pass a dict",
    weakref.WeakValueDictionary: "its members may vanish; pass a dict",
}

#: By top-level package and name: these pickle as a mere link to what they stand for, or only fail deep inside.
_REFUSED_NAMES: dict[tuple[str, str], str] = {
    ("logging", "Logger"): _ALIVE,
    ("logging", "LoggerAdapter"): _ALIVE,
    ("logging", "Handler"): _ALIVE,
    ("threading", "Thread"): _ALIVE,
    ("threading", "Condition"): _ALIVE,
    ("threading", "Event"): _ALIVE,
    ("_thread", "lock"): "a lock is no data",
    ("_thread", "RLock"): "a lock is no data",
    ("_thread", "_local"): "it differs from thread to thread",
    ("multiprocessing", "BaseProcess"): _ALIVE,
    ("multiprocessing", "SemLock"): "a lock is no data",
    ("multiprocessing", "BaseProxy"): _LINK,
    ("multiprocessing", "SharedMemory"): _LINK,
    ("subprocess", "Popen"): _ALIVE,
    ("concurrent", "Executor"): _ALIVE,
    ("concurrent", "Future"): _ALIVE,
    ("asyncio", "Future"): _ALIVE,
    ("_asyncio", "Future"): _ALIVE,
    ("queue", "Queue"): "it is emptied by reading; pass a list",
    ("_queue", "SimpleQueue"): "it is emptied by reading; pass a list",
    ("socket", "socket"): _STREAM,
    ("_socket", "socket"): _STREAM,
    ("sqlite3", "Connection"): "a database connection is no data; pass its path or what a query gives",
    ("sqlite3", "Cursor"): "a database connection is no data; pass its path or what a query gives",
    ("mmap", "mmap"): "a mapped file may change; pass its path or its content",
    ("_ctypes", "_Pointer"): "a pointer is an address; pass what it points to",
    ("_ctypes", "CFuncPtr"): "a pointer is an address; pass what it points to",
    ("_contextvars", "ContextVar"): "its value depends on the context; pass the value",
    ("contextvars", "ContextVar"): "its value depends on the context; pass the value",
    ("contextlib", "_GeneratorContextManager"): "it can be entered only once",
    ("dask", "DaskMethodsMixin"): _LAZY,
    ("polars", "LazyFrame"): _LAZY,
    ("matplotlib", "Artist"): _DRAWING,
    ("matplotlib", "FigureCanvasBase"): _DRAWING,
    ("mpl_toolkits", "Artist"): _DRAWING,
    ("pyarrow", "Dataset"): _LINK,
    ("zarr", "Array"): _LINK,
    ("zarr", "Group"): _LINK,
}


def refused(kind: type) -> Handler | None:
    """The handler that refuses what is never a value, with its reason; None for all else."""
    for base in kind.__mro__:
        name = str(base.__module__).partition(".")[0], base.__name__
        reason = _REFUSED_TYPES.get(base) or _REFUSED_NAMES.get(name)
        if reason is not None:
            return _refusing(reason)
    steps = {"__next__", "__anext__"}
    return _refusing(_ONCE) if any(not steps.isdisjoint(vars(base)) for base in kind.__mro__) else None


def _refusing(reason: str) -> Handler:
    def refuse(walk: Walk, value: object) -> bytes:
        raise walk.refusal(value, reason)

    return refuse


HANDLERS: dict[type, Handler] = {
    dt.date: _encode_date,
    dt.datetime: _encode_datetime,
    dt.time: _encode_time,
    dt.timedelta: _encode_timedelta,
    dt.timezone: _encode_timezone,
    re.Pattern: _encode_pattern,
}
