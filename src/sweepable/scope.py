"""Which code counts in a query: the versions that the code has now, of a function and of all that is upstream of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sweepable.callee import Callee
from sweepable.errors import StaleResults
from sweepable.notices import first, warn
from sweepable.registry import known
from sweepable.store.store import Store, StoredFunction

_UPSTREAM = (
    "WITH RECURSIVE above(id) AS (VALUES (?) UNION "
    "SELECT r.upstream_function FROM above JOIN _routes AS r ON r.downstream_function = above.id) "
    "SELECT id, EXISTS (SELECT 1 FROM _routes AS r WHERE r.upstream_function = above.id AND r.role = 'nested' "
    "AND r.downstream_function IN (SELECT id FROM above)) FROM above"
)
_NEWEST = (
    "SELECT v.digest FROM _calls AS c JOIN _versions AS v ON v.id = c.version "
    "WHERE c.function = ? AND c.status = 'done' ORDER BY c.id DESC LIMIT 1"
)


class Scope(NamedTuple):
    """The code that counts."""

    #: Function -> its versions that count; for the function itself and what is upstream of it in any stored call.
    versions: dict[int, tuple[int, ...]]
    #: The sets of ancestor versions in which every one counts.
    ancestries: tuple[int, ...]
    #: The code that counts, by digest, whether or not any of it has run.
    code: frozenset[str]
    #: Those of the ancestries that are of functions in this process; of others nobody knows whether they still exist.
    certain: tuple[int, ...] = ()

    def sql(self, function: int, row: str = "c") -> str:
        """The condition on a row of ``_calls``."""
        condition = self._counts(function, row, self.ancestries)
        if len(self.certain) == len(self.ancestries):
            return condition
        # A function upstream has been renamed, say: the call stands there twice, and once is enough.
        again = f"s.content_key = {row}.content_key AND {self._counts(function, 's', self.certain)}"
        certain = ", ".join(map(str, self.certain))
        twin = f"SELECT 1 FROM _calls AS s WHERE s.function = {row}.function AND {again}"
        return f"{condition} AND ({row}.ancestry IN ({certain}) OR NOT EXISTS ({twin}))"

    def _counts(self, function: int, row: str, ancestries: tuple[int, ...]) -> str:
        versions = ", ".join(map(str, self.versions[function]))
        return f"{row}.version IN ({versions}) AND {row}.ancestry IN ({', '.join(map(str, ancestries))})"


def scope_of(store: Store, function: StoredFunction, callee: Callee | None) -> Scope:
    """The code of `function` and of what is upstream of it, as it is now.

    Where the code is not in this process, the newest stored version counts.
    """
    declared = _declared(callee)
    functions = {found.id: found for found in store.functions()}
    versions: dict[int, tuple[int, ...]] = {}
    code: set[str] = set()
    here: set[int] = set()
    for number, nested in store.connection().execute(_UPSTREAM, (function.id,)).fetchall():
        name = functions[number].name
        callees = list(declared.get(name, ()))
        if nested or not callees:  # a body calls what its globals hold now; a default is the object that it is
            callees += known(name)
        if callee is not None and number == function.id:
            callees = [callee]
        digests = {callee.version().digest for callee in callees} or _newest(store, number)
        versions[number] = tuple(version.id for version in store.versions(number) if version.digest in digests)
        here.update(versions[number] if callees else ())
        code |= digests
    counting = {version for found in versions.values() for version in found}
    sets = store.ancestries().items()
    ancestries = (0, *(number for number, found in sets if counting.issuperset(found)))
    certain = (0, *(number for number, found in sets if here.issuperset(found)))
    return Scope(versions, ancestries, frozenset(code), certain if callee is not None else ancestries)


def _declared(callee: Callee | None) -> dict[str, list[Callee]]:
    """The functions upstream by declaration: the very objects that `callee` would call, by name."""
    queue = [callee] if callee is not None else []
    found: dict[str, list[Callee]] = {}
    for current in queue:
        for upstream in upstream_callees(current):
            if upstream not in queue:
                queue.append(upstream)
                found.setdefault(upstream.name, []).append(upstream)
    return found


def upstream_callees(callee: Callee) -> Iterator[Callee]:
    """The functions that stand directly upstream of one by its declarations."""
    yield from (upstream.callee for upstream in callee.upstreams.values())
    yield from (dependency.callee for dependency in callee.dependencies)


def _newest(store: Store, function: int) -> set[str]:
    return {digest for (digest,) in store.connection().execute(_NEWEST, (function,))}


def tell_left_out(store: Store, function: StoredFunction, scope: Scope) -> None:
    """Say once how many results of a function are left out, being of older code."""
    if not first((StaleResults, str(store.path), function.id, scope.code)):
        return
    # A call that a current one has the content of is not left out: it is there under its new key.
    same = f"SELECT 1 FROM _calls AS n WHERE n.content_key = c.content_key AND {scope.sql(function.id, 'n')}"
    query = (
        "SELECT count(*) FROM _calls AS c WHERE c.function = ? AND c.status = 'done' "
        f"AND NOT ({scope.sql(function.id)}) AND NOT EXISTS ({same})"
    )
    (left_out,) = store.connection().execute(query, (function.id,)).fetchone()
    if left_out:
        warn(
            f"{function.name}: {left_out} stored result{'s' if left_out > 1 else ''} of older code, its own or "
            f'upstream, left out; {function.identifier}.select(version="any") sees all',
            StaleResults,
        )
