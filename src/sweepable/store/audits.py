"""What audits found, written: with the versions, and with the calls for which functions of no version ran."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping

from sweepable.findings import OUTSIDE, merged
from sweepable.store.interned import Interned


def add(c: sqlite3.Connection, version: int, text: str) -> None:
    """Add what an audit found to what is known of a version; nothing, where none took place."""
    if not text:
        return
    (before,) = c.execute("SELECT audit FROM _versions WHERE id = ?", (version,)).fetchone()
    # SQLite takes no lone surrogates, which a path may contain.
    after = merged(before, text).encode("utf-8", "backslashreplace").decode()
    if after != before:
        c.execute("UPDATE _versions SET audit = ? WHERE id = ?", (after, version))


def with_inherited(
    c: sqlite3.Connection, own: Mapping[str, str], upstream: Iterable[int], interned: Interned
) -> Mapping[str, str]:
    """The environment of a call: what ran for its upstream calls, and is in no version, ran for it as well.

    Parameters
    ----------
    own : mapping
        Its own environment.
    upstream : iterable of int
        The environments of its upstream calls.
    """
    texts = [text for id in dict.fromkeys(upstream) if (text := interned.once(("outside", id), _outside, c, id))]
    if not texts:
        return own
    found: dict[str, str] = {}
    for text in (own.get(OUTSIDE, "{}"), *texts):
        for label, digest in json.loads(text).items():
            # What came of two states at once is not what one would get of either.
            found[label] = digest if found.get(label, digest) == digest else "several"
    return {**own, OUTSIDE: json.dumps(found, sort_keys=True)}


def _outside(c: sqlite3.Connection, environment: int) -> str:
    row = c.execute("SELECT text FROM _environments WHERE id = ?", (environment,)).fetchone()
    return str(json.loads(row[0]).get(OUTSIDE, "")) if row is not None else ""
