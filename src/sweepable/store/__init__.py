"""The store: the only layer that writes."""

from __future__ import annotations

from sweepable.store.store import (
    CannotEncode,
    OutputFacts,
    Route,
    Store,
    StoredFunction,
    StoredVersion,
    Summary,
    open_store,
)

__all__ = [
    "CannotEncode",
    "OutputFacts",
    "Route",
    "Store",
    "StoredFunction",
    "StoredVersion",
    "Summary",
    "open_store",
]
