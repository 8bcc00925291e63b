"""Why a call hits or misses: what is stored of it, and in what it differs from the nearest call that is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sweepable.audited import audit_of
from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.changes import CodeDifference, code_difference
from sweepable.contents import content_keys
from sweepable.contrast import ParameterDifference, parameter_differences
from sweepable.explanation import Covered, Difference, Explanation, NearestCall, Ran, UpstreamDifference
from sweepable.model import PIN, Argument, CodeVersion, StoredCall
from sweepable.nearest import Nearest
from sweepable.outputs import short
from sweepable.outside import why_unsound
from sweepable.record import Record, call_of, store_of
from sweepable.scope import latest_version
from sweepable.store.codecs import Summary
from sweepable.store.location import current_store
from sweepable.store.store import Store, StoredFunction, StoredVersion

#: What the code as it is now is called in a difference.
NOW = "now"
#: Said of an upstream call whose code shares what has changed, which is shown already.
LIKEWISE = "its code has changed likewise"
#: Upstream of upstream: further up, all that is said is that the calls are others.
_DEEPEST = 20
_ORIGIN = (
    "SELECT c.taken_from, m.reason FROM _calls AS c LEFT JOIN _migrations AS m ON m.id = c.migration WHERE c.id = ?"
)
_ANNOUNCED = (
    "SELECT l.name, c.key FROM _lineage AS l JOIN _calls AS c ON c.id = l.upstream "
    "WHERE l.downstream = ? AND l.role = 'depends_on'"
)


def explain(call: Call) -> Explanation:
    """Why `call` hits or misses. Runs nothing."""
    store = call.store()
    row = store.fetch(call.key)
    ran = _ran(store, row) if row is not None else None
    covers = _covered(call.callee, call.version, store)
    unsound = why_unsound(store, row) if row is not None and row.status == "done" else None
    if row is not None and row.status == "done" and unsound is None:
        return Explanation(True, call.title(), call.key, ran, (), None, covers)
    if unsound is not None:
        return Explanation(False, call.title(), call.key, ran, (), None, covers, (unsound,))
    function = _function(call.callee, call.version, store)
    if function is None:
        remarks: tuple[str, ...] = (_never(call.callee, store),)
        return Explanation(False, call.title(), call.key, ran, (), None, covers, remarks)
    nearest = tuple(_nearest(call, store, function))
    remarks = () if nearest else (f"no call of {call.callee.name} is stored with a result",)
    remarks = (*remarks, *_failed_upstream(call), *_never_served(call.callee, store, function))
    return Explanation(False, call.title(), call.key, ran, nearest, None, covers, remarks, _same_content(call, store))


def _failed_upstream(call: Call) -> Iterator[str]:
    """What stands in the way of a call that was never made: upstream calls that raised."""
    for upstream in call.upstream_calls():
        row = upstream.store().fetch(upstream.key)
        failure = upstream.store().failure(row) if row is not None and row.status == "failed" else None
        if failure is not None:
            yield f"the upstream call {upstream.title()} failed: {failure.type_name}: {failure.message}"


def _never_served(callee: Callee, store: Store, function: StoredFunction) -> Iterator[str]:
    """Calls that ran, and are stored, and of which the next one runs all the same."""
    query = "SELECT count(*) FROM _calls WHERE function = ? AND status = 'tainted'"
    (count,) = store.connection().execute(query, (function.id,)).fetchone()
    if count:
        calls = "1 call is" if count == 1 else f"{count} calls are"
        yield f"{calls} stored and never served: what a call of {callee.name} depends on was changed while it ran"


def _same_content(call: Call, store: Store) -> Ran | None:
    """A stored call of the same content, whose result this one will take over; its upstream calls have to be there."""
    keys = content_keys(call, store)
    candidates = (keys.plain, keys.named) if keys is not None else ()
    rows = (store.find_by_content(key) for key in candidates if key is not None)
    return next((_ran(store, row) for row in rows if row is not None), None)


def explain_code(callee: Callee) -> Explanation:
    """Of a function's code alone: whether calls are stored under it and, if not, what has changed since."""
    store, version = current_store(callee.options.store), callee.version()
    remark, difference = _since(callee, version, store)
    return Explanation(
        False,
        f"the code of {callee.name}",
        "",
        None,
        (),
        difference,
        _covered(callee, version, store),
        (remark,) if remark else (),
    )


