"""Why a call hits or misses: whether it is stored and, if not, what has changed since the latest stored code."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.model import CodeNode, CodeVersion, StoredCall
from sweepable.store.location import current_store
from sweepable.store.store import Store, StoredFunction


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call hits or misses; prints as text."""

    hit: bool
    text: str

    def __repr__(self) -> str:
        return self.text


def explain(call: Call) -> Explanation:
    """Say whether `call` is stored, and if not, what its code was when results were last stored."""
    store = call.store()
    row = store.fetch(call.key)
    if row is not None and row.status == "done":
        return Explanation(
            True, f"hit: {call.title()} ran {_when(row)} for {row.seconds:.3g} s{_untracked(call.version)}"
        )
    lines = [f"miss: {call.title()} is not stored", *_status(row), *_code(call.callee, call.version, store)]
    return Explanation(False, "\n".join(lines) + _untracked(call.version))


def explain_code(callee: Callee) -> Explanation:
    """Say of a function's code alone whether calls are stored under it, and if not, what has changed since."""
    store, version = current_store(callee.options.store), callee.version()
    lines = [f"the code of {callee.name}", *_code(callee, version, store)]
    return Explanation(False, "\n".join(lines) + _untracked(version))


def _when(row: StoredCall) -> str:
    return f"on {_at(row.started)}"


def _at(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _status(row: StoredCall | None) -> Iterator[str]:
    if row is not None:
        yield f"  a run of it {_when(row)} is kept as {row.status}, which is never served"


def _untracked(version: CodeVersion) -> str:
    said = [f"not followed: {sentence}" for sentence in version.untracked] + list(version.notes)
    return "".join(f"\n  {sentence}" for sentence in said)


def _code(callee: Callee, version: CodeVersion, store: Store) -> Iterator[str]:
    function = store.find_function(callee.name, version.digest, callee.facts.home)
    if function is None:
        yield f"  no call of {callee.name} is stored"
        return
    versions = store.versions(function.id)
    if any(known.digest == version.digest and known.calls for known in versions):
        yield "  calls are stored under this code; one that is not has other arguments, or other calls upstream"
    elif versions:
        latest = versions[-1]
        yield f"  calls stored under other code: {latest.calls}; first seen {_at(latest.created)}; since then:"
        yield from _differences(_manifest(store, function, latest.id), version.nodes)


def _manifest(store: Store, function: StoredFunction, version: int) -> list[Mapping[str, Any]]:
    query = "SELECT manifest FROM _versions WHERE id = ? AND function = ?"
    return list(json.loads(store.connection().execute(query, (version, function.id)).fetchone()[0]))


def _differences(before: list[Mapping[str, Any]], now: tuple[CodeNode, ...]) -> Iterator[str]:
    """What was changed, removed and added, by the name under which it is reached."""
    old = {_name(node["names"], place): node for place, node in enumerate(before)}
    new = {_name(node.names, place): node for place, node in enumerate(now)}
    changed = [name for name in new if name in old and old[name]["digest"] != new[name].digest]
    for name in changed:
        yield from _difference(name, new[name], str(old[name]["summary"]))
    yield from (f"  {name}: added" for name in new if name not in old)
    yield from (f"  {name}: no longer used" for name in old if name not in new)
    if not changed and old.keys() == new.keys():
        yield "  what is reached is the same, in another order or by other paths"


def _name(names: Any, place: int) -> str:
    return "the function itself" if place == 0 else ", ".join(names)


def _difference(name: str, node: CodeNode, before: str) -> Iterator[str]:
    where = f" ({node.where})" if node.where else ""
    if "\n" not in before + node.summary:
        yield f"  {name}{where}: {before or '?'} -> {node.summary or '?'}"
        return
    yield f"  {name}{where}"
    lines = difflib.unified_diff(before.splitlines(), node.summary.splitlines(), lineterm="", n=0)
    yield from (f"    {line}" for line in lines if not line.startswith(("---", "+++", "@@")))
