"""Owns the encoding of numpy's values: dtype, shape and the values of this view in C order, nothing of its memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from blake3 import blake3

from sweepable.identity.instances import attributes, fields, instance, subclass
from sweepable.identity.parts import (
    ATTRIBUTE,
    INDEX,
    PARALLEL,
    Handler,
    Walk,
    dtype_name,
    encode_scalar,
    named,
    octets,
    size,
    text,
)

Array = np.ndarray[Any, Any]
Dtype = np.dtype[Any]

#: Elements are looked at in pieces of about this many bytes: they stay in the processor's cache, and nothing large
#: is copied.
_CHUNK = 1 << 22
#: The same of what is read in place: the more at once, the better it is hashed by several cores.
_VIEWED = 1 << 25
#: How many bytes of a long double mean something; the others are padding, which holds anything.
_LONG_BYTES = 10 if np.finfo(np.longdouble).nmant == 63 else np.dtype(np.longdouble).itemsize
#: numpy's own dtypes have smaller numbers.
_OWN_DTYPES = 24
_LONG = np.dtype(np.longdouble)


# Dtypes.


def dtype_part(walk: Walk, dtype: Dtype) -> bytes:
    """Encode a dtype: byte order, names and titles count; offsets, padding and metadata do not."""
    if dtype.names is not None:
        parts = [_field(walk, name, dtype.fields[name]) for name in dtype.names]  # type: ignore[index]
        return named("structure", text(dtype.type.__name__) + size(len(parts)) + b"".join(parts))
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return named("subarray", walk.piece(shape) + dtype_part(walk, base))
    if dtype.kind == "T":
        missing = fields(walk, [("na", dtype.na_object)] if hasattr(dtype, "na_object") else [])
        return named("StringDType", walk.piece(dtype.coerce) + missing)  # type: ignore[attr-defined]
    if dtype.num < _OWN_DTYPES:
        return dtype_name(dtype.str)
    if dtype.isbuiltin == 2:  # made by another library in the old way: plain bytes
        return named("dtype", text(f"{dtype.type.__module__}.{dtype.type.__qualname__}") + text(dtype.str))
    raise walk.refusal(dtype, "this kind of dtype is not known")


def _dtype_object(walk: Walk, dtype: Dtype) -> bytes:
    """Encode a dtype that is a value by itself: where fields lie counts, which says what bytes mean, and metadata."""
    metadata = walk.child(dict(dtype.metadata), ATTRIBUTE, "metadata") if dtype.metadata else b""
    layout = walk.piece(_layout(dtype)) if dtype.names else b""
    return named("dtype object", dtype_part(walk, dtype) + layout + metadata)


def _layout(dtype: Dtype) -> tuple[object, ...]:
    """Where the fields of a structure lie in its bytes."""
    if dtype.names is None:
        return (dtype.itemsize,)
    fields_of: Any = dtype.fields or {}
    return dtype.itemsize, *((int(fields_of[name][1]), _layout(fields_of[name][0].base)) for name in dtype.names)


def _field(walk: Walk, name: str, declared: Any) -> bytes:
    title = declared[2] if len(declared) > 2 else None
    return text(name) + walk.piece(title) + dtype_part(walk, declared[0])


# Elements.


def content(walk: Walk, array: Array) -> bytes:
    """Encode the elements of an array, field by field and without padding."""
    names = array.dtype.names
    if names is not None:
        return b"".join([content(walk, array[name]) for name in names])
    if array.dtype.kind == "O":
        return _objects(walk, array)
    if array.dtype.kind == "T":
        return _objects(walk, array.astype(object))
    hasher = blake3(max_threads=blake3.AUTO if array.nbytes >= PARALLEL else 1)
    for chunk in _canonical(array):
        hasher.update(chunk.view(np.uint8).data)
    return hasher.digest()


def _objects(walk: Walk, array: Array) -> bytes:
    parts = [encode_scalar(element) or walk.child(element, INDEX, at) for at, element in np.ndenumerate(array)]
    return b"".join(parts)


def _canonical(array: Array) -> Iterator[Array]:
    """The elements as contiguous chunks in which equal elements have equal bytes."""
    if array.nbytes == 0:
        return
    if array.dtype.kind not in "fc":
        yield from _chunks(array)
        return
    with np.errstate(all="ignore"):
        for chunk in _chunks(array):
            yield _canonical_floats(chunk)


def _chunks(array: Array) -> Iterator[Array]:
    """The elements in C order, whatever their order in memory."""
    if array.flags.c_contiguous:
        flat, count = array.reshape(-1), max(1, _VIEWED // array.itemsize)
        for start in range(0, flat.size, count):
            yield flat[start : start + count]
        return
    count = max(1, _CHUNK // array.itemsize)
    flags = ("external_loop", "buffered", "refs_ok")
    for chunk in np.nditer([array], flags=flags, order="C", buffersize=count):  # type: ignore[call-overload]
        yield np.ascontiguousarray(chunk)


def _canonical_floats(chunk: Array) -> Array:
    """The same numbers with one NaN: a copy is made only where there is a NaN, or padding."""
    if chunk.dtype.kind == "c":
        chunk = chunk.view(f"{chunk.dtype.byteorder}f{chunk.itemsize // 2}")
    if _may_hold_nan(chunk):
        chunk = chunk.copy()
        chunk[np.isnan(chunk)] = np.nan
    if chunk.dtype.type is np.longdouble:
        chunk = np.ascontiguousarray(chunk.astype(_LONG).view(np.uint8).reshape(-1, _LONG.itemsize)[:, :_LONG_BYTES])
        return chunk.reshape(-1)
    return chunk


def _may_hold_nan(chunk: Array) -> bool:
    if chunk.dtype == np.float16:  # its minimum is slow
        return bool(((chunk.view(np.uint16) & 0x7FFF) > 0x7C00).any())
    return bool(np.isnan(chunk.min()))  # the minimum of what holds a NaN is NaN


# Arrays and scalars.


def _class(walk: Walk, kind: type) -> bytes:
    """A class of numpy's by its name, which outlives a move to another module; any other by its code."""
    own = kind.__module__.partition(".")[0] == "numpy"
    return named("numpy", text(kind.__name__)) if own else walk.described(kind)


