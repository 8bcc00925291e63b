"""What was read of the sources of functions, kept for other processes: parsing is most of what a first hit costs.

A function of a module is found by its normal byte code and its own lines. That these lines make this code, and what
they say, is a fact about the two, and needs no expiry.
"""

from __future__ import annotations

import json
import marshal
import sys
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any, Protocol

from blake3 import blake3

from sweepable.identity import bytecode, graph
from sweepable.identity.references import Reference, References, Source

#: Raised when the canonical form, or what is found in it, becomes another one.
RULES = 2
_HEAD = b"\0".join([b"reading %d" % RULES, graph.FORMAT, sys.version.encode()])


class Shelf(Protocol):
    """Where readings are kept."""

    def get(self, key: bytes) -> bytes | None:
        """What was kept under a key."""

    def is_filled(self) -> bool:
        """Whether anything may have been kept there at all."""

    def put(self, made: Callable[[], tuple[bytes, bytes]]) -> None:
        """Keep something, by its key; it is made when it is written."""


_shelves: list[Shelf] = []


def is_filled() -> bool:
    """Whether there is a shelf on which something may be found."""
    return bool(_shelves) and _shelves[0].is_filled()


def use(shelf: Shelf | None) -> None:
    """Keep readings there from now on; None for nowhere."""
    _shelves[:] = [shelf] if shelf is not None else []


def find(code: CodeType, context: str) -> tuple[str, Any, Any, bytes, References] | None:
    """What was kept of a function: text, decorators and names that were asked about, canonical bytes, references."""
    data = _shelves[0].get(_key(code, context)) if _shelves else None
    if data is None:
        return None
    text, asked, looked, body, found = json.loads(data)
    return text, asked, looked, body.encode("latin-1"), _references(found)


def keep(code: CodeType, context: str, parts: tuple[str, object, object, bytes], found: References) -> None:
    """Keep a reading for other processes."""
    if _shelves:
        _shelves[0].put(partial(_made, code, context, parts, found))


def _made(
    code: CodeType, context: str, parts: tuple[str, object, object, bytes], found: References
) -> tuple[bytes, bytes]:
    text, asked, looked, body = parts
    data = json.dumps([text, asked, looked, body.decode("latin-1"), _plain(found)])
    return _key(code, context), data.encode()


def _key(code: CodeType, context: str) -> bytes:
    parts = (_HEAD, _compiled(code), context.encode("utf-8", "surrogatepass"))
    return blake3(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def _compiled(code: CodeType) -> bytes:
    """All of the code but where it stands, and as quickly as can be: it is asked for at every first hit."""
    consts = code.co_consts
    if any(type(const) is frozenset for const in consts):  # their order is another one in each process
        return b"normal" + b"%d" % code.co_flags + bytecode.normal(code)
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars
    values = tuple(None if type(const) is CodeType else const for const in consts)
    within = tuple(_compiled(const) if type(const) is CodeType else None for const in consts)
    # Its second format is the last that does not tell which strings are interned, or which objects are one.
    return marshal.dumps((counts, names, code.co_code, code.co_exceptiontable, values, within, code.co_name), 2)


def _plain(found: References) -> dict[str, object]:
    own: dict[str, object] = {name: getattr(found, name) for name in References.__slots__}
    return own | {name: sorted(own[name]) for name in ("asks", "attributes")}  # type: ignore[call-overload]


def _references(plain: dict[str, Any]) -> References:
    result = References()
    for name, value in plain.items():
        setattr(result, name, value)
    result.asks, result.attributes = set(plain["asks"]), set(plain["attributes"])
    result.found = [
        Reference(name, tuple(attributes), Source(*source) if source else None, guessed)
        for name, attributes, source, guessed in plain["found"]
    ]
    return result
