"""What the tests of the store share: calls to be stored, values to store, and equality that tells types apart."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sweepable.model import (
    Argument,
    CodeNode,
    CodeVersion,
    Environment,
    Failure,
    FunctionFacts,
    NewCall,
    Outputs,
    Status,
    UpstreamCall,
)
from sweepable.outputs import Declaration

SIM = FunctionFacts("sim", "lab.control", ("gain", "damping"))


def key_of(name: object) -> str:
    """A key: 64 hex digits."""
    return hashlib.sha256(repr(name).encode()).hexdigest()


def version_of(source: str = "def sim(gain): ...") -> CodeVersion:
    digest = hashlib.sha256(ascii(source).encode()).hexdigest()
    return CodeVersion(digest, digest, (CodeNode(("sim",), "function", digest, digest, source, "control.py:1"),))


def outputs_of(value: Any) -> Outputs:
    """A value taken apart as a function without declared outputs has it."""
    return Declaration({}).take_apart(value)[0]


def new_call(
    name: object,
    value: Any = None,
    *,
    outputs: Outputs | None = None,
    status: Status = "done",
    function: FunctionFacts = SIM,
    source: str = "def sim(gain): ...",
    arguments: tuple[Argument, ...] = (),
    upstream: tuple[UpstreamCall, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> NewCall:
    """A call of `function` that returned `value`, or that failed."""
    returned = status in ("done", "tainted")
    return NewCall(
        key=key_of(name),
        function=function,
        version=version_of(source),
        status=status,
        started=time.time(),
        seconds=0.25,
        arguments=arguments,
        outputs=(outputs or outputs_of(value)) if returned else None,
        failure=None if returned else Failure("ValueError", "no", "Traceback ..."),
        upstream=upstream,
        environment=Environment(json.dumps(environment or {"python": "3.11"})),
    )


def gain(value: object) -> tuple[Argument, ...]:
    """One argument called ``gain``."""
    return (Argument("gain", "value", value, "", b"\0D" + bytes.fromhex(key_of(("digest", repr(value))))),)


def same(a: Any, b: Any) -> bool:
    """Equal in type and content, all the way down; NaN is NaN, and -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (float, complex, np.generic)):
        return np.asarray(a).dtype == np.asarray(b).dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes()
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, (set, frozenset)):
        return sorted(map(repr, a)) == sorted(map(repr, b))
    return bool(a == b)


def blob_files(folder: Path) -> list[Path]:
    """The blobs of a store."""
    return sorted(path for path in (folder / "blobs").rglob("*.*") if path.is_file())