def _since(callee: Callee, version: CodeVersion, store: Store) -> tuple[str, CodeDifference | None]:
    function = _function(callee, version, store)
    versions = store.versions(function.id) if function is not None else []
    counts = store.done_counts(function.id) if function is not None else {}
    now = next((known for known in versions if known.digest == version.digest), None)
    if function is None or not counts:
        return _never(callee, store), None
    if now is not None and counts.get(now.id):
        words = "one that is not has other arguments, or other calls upstream"
        return f"calls are stored under this code: {counts[now.id]} ({now.title}); {words}", None
    latest = latest_version(store, function.id) or versions[-1]
    words = f"calls stored under other code: {sum(counts.values())}; since the latest, {latest.title}:"
    return words, code_difference(store.code(latest.id), version, (latest.title, NOW))


def _never(callee: Callee, store: Store) -> str:
    """No call is stored; where there are some of a function of this name, that it is another one."""
    homes = [home for known in store.functions() if known.name == callee.name for home in known.homes]
    here = callee.facts.home
    elsewhere = f"; those of {', '.join(homes)} are of another function of this name, with other code" if homes else ""
    return f"no call of {callee.name} is stored" + (f" of {here}{elsewhere}" if elsewhere and here not in homes else "")


def _function(callee: Callee, version: CodeVersion, store: Store) -> StoredFunction | None:
    return store.find_function(callee.name, version.digest, callee.facts.home)


# -- what is stored


def _ran(store: Store, row: StoredCall) -> Ran:
    environment = store.environment(row.environment) if row.environment else {}
    failure = store.failure(row)
    packages = dict(environment.get("packages", {}))
    return Ran(
        key=row.key,
        status=row.status,
        started=row.started,
        seconds=row.seconds,
        host=environment.get("host", ""),
        python=environment.get("python", ""),
        version=_title_of(store, row),
        packages=packages,
        origin=_origin(store, row),
        error=f"{failure.type_name}: {failure.message}" if failure else "",
    )


def _origin(store: Store, row: StoredCall) -> str:
    """Whence a call has its result, if it did not run itself."""
    found = store.connection().execute(_ORIGIN, (row.id,)).fetchone()
    if found is None or found == (None, None):
        return ""
    return "its result was taken over from a call of the same content" if found[1] is None else f"migrated: {found[1]}"


def _title_of(store: Store, row: StoredCall) -> str:
    return next((known.title for known in store.versions(row.function) if known.id == row.version), "")


def covered(version: CodeVersion) -> Covered:
    """What a version covers, by the names under which it is reached."""
    if version.nodes and version.nodes[0].kind == PIN:
        return Covered(pin=version.nodes[0].summary)
    names: dict[str, list[str]] = {"function": [], "class": [], "value": []}
    for node in version.nodes:
        kind = _KINDS.get(node.kind, node.kind)
        if kind in names and node.names:
            names[kind].append(node.names[0])
    functions, classes, values = (tuple(dict.fromkeys(found)) for found in names.values())
    return Covered(functions, classes, values, version.packages, version.untracked, version.notes)


def _covered(callee: Callee, version: CodeVersion, store: Store) -> Covered:
    """The same, with what the audit of the version's first run has found."""
    return replace(covered(version), noticed=audit_of(callee, version, store))


#: Under which heading the rarer kinds of nodes stand.
_KINDS = {"wrapper": "function", "generic": "function", "cached": "function", "upstream": "function", "parts": "value"}


