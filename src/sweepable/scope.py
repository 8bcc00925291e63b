"""Which code counts in a query: the versions that the code has now, of a function and of all that is upstream of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from sweepable.callee import Callee
from sweepable.errors import AmbiguousName, StaleResults, UnknownName
from sweepable.names import did_you_mean
from sweepable.notices import first, warn
from sweepable.registry import known
from sweepable.store.store import Store, StoredFunction, StoredVersion

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
    #: The sets of ancestor versions in which every one counts; None where code upstream may be any.
    ancestries: tuple[int, ...] | None
    #: The code that counts, by digest, whether or not any of it has run; empty where it was asked for by name.
    code: frozenset[str]

    def sql(self, function: int) -> str:
        """The condition on a row ``c`` of ``_calls``."""
        versions = f"c.version IN ({', '.join(map(str, self.versions[function]))})"
        if self.ancestries is None:
            return versions
        return f"{versions} AND c.ancestry IN ({', '.join(map(str, self.ancestries))})"


def scope_of(store: Store, function: StoredFunction, callee: Callee | None) -> Scope:
    """The code of `function` and of what is upstream of it, as it is now.

    Where the code is not in this process, the newest stored version counts.
    """
    declared = _declared(callee)
    functions = {found.id: found for found in store.functions()}
    versions: dict[int, tuple[int, ...]] = {}
    code: set[str] = set()
    for number, nested in store.connection().execute(_UPSTREAM, (function.id,)).fetchall():
        name = functions[number].name
        callees = list(declared.get(name, ()))
        if nested or not callees:  # a body calls what its globals hold now; a default is the object that it is
            callees += known(name)
        if callee is not None and number == function.id:
            callees = [callee]
        digests = {callee.version().digest for callee in callees} or _newest(store, number)
        versions[number] = tuple(version.id for version in store.versions(number) if version.digest in digests)
        code |= digests
    counting = {version for found in versions.values() for version in found}
    sets = store.ancestries().items()
    ancestries = (0, *(number for number, found in sets if counting.issuperset(found)))
    return Scope(versions, ancestries, frozenset(code))


def scope_at(store: Store, function: StoredFunction, wanted: str) -> Scope:
    """The versions of a function that are called `wanted`, whatever the code upstream was."""
    return Scope({function.id: tuple(version.id for version in named(store, function, wanted))}, None, frozenset())


def named(store: Store, function: StoredFunction, wanted: str) -> list[StoredVersion]:
    """The versions of a function that go by a name: ``v3``, a label, what ``version=`` said, or a digest's beginning.

    What ``version=`` said may stand for several: one for each set of values that a factory gave the function.

    Raises
    ------
    UnknownName, AmbiguousName
        No version, or more than one thing, goes by this name.
    """
    versions, digits = store.versions(function.id), wanted.lower()
    ways = [
        [version for version in versions if version.name == wanted or version.label == wanted],
        [version for version in versions if version.pin == wanted],
    ]
    found = [way for way in ways if way]
    if not found and len(wanted) >= SHORTEST_DIGEST:
        found = [[version] for version in versions if version.digest.startswith(digits)]
    if not found:
        _refuse_unknown(function, versions, wanted)
    if any(set(way) != set(found[0]) for way in found):
        several = ", ".join(f"{version.name} ({version.digest[:12]})" for way in found for version in way)
        raise AmbiguousName(f"{function.name}: several versions go by {wanted!r}: {several}; write one by its digest")
    return found[0]


#: So many digits of a digest tell a version; fewer might be a misspelled number.
SHORTEST_DIGEST = 6


def _refuse_unknown(function: StoredFunction, versions: list[StoredVersion], wanted: str) -> NoReturn:
    called = [name for version in versions for name in (version.name, version.label, version.pin) if name]
    raise UnknownName(
        f"{function.name} has no version {wanted!r}{did_you_mean(wanted, [*dict.fromkeys(called), 'any'])}, or the "
        f"first {SHORTEST_DIGEST} digits of a digest; {function.identifier}.versions() lists them"
    )


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
    condition = scope.sql(function.id)
    query = f"SELECT count(*) FROM _calls AS c WHERE c.function = ? AND c.status = 'done' AND NOT ({condition})"
    (left_out,) = store.connection().execute(query, (function.id,)).fetchone()
    if left_out:
        warn(
            f"{function.name}: {left_out} stored result{'s' if left_out > 1 else ''} of older code, its own or "
            f'upstream, left out; {function.identifier}.select(version="any") sees all',
            StaleResults,
        )
