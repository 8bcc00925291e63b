"""Which code counts in a query: the versions that the code has now, of a function and of all that is upstream of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, NoReturn

from sweepable.callee import Callee
from sweepable.errors import AmbiguousName, DamagedError, StaleResults, UnknownName
from sweepable.model import CodeVersion
from sweepable.names import did_you_mean
from sweepable.notices import first, warn
from sweepable.registry import known
from sweepable.store.forgetting import RETIRED
from sweepable.store.store import Store, StoredFunction, StoredVersion

_UPSTREAM = (
    "WITH RECURSIVE above(id) AS (VALUES (?) UNION "
    "SELECT r.upstream_function FROM above JOIN _routes AS r ON r.downstream_function = above.id) "
    "SELECT id, (SELECT ifnull(group_concat(DISTINCT r.role), '') FROM _routes AS r "
    "WHERE r.upstream_function = above.id AND r.downstream_function IN (SELECT id FROM above)) FROM above"
)
_NEWEST = (
    "SELECT c.function, c.version, c.ancestry FROM _calls AS c JOIN (SELECT max(id) AS newest FROM _calls "
    "WHERE function IN ({}) AND status = 'done' GROUP BY function, version) ON newest = c.id ORDER BY c.id DESC"
)


class Scope(NamedTuple):
    """The code that counts."""

    #: Function -> its versions that count; for the function itself and what is upstream of it in any stored call.
    versions: dict[int, tuple[int, ...]]
    #: The sets of ancestor versions in which every one counts; None where code upstream may be any.
    ancestries: tuple[int, ...] | None
    #: The code that counts, by digest, whether or not any of it has run; empty where it was asked for by name.
    code: frozenset[str]
    #: Those of the ancestries that are of functions in this process; of others nobody knows whether they still exist.
    certain: tuple[int, ...] = ()
    #: The functions of this process that it was made of, with the digests of their versions.
    made_of: tuple[tuple[Callee, str], ...] = ()
    #: Function -> its versions whose calls count where they gave a value: a script calls what its names hold now.
    givers: Mapping[int, tuple[int, ...]] = {}

    def sql(self, function: int, row: str = "c") -> str:
        """The condition on a row of ``_calls``."""
        condition = self._counts(function, row, self.ancestries)
        if self.ancestries is None or len(self.certain) == len(self.ancestries):
            return condition
        # A function upstream has been renamed, say: the call stands there twice, and once is enough; and not at all,
        # where the one under the new name was forgotten.
        again = f"s.content_key = {row}.content_key AND {self._counts(function, 's', self.certain)}"
        certain = ", ".join(map(str, self.certain))
        twin = f"SELECT 1 FROM _calls AS s WHERE s.function = {row}.function AND {again}"
        retired = f"ifnull({row}.content_key LIKE '{RETIRED}%', 0)"
        return f"{condition} AND ({row}.ancestry IN ({certain}) OR NOT ({retired} OR EXISTS ({twin})))"

    def giving(self, row: str, functions: Iterable[int]) -> str:
        """The condition on a row of ``_calls`` of one of these functions that gave a value to a call.

        The value alone says nothing of the code that it came from, so the call that it is given to does not, either.
        """
        if self.ancestries is None:
            return "1"
        versions = {version for number in functions for version in self.givers.get(number, ())}
        return self._among(tuple(sorted(versions)), row, self.ancestries)

    def _counts(self, function: int, row: str, ancestries: tuple[int, ...] | None) -> str:
        return self._among(self.versions[function], row, ancestries)

    def _among(self, counting: tuple[int, ...], row: str, ancestries: tuple[int, ...] | None) -> str:
        versions = f"{row}.version IN ({', '.join(map(str, counting))})"
        if ancestries is None:
            return versions
        return f"{versions} AND {row}.ancestry IN ({', '.join(map(str, ancestries))})"


def scope_of(store: Store, function: StoredFunction, callee: Callee | None) -> Scope:
    """The code of `function` and of what is upstream of it, as it is now.

    Where the code is not in this process, the newest stored version counts.
    """
    declared = _declared(callee)
    functions = {found.id: found for found in store.functions()}
    versions: dict[int, tuple[int, ...]] = {}
    givers: dict[int, tuple[int, ...]] = {}
    code: set[str] = set()
    here: set[int] = set()
    made_of = {found: found.version().digest for several in declared.values() for found in several}
    upstream = store.connection().execute(_UPSTREAM, (function.id,)).fetchall()
    latest: dict[int, set[int]] | None = None
    for number, roles in upstream:
        name = functions[number].name
        callees = list(declared.get(name, ()))
        living: list[Callee] = []
        if "nested" in roles or "passed" in roles or not callees:
            here_now = known(name)
            made_of |= {found: found.version().digest for found in here_now}
            living = [found for found in here_now if is_stored_as(store, number, found)]
        if "nested" in roles or not callees:  # a body calls what its globals hold now; a default is what it is
            callees += living
        if callee is not None and number == function.id:
            callees = [callee]
        made_of |= {found: found.version().digest for found in callees}
        digests, ids = {made_of[found] for found in callees}, set[int]()
        if not callees:
            latest = latest or _latest(store, [number for number, _ in upstream])
            ids = latest.get(number, set())
        counted = [version for version in store.versions(number) if version.digest in digests or version.id in ids]
        versions[number] = tuple(version.id for version in counted)
        others = {made_of[found] for found in living}
        givers[number] = (*versions[number], *(found.id for found in store.versions(number) if found.digest in others))
        here.update(versions[number] if callees else ())
        code |= digests.union(version.digest for version in counted)
    counting = {version for found in versions.values() for version in found}
    sets = store.ancestries().items()
    ancestries = (0, *(number for number, found in sets if counting.issuperset(found)))
    certain = (0, *(number for number, found in sets if here.issuperset(found)))
    certain = certain if callee is not None else ancestries
    return Scope(versions, ancestries, frozenset(code), certain, tuple(made_of.items()), givers)


def is_stored_as(store: Store, function: int, callee: Callee) -> bool:
    """Whether a cached function of this process is a stored one, and does not only bear its name."""
    found = store.find_function(callee.name, callee.version().digest, callee.facts.home)
    return found is not None and found.id == function


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


def _latest(store: Store, functions: list[int]) -> dict[int, set[int]]:
    """The versions that the code of each function had last, as far as the store tells.

    A call tells of the code of its own function and of all that it came from: where somebody went back to earlier
    code, the calls upstream were hits, and only what was computed from them is new.
    """
    owners = dict(store.connection().execute("SELECT id, function FROM _versions").fetchall())
    ancestries = store.ancestries()
    found: dict[int, set[int]] = {}
    query = _NEWEST.format(", ".join(map(str, functions)))
    for function, version, ancestry in store.connection().execute(query).fetchall():
        told: dict[int, set[int]] = {function: {version}}
        for above in ancestries.get(ancestry, ()):
            told.setdefault(owners.get(above, 0), set()).add(above)
        for owner, versions in told.items():
            found.setdefault(owner, versions)
    return found


def tell_left_out(store: Store, function: StoredFunction, scope: Scope) -> None:
    """Say once how many results of a function are left out, being of older code."""
    if not first((StaleResults, str(store.path), function.id, scope.code)):
        return
    # A call that a current one has the content of is not left out: it is there under its new key.
    counts = scope.sql(function.id, "n")
    same = (
        f"SELECT 1 FROM _calls AS n WHERE n.content_key = c.content_key AND {counts} "
        f"UNION ALL SELECT 1 FROM _calls AS n WHERE n.taken_from = c.id AND {counts}"
    )
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


_RAN_LAST = (
    "SELECT version FROM _calls WHERE function = ? AND status = 'done' GROUP BY version ORDER BY max(id) DESC LIMIT 1"
)


def latest_version(store: Store, function: int) -> StoredVersion | None:
    """The version under which a call of a function was stored last."""
    rows = store.connection().execute(_RAN_LAST, (function,)).fetchall()
    return next((known for known in store.versions(function) if rows and known.id == rows[0][0]), None)


def changed_since(store: Store, function: int, now: CodeVersion) -> str:
    """What has changed since a call of a function was stored last, by name, in brackets for a message."""
    from sweepable.changes import code_difference
    from sweepable.rendering import some

    latest = latest_version(store, function)
    if latest is None:
        return ""
    try:
        names = code_difference(store.code(latest.id), now, (latest.title, "now")).names()
    except DamagedError:  # of the results that are not used
        return ""
    return f" (since {latest.title}: {some(names, 4)})" if names else ""
