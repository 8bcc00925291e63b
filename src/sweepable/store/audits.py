"""What audits found, written: with the versions, and with the calls for which functions of no version ran."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sweepable.findings import OUTSIDE, Found, Outside, found_in, merged, outside_of, with_outside
from sweepable.model import Environment
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


def is_pure(c: sqlite3.Connection, version: int, taken_from: int | None) -> bool:
    """Whether a run of this version was watched, and had to do with nothing but its arguments and its result.

    Parameters
    ----------
    version : int
    taken_from : int, optional
        The call whose result it is: then what is known of that one's version.
    """
    query = "SELECT v.audit FROM _versions AS v WHERE v.id = ?"
    if taken_from is not None:
        query = "SELECT v.audit FROM _calls AS c JOIN _versions AS v ON v.id = c.version WHERE c.id = ?"
    row = c.execute(query, (version if taken_from is None else taken_from,)).fetchone()
    found = found_in(row[0]) if row is not None else None
    return found is not None and found.alone


def carried(environment: Environment) -> str:
    """What is to be kept with the version of a call that was not audited itself, but brings functions along."""
    found = outside_of(environment.text)
    if not found:
        return ""
    places = ((*label.partition(":")[::2], digest) for label, digest in found.items())
    functions = (
        Outside(module, "" if name.startswith("?") else name, name.lstrip("?") if name.startswith("?") else "", digest)
        for module, name, digest in places
    )
    return Found(functions=tuple(functions)).text()


def with_inherited(c: sqlite3.Connection, own: Environment, upstream: Sequence[int], interned: Interned) -> Environment:
    """The environment of a call: what ran for its upstream calls, and is in no version, ran for it as well.

    Parameters
    ----------
    own : Environment
        Its own environment.
    upstream : sequence of int
        The environments of its upstream calls.
    """
    if not upstream:
        return own
    texts = [text for id in dict.fromkeys(upstream) if (text := interned.once(("outside", id), _outside, c, id))]
    if not texts:
        return own
    found: dict[str, str] = {}
    for text in (own.text, *texts):
        for label, digest in outside_of(text).items():
            # What came of two states at once is not what one would get of either.
            found[label] = digest if found.get(label, digest) == digest else "several"
    return with_outside(own, found)


def _outside(c: sqlite3.Connection, environment: int) -> str:
    """The text of an environment that tells of such functions; empty for others."""
    row = c.execute("SELECT text FROM _environments WHERE id = ?", (environment,)).fetchone()
    return str(row[0]) if row is not None and OUTSIDE in row[0] else ""
