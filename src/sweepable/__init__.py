"""sweepable: a persistent, content-addressed cache for the calls of numerical experiments, with a memory of lineage."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sweepable.errors import (
    AmbiguousName,
    ArgumentError,
    DamagedData,
    DamagedError,
    DeclarationError,
    MigrationError,
    MissingExtra,
    NoCallFound,
    NotKept,
    OtherEnvironment,
    OutputMismatch,
    SecurityWarning,
    SeveralCallsFound,
    SpaceError,
    StaleResults,
    StaleStop,
    StoreError,
    StoreFormatError,
    SweepableError,
    SweepableWarning,
    TaintedCall,
    TrustError,
    UndigestibleError,
    UnknownName,
    UnknownOutput,
    UntiedDiamond,
    UntrackedCode,
    UpstreamArgumentError,
    UpstreamFailed,
    UpstreamMismatch,
    WorkerRefused,
)
from sweepable.function import CachedFunction
from sweepable.identity.registered import register_digest
from sweepable.making import audit, cache, find, wrap
from sweepable.outputs import Output
from sweepable.record import Record
from sweepable.store.location import use
from sweepable.variants import signature_of

if TYPE_CHECKING:
    from sweepable.ancestry import Lineage
    from sweepable.comparisons import Near, near
    from sweepable.exporting import export
    from sweepable.logic import Q
    from sweepable.query import Query
    from sweepable.spaces import Space, axis, fixed, grid, points, zipped
    from sweepable.sweeps import Sweep

__version__ = "0.1.0.dev0"

__all__ = [
    "AmbiguousName",
    "ArgumentError",
    "CachedFunction",
    "DamagedData",
    "DamagedError",
    "DeclarationError",
    "Lineage",
    "MigrationError",
    "MissingExtra",
    "Near",
    "NoCallFound",
    "NotKept",
    "OtherEnvironment",
    "Output",
    "OutputMismatch",
    "Q",
    "Query",
    "Record",
    "SecurityWarning",
    "SeveralCallsFound",
    "Space",
    "SpaceError",
    "StaleResults",
    "StaleStop",
    "StoreError",
    "StoreFormatError",
    "Sweep",
    "SweepableError",
    "SweepableWarning",
    "TaintedCall",
    "TrustError",
    "UndigestibleError",
    "UnknownName",
    "UnknownOutput",
    "UntiedDiamond",
    "UntrackedCode",
    "UpstreamArgumentError",
    "UpstreamFailed",
    "UpstreamMismatch",
    "WorkerRefused",
    "audit",
    "axis",
    "cache",
    "export",
    "find",
    "fixed",
    "grid",
    "near",
    "points",
    "register_digest",
    "signature_of",
    "use",
    "wrap",
    "zipped",
]


#: Where names are that are imported when first asked for: a program that only calls its functions has no use for them.
_LATER = {
    "Q": "sweepable.logic",
    "Lineage": "sweepable.ancestry",
    "export": "sweepable.exporting",
    "Query": "sweepable.query",
    **dict.fromkeys(("Near", "near"), "sweepable.comparisons"),
    "Sweep": "sweepable.sweeps",
    **dict.fromkeys(("Space", "axis", "fixed", "grid", "points", "zipped"), "sweepable.spaces"),
}


class _CallableModule(ModuleType):
    """The module itself is a decorator: ``@sweepable(ref_t=np.array)``. Untyped; `cache` is the typed spelling."""

    def __getattr__(self, name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module 'sweepable' has no attribute {name!r}")
        found = getattr(import_module(_LATER[name]), name)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_LATER})

    def __call__(self, *args: Any, **declared: Any) -> Any:
        return cache(*args, **declared)


sys.modules[__name__].__class__ = _CallableModule
