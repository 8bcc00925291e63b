"""What a stored call is to the calls below it: digests of its content, which no change of code or names touches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import TypeAlias

from blake3 import blake3

from sweepable.identity.key import content_digest
from sweepable.model import Content, Layout, NewCall
from sweepable.store.results import brings_code, is_inert

#: Role and name under which a call stands upstream of another, and its id.
Edge: TypeAlias = tuple[str, str, int]

_BY_KEYS = (
    "SELECT c.key, c.content, c.content_named FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value "
    "WHERE c.status = 'done' AND c.content IS NOT NULL"
)
_NAMED = (
    "SELECT u.id, f.identifier, u.content_named FROM json_each(?) AS k JOIN _calls AS u ON u.id = k.value "
    "JOIN _functions AS f ON f.id = u.function"
)


def of_keys(c: sqlite3.Connection, keys: Iterable[str]) -> dict[str, Content]:
    """The contents of those of the calls that are done and have one."""
    rows = c.execute(_BY_KEYS, (json.dumps(list(keys)),)).fetchall()
    return {key: Content(plain, named) for key, plain, named in rows}


def of_call(
    c: sqlite3.Connection, new: NewCall, layout: Layout, result: bytes, edges: Iterable[Edge]
) -> Content | None:
    """The content of a call that is about to be written; None for one that has none.

    Parameters
    ----------
    c : sqlite3.Connection
    new : NewCall
        With the digest of its arguments by content.
    layout : Layout
        How its outputs are named.
    result : bytes
        Its outputs as the row has them: what stands elsewhere is there by digest.
    edges : iterable of (role, name, id)
        Its upstream calls that are in this store.
    """
    if new.arguments_content is None or new.status != "done":
        return None
    # An instance's methods are part of what it is, and none of them is in its bytes.
    is_inert_result = new.outputs is not None and is_inert(new.outputs, result)
    code = "" if is_inert_result or not brings_code(result) else new.version.digest
    names = (name.encode("utf-8", "surrogatepass") for name in layout.names)
    outputs = (code.encode(), layout.kind.encode(), blake3(result).digest(), *names)
    plain = content_digest("call", new.arguments_content.plain.encode(), *outputs)
    steps = _steps(c, edges)
    if steps == [] and new.arguments_content.named == new.arguments_content.plain:
        return Content(plain, plain)
    if new.arguments_content.named is None or steps is None:
        return Content(plain, None)
    own = content_digest("named call", new.arguments_content.named.encode(), *outputs)
    return Content(plain, content_digest("lineage", own.encode(), *steps))


def _steps(c: sqlite3.Connection, edges: Iterable[Edge]) -> list[bytes] | None:
    """The upstream calls by role, name, function and content, as a Record shows them; None if one has no content."""
    ordered = sorted(set(edges)) if edges else []
    if not ordered:
        return []
    rows = c.execute(_NAMED, (json.dumps([id for _, _, id in ordered]),)).fetchall()
    known = {id: (identifier, named) for id, identifier, named in rows}
    steps = [(role, name, *known[id]) for role, name, id in ordered]
    if any(named is None for *_, named in steps):
        return None
    return [part.encode("utf-8", "surrogatepass") for step in steps for part in step]
