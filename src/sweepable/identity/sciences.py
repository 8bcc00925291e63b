"""Owns the encoding of what packages of the sciences keep: tables and units, parameters of fits, layers of networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from sweepable.identity import arrays
from sweepable.identity.instances import fields
from sweepable.identity.parts import ATTRIBUTE, KEY, PART, Walk, encode_scalar, named, size, text

# astropy: its columns lead back to their table by a weak reference.


def table(walk: Walk, value: Any) -> bytes:
    """Encode a table by its columns, in order, and its meta data."""
    parts = [text(name) + walk.child(value.columns[name], KEY, name) for name in value.colnames]
    meta = walk.child(value.meta, ATTRIBUTE, "meta")
    return named("Table", walk.described(type(value)) + size(len(parts)) + b"".join(parts) + meta)


def column(walk: Walk, value: Any) -> bytes:
    """Encode a column by its elements and what describes them."""
    masked = isinstance(value, np.ma.MaskedArray)
    parts = [arrays.array(walk, np.asarray(value))]
    if masked:
        parts.append(arrays.array(walk, np.ma.getmaskarray(value)))
    names = [*("name", "unit", "format", "description", "meta"), *(("fill_value",) if masked else ())]
    said = fields(walk, [(name, getattr(value, name)) for name in names])
    return named("Column", walk.described(type(value)) + b"".join(parts) + said)


def data_info(walk: Walk, value: Any) -> bytes:
    """Encode what a column that is a quantity, a time or a position says of itself."""
    own = value._attrs
    return named("DataInfo", walk.described(type(value)) + fields(walk, [(name, own.get(name)) for name in _INFO]))


_INFO = ("name", "unit", "format", "description", "meta")


# pint: a registry remembers what it has parsed and converted, and keeps its units in the order of hashes.


def unit_registry(walk: Walk, value: Any) -> bytes:
    """Encode a registry of units by what is defined in it, and by its settings."""
    own = vars(value)
    settings = [
        (name, part) for name, part in own.items() if encode_scalar(part) is not None and name != "_initialized"
    ]
    parts = [fields(walk, settings), walk.child(value.formatter.default_format, ATTRIBUTE, "default_format")]
    for name in ("_units", "_prefixes", "_suffixes", "_dimensions", "_defaults", "_context_units"):
        parts.append(fields(walk, dict(own.get(name, {})).items()))
    parts.append(walk.child(own.get("preprocessors"), ATTRIBUTE, "preprocessors"))
    parts.append(walk.piece(tuple(str(active.name) for active in getattr(own.get("_active_ctx"), "contexts", ()))))
    parts.append(walk.piece(tuple(map(str, getattr(value, "default_preferred_units", ())))))
    contexts: Mapping[str, Any] = own.get("_contexts", {})
    parts += [text(name) + _context(walk, contexts[name]) for name in sorted(contexts)]
    return named("units", walk.described(type(value)) + b"".join(parts))


def _context(walk: Walk, context: Any) -> bytes:
    found = [text(str(between)) + walk.child(function, PART) for between, function in context.funcs.items()]
    said = fields(walk, [(name, getattr(context, name)) for name in ("name", "aliases", "defaults")])
    redefined = sorted(text(str(part)) for part in context.redefinitions)
    return said + size(len(found)) + b"".join([*sorted(found), *redefined])


# lmfit and flax: what a fit knows by name is told in the order of hashes; each layer made has a number.


def parameters(walk: Walk, value: Any) -> bytes:
    """Encode the parameters of a fit, in order, with the names that their expressions may use."""
    state = value.__reduce__()[2]
    parts = [walk.child(part.__getstate__(), KEY, part.name) for part in state["params"]]
    symbols = fields(walk, state["unique_symbols"].items())
    return named("Parameters", walk.described(type(value)) + size(len(parts)) + b"".join(parts) + symbols)


def flax_module(walk: Walk, value: Any) -> bytes:
    """Encode a layer by its fields; one that is bound to its variables is refused, as those lie elsewhere."""
    if value.scope is not None:
        raise walk.refusal(value, "it is bound to variables; pass the module and the variables")
    found = [(part.name, getattr(value, part.name)) for part in dataclasses.fields(value) if part.name != "parent"]
    return named("layer", walk.described(type(value)) + fields(walk, found))