def array(walk: Walk, value: Array) -> bytes:
    """Encode an array by dtype, shape and elements."""
    shape = bytes((value.ndim,)) + b"".join(map(size, value.shape))
    return b"A" + dtype_part(walk, value.dtype) + shape + content(walk, value)


def _scalar(walk: Walk, value: np.generic) -> bytes:
    # In an array, texts lose the NULs at their ends.
    if isinstance(value, np.str_):
        return named("str_", text(value))
    if isinstance(value, np.bytes_):
        return named("bytes_", octets(bytes(value)))
    held = np.asarray(value)
    return b"n" + dtype_part(walk, held.dtype) + content(walk, held)


def _array_subclass(walk: Walk, value: Array) -> bytes:
    plain = array(walk, np.ndarray.view(value, np.ndarray))
    if isinstance(value, np.memmap):
        own = fields(walk, [(name, part) for name, part in vars(value).items() if name not in _OF_MEMMAPS])
    else:
        own = attributes(walk, value, np.ndarray)
    return b"u" + _class(walk, type(value)) + plain + own


#: Where the file of a memmap lies, which is not content.
_OF_MEMMAPS = frozenset({"_mmap", "filename", "offset", "mode"})
#: Attributes of masked arrays that are encoded by name, or follow from what is.
_OF_MASKED = frozenset(
    {"_mask", "_fill_value", "_hardmask", "_sharedmask", "_isfield", "_baseclass", "_basedict", "_optinfo"}
)


def _masked(walk: Walk, value: Any) -> bytes:
    """Encode a masked array: also what lies under the mask, which `np.asarray` and many functions lay open."""
    if value is np.ma.masked:
        return named("masked", b"")
    mask = np.ma.getmaskarray(value)
    data = np.ndarray.view(value, np.ndarray)
    own = [(name, part) for name, part in vars(value).items() if name not in _OF_MASKED]
    parts = (
        _class(walk, type(value)),
        array(walk, data),
        array(walk, mask),
        walk.piece(value.fill_value),
        walk.piece(bool(value.hardmask)),
        _class(walk, value.baseclass),
        fields(walk, [*own, *value.__dict__.get("_optinfo", {}).items()]),
    )
    return named("masked array", b"".join(parts))


# Dtypes, functions and random states as values.


def _calendar(walk: Walk, value: np.busdaycalendar) -> bytes:
    return named("busdaycalendar", array(walk, value.weekmask) + array(walk, value.holidays))


def _ufunc(walk: Walk, value: np.ufunc) -> bytes:
    name = value.__name__
    for home in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(home), name, None) is value:
            return named("ufunc", text(f"{home}.{name}"))
    raise walk.refusal(value, "a ufunc made at run time does not show its code; pass the Python function")


def _dispatcher(walk: Walk, value: Any) -> bytes:
    """Encode a function of numpy's that others may override, by its public name: the rest of it is its docstring."""
    home = str(getattr(value, "__module__", ""))
    if home.partition(".")[0] != "numpy":
        return instance(walk, value)
    return named("numpy function", text(f"{home}.{value.__qualname__}"))


def _generator(walk: Walk, value: Any) -> bytes:
    kind = _class(walk, type(value))
    return named("Generator", kind + walk.child(value.bit_generator, ATTRIBUTE, "bit_generator"))


def _bit_generator(walk: Walk, value: Any) -> bytes:
    # The seed sequence is what spawn() goes on from.
    seeds = walk.child(getattr(value, "seed_seq", None), ATTRIBUTE, "seed_seq")
    return named("BitGenerator", _class(walk, type(value)) + fields(walk, value.state.items()) + seeds)


def _random_state(walk: Walk, value: Any) -> bytes:
    # As with the functions of numpy.random: what was drawn from it before is nobody's argument.
    if value is getattr(np.random.mtrand, "_rand", None):
        return named("RandomState", text("the global one"))
    return named("RandomState", _class(walk, type(value)) + fields(walk, value.get_state(legacy=False).items()))


def _seed_sequence(walk: Walk, value: Any) -> bytes:
    return named("SeedSequence", _class(walk, type(value)) + fields(walk, value.state.items()))


_RANDOM: dict[str, Handler] = {
    "Generator": _generator,
    "BitGenerator": _bit_generator,
    "RandomState": _random_state,
    "SeedSequence": _seed_sequence,
}

HANDLERS: dict[type, Handler] = {np.ndarray: array, np.ufunc: _ufunc, np.busdaycalendar: _calendar}


def handler(kind: type) -> Handler | None:
    """The handler of a numpy type, or of a class that extends one; None where the general way serves."""
    if issubclass(kind, np.dtype):
        return _dtype_object
    if issubclass(kind, np.ndarray):
        return _masked if issubclass(kind, np.ma.MaskedArray) else _array_subclass
    if kind.__name__ == "_ArrayFunctionDispatcher":
        return _dispatcher
    for base in kind.__mro__:
        if issubclass(base, np.generic) and base.__module__ == "numpy":
            return _scalar if base is kind else subclass(kind, base, _scalar)
        if base.__module__.startswith("numpy.random") and base.__name__ in _RANDOM:
            own = kind.__module__.startswith("numpy.random")
            return _RANDOM[base.__name__] if own else subclass(kind, base, _RANDOM[base.__name__])
    return None
