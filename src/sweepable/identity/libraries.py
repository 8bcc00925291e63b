"""Owns the encoding of the values of SciPy, xarray, torch and numba that tell more of their history than of content."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from sweepable.identity import arrays
from sweepable.identity.instances import attributes, fields, subclass
from sweepable.identity.parts import ATTRIBUTE, KEY, PART, Handler, Walk, named, size, text


def handler(kind: type) -> Handler | None:
    """The handler of a type of these libraries, or of a class that extends one; None where the general way serves."""
    for home, names, found in _TABLE:
        module = sys.modules.get(home)
        for name in names:
            base = getattr(module, name, None)
            if isinstance(base, type) and issubclass(kind, base):
                own = kind.__module__.partition(".")[0] == home.partition(".")[0]
                return found if own else subclass(kind, base, found)
    return None


# scipy.sparse.


def _sparse(walk: Walk, value: Any) -> bytes:
    """Encode a sparse matrix by the arrays of its format; what it has found out about itself does not count."""
    shape = walk.piece((value.format, tuple(int(length) for length in value.shape)))
    parts = [arrays.dtype_part(walk, value.dtype)]
    if value.format == "dok":
        parts.append(walk.child(dict(value.items()), PART))
    for name in _FORMAT_ARRAYS.get(value.format, ()):
        parts.append(walk.child(getattr(value, name), ATTRIBUTE, name))
    return named("sparse", walk.described(type(value)) + shape + b"".join(parts))


_FORMAT_ARRAYS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "coords"),
    "dia": ("data", "offsets"),
    "lil": ("data", "rows"),
}


# xarray.


def _variable(walk: Walk, value: Any) -> bytes:
    """Encode a variable by dimensions, elements, attrs, and encoding without the file it came from."""
    encoding = [(name, part) for name, part in value.encoding.items() if name != "source"]
    data = value.to_index() if type(value).__name__ == "IndexVariable" else value.data
    parts = (
        walk.described(type(value)),
        walk.piece(tuple(value.dims)),
        walk.child(data, ATTRIBUTE, "data"),
        walk.child(dict(value.attrs), ATTRIBUTE, "attrs"),
        fields(walk, encoding),
    )
    return named("Variable", b"".join(parts))


def _data_array(walk: Walk, value: Any) -> bytes:
    parts = walk.child(value.name, ATTRIBUTE, "name") + walk.child(value.variable, PART)
    return named("DataArray", walk.described(type(value)) + parts + _coordinates(walk, value))


def _dataset(walk: Walk, value: Any) -> bytes:
    names = list(value.data_vars)
    parts = [walk.child(name, PART) + walk.child(value[name].variable, KEY, name) for name in names]
    encoding = [(name, part) for name, part in value.encoding.items() if name != "source"]
    kept = walk.child(dict(value.attrs), ATTRIBUTE, "attrs") + fields(walk, encoding)
    head = walk.described(type(value)) + size(len(parts)) + b"".join(parts)
    return named("Dataset", head + kept + _coordinates(walk, value))


def _coordinates(walk: Walk, value: Any) -> bytes:
    coords = [walk.child(name, PART) + walk.child(part.variable, KEY, name) for name, part in value.coords.items()]
    indexed = walk.piece(tuple(value.indexes))
    return size(len(coords)) + b"".join(coords) + indexed


# torch.


def _tensor(walk: Walk, value: Any) -> bytes:
    if str(value.layout) != "torch.strided" or value.is_quantized:
        raise walk.refusal(value, "only dense tensors are known; pass its dense values")
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    torch = sys.modules["torch"]
    octets = plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else np.zeros(0, np.uint8)
    facts = f"{value.dtype}|{value.device}|{bool(value.requires_grad)}|{tuple(value.shape)}"
    parts = walk.described(type(value)) + text(facts) + arrays.array(walk, octets)
    return named("Tensor", parts + attributes(walk, value, torch.Tensor))


def _described(walk: Walk, value: Any) -> bytes:
    return walk.described(value)


def _distribution(walk: Walk, value: Any) -> bytes:
    """Encode a distribution of `scipy.stats`; that it draws from numpy's global state is no content of it."""
    state = value.__getstate__()
    facts = dict(state) if isinstance(state, dict) else {"constructor": state[0], "_random_state": state[1]}
    if facts.get("_random_state") is np.random.mtrand._rand:
        del facts["_random_state"]
    return named("distribution", walk.described(type(value)) + fields(walk, facts.items()))


_TABLE: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
    ("scipy.sparse", ("spmatrix", "sparray"), _sparse),
    ("scipy.stats", ("rv_continuous", "rv_discrete"), _distribution),
    ("xarray", ("DataArray",), _data_array),
    ("xarray", ("Dataset",), _dataset),
    ("xarray", ("Variable",), _variable),
    ("torch", ("Tensor",), _tensor),
    ("numba.core.dispatcher", ("Dispatcher",), _described),
    ("numba.np.ufunc.dufunc", ("DUFunc",), _described),
    ("numba.np.ufunc.gufunc", ("GUFunc",), _described),
)