# -- the nearest


def _nearest(call: Call, store: Store, function: StoredFunction) -> Iterator[NearestCall]:
    """The nearest call under this code; the same under other code, or, without any under this, the nearest."""
    versions = store.versions(function.id)
    here = [version.id for version in versions if version.digest == call.version.digest]
    others = [version.id for version in versions if version.id not in here]
    search = Nearest(store, function, call)
    under_this = search.among(here)
    if under_this is not None:
        yield _compared(call, store, under_this.call, versions)
    if under_this is None or under_this.differing:
        elsewhere = search.among(others, same=under_this is not None)
        if elsewhere is not None:
            yield _compared(call, store, elsewhere.call, versions)


def _compared(call: Call, store: Store, row: StoredCall, versions: list[StoredVersion]) -> NearestCall:
    asked, stored = Side.of_call(call), Side.of_row(store, row)
    differences = tuple(Comparison().differences(asked, stored))
    digest = next((version.digest for version in versions if version.id == row.version), "")
    return NearestCall(stored.title, _ran(store, row), differences, digest == call.version.digest)


# -- two calls, side by side


class Side(NamedTuple):
    """A call as it is compared: one that is asked for, or one that is stored."""

    store: Store
    key: str
    title: str
    function: str
    #: Those that count, by parameter.
    arguments: dict[str, Argument]
    #: Names and keys of the upstream calls that `depends_on` announces.
    announced: dict[str, str]
    #: None for a stored call: its manifest is read when it is needed.
    code: CodeVersion | None
    row: StoredCall | None
    sources: dict[str, Call | Record]

    @classmethod
    def of_call(cls, call: Call) -> Side:
        """A call that is asked for."""
        counted = {name for _, name in call.callee.counted}
        arguments = {argument.name: argument for argument in call.arguments() if argument.name in counted}
        announced = {name: upstream.key for name, upstream in call.dependencies}
        sources = {found.key: found.source for found in call.inputs} | {c.key: c for _, c in call.dependencies}
        return cls(
            call.store(), call.key, call.title(), call.callee.name, arguments, announced, call.version, None, sources
        )

    @classmethod
    def of_row(cls, store: Store, row: StoredCall) -> Side:
        """A stored call."""
        given = store.arguments(row)
        arguments = {argument.name: argument for argument in given if argument.digest}
        announced = dict(store.connection().execute(_ANNOUNCED, (row.id,)).fetchall())
        function = next((found.name for found in store.functions() if found.id == row.function), "")
        shown = ", ".join(f"{argument.name}={_written(argument)}" for argument in given)
        return cls(store, row.key, f"{function}({shown})", function, arguments, announced, None, row, {})

    def upstream(self, key: str) -> Side | None:
        """One of its upstream calls."""
        source = self.sources.get(key)
        if isinstance(source, Call):
            return Side.of_call(source)
        if isinstance(source, Record):
            return Side.of_row(store_of(source), call_of(source))
        row = self.store.fetch(key)
        return Side.of_row(self.store, row) if row is not None else None

    def version(self) -> tuple[str, str]:
        """Digest and name of the version of its code."""
        if self.code is not None:
            return self.code.digest, NOW
        assert self.row is not None
        versions = self.store.versions(self.row.function)
        return next(((v.digest, v.title) for v in versions if v.id == self.row.version), ("", "?"))

    def whole_code(self) -> CodeVersion:
        """The version itself."""
        if self.code is not None:
            return self.code
        assert self.row is not None
        return self.store.code(self.row.version)


def _written(argument: Argument) -> str:
    if argument.kind != "value":
        return f"<{argument.field or 'call'} {str(argument.value)[:8]}>"
    return argument.value.text if isinstance(argument.value, Summary) else short(argument.value)


