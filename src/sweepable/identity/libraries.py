"""Owns the encoding of values of SciPy, xarray, torch and others that tell more of their history than of content.

What has more to it than a few lines is in `sciences`.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from sweepable.identity import arrays, sciences
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


# scipy.spatial and scipy.interpolate.


def _rotation(walk: Walk, value: Any) -> bytes:
    """Encode rotations by their quaternions: copies and pickles of one rotation and of a stack of one are alike."""
    return named("Rotation", walk.described(type(value)) + arrays.array(walk, np.asarray(value.as_quat())))


def _tree(walk: Walk, value: Any) -> bytes:
    """Encode a k-d tree by its points and nodes; what it pickles as has the addresses of its nodes."""
    from scipy.spatial import cKDTree

    box = walk.piece(value.boxsize) if value.boxsize is None else arrays.array(walk, np.asarray(value.boxsize))
    parts = [walk.described(type(value)), walk.piece(int(value.leafsize)), box]
    parts += [arrays.array(walk, np.asarray(part)) for part in (value.data, value.indices, value.mins, value.maxes)]
    parts += [arrays.array(walk, part) for part in _nodes(cKDTree.tree.__get__(value))]
    # A tree that was looked at keeps its nodes as Python objects, too.
    own = [(name, part) for name, part in getattr(value, "__dict__", {}).items() if name != "_tree"]
    return named("KDTree", b"".join(parts) + fields(walk, own))


def _nodes(root: Any) -> tuple[Any, Any]:
    """The splits of a tree, and the dimension and the points of each of its nodes."""
    splits, places, pending = [], [], [root]
    while pending:
        node = pending.pop()
        splits.append(node.split)
        places.append((node.split_dim, node.start_idx, node.end_idx))
        pending += [below for below in (node.lesser, node.greater) if below is not None]
    return np.array(splits), np.array(places)


def _fitted_spline(walk: Walk, value: Any) -> bytes:
    """Encode a spline of FITPACK without its workspace, which is longer than what was written into it."""
    own = dict(vars(value))
    data = own.get("_data")
    if isinstance(data, tuple) and len(data) == 14:
        count = int(data[7])
        knots, coefficients = (np.asarray(part)[:count] for part in data[8:10])
        own["_data"] = (*data[:8], knots, coefficients, data[10], data[13])
    return named("spline", walk.described(type(value)) + fields(walk, own.items()))


# networkx and matplotlib.


def _graph(walk: Walk, value: Any) -> bytes:
    """Encode a graph without the views of it, and of what was computed from it, that it keeps once asked for them."""
    own = [(name, part) for name, part in vars(value).items() if name not in _OF_GRAPHS]
    return named("graph", walk.described(type(value)) + fields(walk, own))


#: Cached properties of graphs, which show what they hold otherwise, and what back-ends remember of them.
_OF_GRAPHS = frozenset(
    {
        *("adj", "nodes", "edges", "degree", "succ", "pred", "in_edges", "out_edges", "in_degree", "out_degree"),
        "__networkx_cache__",
    }
)


def _callbacks(walk: Walk, value: Any) -> bytes:
    """Encode a registry of callbacks by those that are registered now; a norm has one, and mostly an empty one."""
    registered = {signal: found for signal, found in value.callbacks.items() if found}
    return named("CallbackRegistry", walk.described(type(value)) + walk.child(registered, ATTRIBUTE, "callbacks"))


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
    indexed = [walk.child(name, PART) + walk.described(type(index)) for name, index in value.xindexes.items()]
    return size(len(coords)) + b"".join(coords) + size(len(indexed)) + b"".join(indexed)


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


# Containers that keep their members by hash, or in memory of their own.


def _hash_map(walk: Walk, value: Any) -> bytes:
    """Encode a map whose order is that of the hashes, which differ from process to process."""
    pairs = sorted(walk.member(key) + walk.member(part) for key, part in value.items())
    return named("map", walk.described(type(value)) + size(len(pairs)) + b"".join(pairs))


def _hash_set(walk: Walk, value: Any) -> bytes:
    members = sorted(map(walk.member, value))
    return named("set", walk.described(type(value)) + size(len(members)) + b"".join(members))


def _typed(walk: Walk, value: Any) -> bytes:
    """Encode a list or dict of numba by its type and members."""
    kind = text(str(value._numba_type_)) if value._typed else text("")
    plain: Any = dict(value) if hasattr(value, "keys") else list(value)
    return named("typed", walk.described(type(value)) + kind + walk.child(plain, PART))


def _compiled_class(walk: Walk, value: Any) -> bytes:
    """Encode a class that numba compiles by its fields and methods; its own name holds an address."""
    shape = text("|".join(f"{name}:{kind}" for name, kind in value.struct.items()))
    parts = [walk.child(part, PART) for part in (value.jit_methods, value.jit_props, value.jit_static_methods)]
    return named("jitclass", text(value.class_name) + shape + b"".join(parts))


def _showing(*names: str) -> Handler:
    """The handler of types that are what some attributes of theirs show, and cannot be pickled."""

    def shown(walk: Walk, value: Any) -> bytes:
        found = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
        return named("shown", walk.described(type(value)) + fields(walk, found))

    return shown


_FORMS = ("json", "msgpack")
_META = (
    *("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz", "extra"),
    *("title", "description", "examples", "extra_json_schema"),
)
_DECODER = ("type", "strict", "dec_hook", "ext_hook", "float_hook")


def _described(walk: Walk, value: Any) -> bytes:
    return walk.described(value)


_TABLE: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
    ("scipy.sparse", ("spmatrix", "sparray"), _sparse),
    ("scipy.spatial.transform", ("Rotation",), _rotation),
    ("scipy.spatial", ("cKDTree",), _tree),
    ("scipy.interpolate", ("UnivariateSpline",), _fitted_spline),
    ("networkx", ("Graph",), _graph),
    ("matplotlib.cbook", ("CallbackRegistry",), _callbacks),
    ("xarray", ("DataArray",), _data_array),
    ("xarray", ("Dataset",), _dataset),
    ("xarray", ("Variable",), _variable),
    ("torch", ("Tensor",), _tensor),
    ("pyrsistent", ("PMap",), _hash_map),
    ("pyrsistent", ("PSet",), _hash_set),
    ("immutables", ("Map",), _hash_map),
    ("astropy.table", ("Table",), sciences.table),
    ("astropy.table.column", ("BaseColumn",), sciences.column),
    ("astropy.utils.data_info", ("DataInfo",), sciences.data_info),
    ("pint.facets.plain.registry", ("GenericPlainRegistry",), sciences.unit_registry),
    ("lmfit", ("Parameters",), sciences.parameters),
    ("flax.linen", ("Module",), sciences.flax_module),
    ("msgspec", ("Meta",), _showing(*_META)),
    *((f"msgspec.{form}", ("Decoder",), _showing(*_DECODER)) for form in _FORMS),
    *(
        (f"msgspec.{form}", ("Encoder",), _showing("enc_hook", "decimal_format", "uuid_format", "order"))
        for form in _FORMS
    ),
    ("numba.typed", ("List", "Dict"), _typed),
    ("numba.core.types", ("ClassType",), _compiled_class),
    ("numba.core.dispatcher", ("Dispatcher",), _described),
    ("numba.np.ufunc.dufunc", ("DUFunc",), _described),
    ("numba.np.ufunc.gufunc", ("GUFunc",), _described),
)
