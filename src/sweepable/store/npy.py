"""The codec of plain arrays: the content of a real ``.npy`` file, data only."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any

import numpy as np

from sweepable.store.files import Buffer
from sweepable.store.plain import Malformed

_HEADER_LIMIT = 1 << 16


def accepts(value: object) -> bool:
    """Whether `value` is exactly an array, and one whose type a ``.npy`` file can say in full."""
    return type(value) is np.ndarray and _can_say(value.dtype)


def _can_say(dtype: np.dtype[Any]) -> bool:
    if dtype.kind in "biufc":
        return dtype.metadata is None
    if dtype.hasobject or dtype.kind not in "mMSUV" or _has_metadata(dtype):
        return False
    description = np.lib.format.dtype_to_descr(dtype)
    again = np.lib.format.descr_to_dtype(description)
    # Names of fields in other letters need a later version of the file format.
    return str(description).isascii() and bool(
        again == dtype and again.type is dtype.type and again.isalignedstruct == dtype.isalignedstruct
    )


def _has_metadata(dtype: np.dtype[Any]) -> bool:
    if dtype.metadata is not None or (dtype.base is not dtype and _has_metadata(dtype.base)):
        return True
    fields = () if dtype.fields is None else dtype.fields.values()
    return any(len(field) > 2 or _has_metadata(field[0]) for field in fields)


def encode(array: np.ndarray[Any, Any]) -> list[Buffer]:
    """The file's content in parts; the data are not copied unless the array has gaps."""
    fortran = bool(array.flags.f_contiguous and not array.flags.c_contiguous)
    head = io.BytesIO()
    facts = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": fortran, "shape": array.shape}
    try:
        np.lib.format.write_array_header_1_0(head, facts)
    except ValueError:  # more than 64 KiB of field names
        head = io.BytesIO()
        np.lib.format.write_array_header_2_0(head, facts)
    return [head.getvalue(), _content(array.T if fortran else array)]


def _content(array: np.ndarray[Any, Any]) -> Buffer:
    if not array.nbytes:
        return b""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.uint8).data


def decode(buffer: Any) -> np.ndarray[Any, Any]:
    """The array over `buffer`, which is not copied: as free to change as the buffer is."""
    try:
        dtype, shape, fortran, start = _facts(bytes(memoryview(buffer)[: _header_size(buffer)]))
    except (ValueError, TypeError, IndexError, SyntaxError, OverflowError) as error:
        raise Malformed(f"not an array file: {error}") from error
    count = math.prod(shape)
    if dtype.hasobject or count * dtype.itemsize != len(buffer) - start:
        raise Malformed("the data of an array are not of the size that its header says")
    order: Any = "F" if fortran else "C"
    if not count * dtype.itemsize:
        return np.empty(shape, dtype, order)
    return np.frombuffer(buffer, dtype, count, start).reshape(shape, order=order)


def _header_size(buffer: Any) -> int:
    head = bytes(memoryview(buffer)[:12])
    if head[:6] != b"\x93NUMPY" or len(head) < 12:
        raise ValueError("wrong magic")
    size = 10 + int.from_bytes(head[8:10], "little") if head[6] == 1 else 12 + int.from_bytes(head[8:12], "little")
    if size > min(_HEADER_LIMIT * 16, len(buffer)):
        raise ValueError("header beyond the end")
    return size


@lru_cache(maxsize=256)
def _facts(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Parsed once per header: reading a literal costs more than reading a small array."""
    head = io.BytesIO(header)
    version = np.lib.format.read_magic(head)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(head, max_header_size=len(header))
    return dtype, tuple(int(size) for size in shape), bool(fortran), len(header)