class Comparison:
    """Finds in what two calls differ, and what is upstream of them; of what is met twice it is said once."""

    def __init__(self) -> None:
        self._met: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str, str]] = set()

    def differences(self, asked: Side, stored: Side, depth: int = 0) -> Iterator[Difference]:
        """Parameters, then code, then what is upstream."""
        names = list(dict.fromkeys([*asked.arguments, *stored.arguments]))
        upstream = [name for name in names if _is_upstream(asked, name) or _is_upstream(stored, name)]
        for name in names:
            if name not in upstream:
                yield from parameter_differences(name, asked.arguments.get(name), stored.arguments.get(name))
        yield from self._code(asked, stored)
        for name in upstream:
            yield from self._argument(asked, stored, name, depth)
        for name in dict.fromkeys([*asked.announced, *stored.announced]):
            keys = asked.announced.get(name), stored.announced.get(name)
            if keys[0] != keys[1]:
                found = self._upstream(asked, stored, name, keys, depth)
                if found.note != LIKEWISE:  # the code of the function itself reaches it, too
                    yield found

    def _code(self, asked: Side, stored: Side) -> Iterator[CodeDifference]:
        (ours, our_name), (theirs, their_name) = asked.version(), stored.version()
        if ours == theirs:
            return
        found = code_difference(stored.whole_code(), asked.whole_code(), (their_name, our_name))
        told = self._told
        fresh = tuple(node for node in found.nodes if (node.name, node.before, node.after) not in told)
        told.update((node.name, node.before, node.after) for node in found.nodes)
        if fresh or not found.nodes:
            yield CodeDifference(found.before, found.after, fresh)

    def _argument(self, asked: Side, stored: Side, name: str, depth: int) -> Iterator[Difference]:
        ours, theirs = asked.arguments.get(name), stored.arguments.get(name)
        if ours is None or theirs is None or "value" in (ours.kind, theirs.kind):
            yield UpstreamDifference(name, _title(asked, ours), _title(stored, theirs))
            return
        if ours.value != theirs.value:
            yield self._upstream(asked, stored, name, (str(ours.value), str(theirs.value)), depth)
        if ours.field != theirs.field:
            yield ParameterDifference(name, _field(ours), _field(theirs))
        elif ours.value == theirs.value and ours.digest != theirs.digest:
            yield ParameterDifference(name, "a call", "the same call", "other declared outputs")

    def _upstream(
        self, asked: Side, stored: Side, name: str, keys: tuple[str | None, str | None], depth: int
    ) -> UpstreamDifference:
        ours = asked.upstream(keys[0]) if keys[0] else None
        theirs = stored.upstream(keys[1]) if keys[1] else None
        titles = ours.title if ours else _missing(keys[0]), theirs.title if theirs else _missing(keys[1])
        if ours is None or theirs is None:
            return UpstreamDifference(name, *titles)
        if ours.function != theirs.function:
            return UpstreamDifference(name, *titles, note="another function")
        pair = (ours.key, theirs.key)
        if pair in self._met or depth >= _DEEPEST:
            return UpstreamDifference(name, *titles, note="as above" if pair in self._met else "")
        self._met.add(pair)
        found = tuple(self.differences(ours, theirs, depth + 1))
        is_told = not found and ours.version()[0] != theirs.version()[0]
        return UpstreamDifference(name, *titles, found, LIKEWISE if is_told else "")


def _is_upstream(side: Side, name: str) -> bool:
    argument = side.arguments.get(name)
    return argument is not None and argument.kind != "value"


def _field(argument: Argument) -> str:
    return f"the output {argument.field}" if argument.field else "the Record"


def _title(side: Side, argument: Argument | None) -> str:
    if argument is None:
        return ""
    if argument.kind == "value":
        return argument.value.text if isinstance(argument.value, Summary) else short(argument.value)
    found = side.upstream(str(argument.value))
    return found.title if found is not None else _missing(str(argument.value))


def _missing(key: str | None) -> str:
    return f"a call that is not stored any more, {key[:12]}" if key else ""
