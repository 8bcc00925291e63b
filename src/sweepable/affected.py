"""Which stored calls a migration is about, its function's own and those downstream, and the keys they then have."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from sweepable.callee import Callee
from sweepable.errors import UndigestibleError, UnknownName
from sweepable.identity.code import describe
from sweepable.identity.key import key_part
from sweepable.identity.values import Encoder
from sweepable.lineage import calls_of
from sweepable.model import (
    DIGESTED,
    Argument,
    CodeVersion,
    FunctionFacts,
    GivenCalls,
    NewCall,
    StoredCall,
    UpstreamCall,
)
from sweepable.names import did_you_mean
from sweepable.outputs import short
from sweepable.record import Record
from sweepable.registry import known, siblings
from sweepable.rekeying import ByContent, Left, Stored, key_of, moved, same_apart_from, stored
from sweepable.runs import environment_of
from sweepable.store.codecs import Summary
from sweepable.store.store import Store, StoredFunction, StoredVersion
from sweepable.store.taking import Rekeyed
from sweepable.trial import call_of, merged

_DONE = "SELECT id FROM _calls WHERE function = ? AND version = ? AND status = 'done' ORDER BY id"
_BELOW = (
    "SELECT DISTINCT l.downstream, l.upstream FROM json_each(?) AS k JOIN _lineage AS l ON l.upstream = k.value "
    "JOIN _calls AS c ON c.id = l.downstream WHERE c.status = 'done' AND l.role <> 'passed'"
)
_AT_ONCE = 500


class Changes(NamedTuple):
    """What a person says of the way from one version to the next."""

    reason: str
    #: Parameters that are new, with the value that they had without saying so.
    add: Mapping[str, object] = {}
    #: Old name -> new name.
    rename: Mapping[str, str] = {}
    #: Parameters that are gone, with the value for which results hold; `ANY` for any.
    remove: Mapping[str, object] = {}
    rename_outputs: Mapping[str, str] = {}
    recompute_outputs: tuple[str, ...] = ()

    def told(self) -> dict[str, object]:
        """The same as the store lists it."""
        said = self._asdict()
        shown = {name: {key: short(value) for key, value in said[name].items()} for name in ("add", "remove")}
        return {name: value for name, value in {**said, **shown}.items() if value and name != "reason"}


class AnyValue:
    """Any value."""

    def __repr__(self) -> str:
        return "any"


#: In place of the value of a removed parameter.
ANY = AnyValue()


class Found:
    """The calls that a migration is about: the function's own, and those downstream of them."""

    def __init__(
        self, callee: Callee, store: Store, function: StoredFunction, version: StoredVersion, changes: Changes
    ) -> None:
        self.callee = callee
        self.store = store
        self.function = function
        self.version = version
        self.changes = changes
        #: In the order in which they are written: upstream calls first.
        self.steps: list[Rekeyed] = []
        #: Those of the function itself, by the id of their origin.
        self.own: dict[int, Rekeyed] = {}
        self.there = 0
        self.left: Counter[str] = Counter()
        #: The code as it was when the plan was made.
        self.now = callee.version()
        self._keys: dict[str, str] = {}
        self._former: dict[str, str] = {}
        #: The results under the keys that are planned, by key.
        self._planned: dict[str, bytes | None] = {}
        self._known_names: set[str] = set()
        #: Layouts whose named tuples have the fields that they had.
        self._looked_at: set[int] = set()
        self._functions = {found.id: found for found in store.functions()}
        self._digests = dict(store.connection().execute("SELECT id, digest FROM _versions").fetchall())
        self._now: dict[int, CodeVersion] = {}

    def find(self) -> None:
        """Give every call that can have one its other key."""
        rows = self.store.connection().execute(_DONE, (self.function.id, self.version.id)).fetchall()
        ours = {id for (id,) in rows}
        for call in self._ordered(ours):
            try:
                self._rekey(call, call.id in ours)
            except Left as reason:
                what = self.callee.name if call.id in ours else self._functions[call.function].name
                self.left[f"of {what}: {reason}"] += 1
        self._check_former_names()

    def _check_former_names(self) -> None:
        """A name that no stored call has is a mistake, which would otherwise change nothing, silently."""
        for name in (*self.changes.rename, *self.changes.remove, *self.changes.rename_outputs):
            if self._known_names and name not in self._known_names:
                hint = did_you_mean(name, sorted(self._known_names))
                raise UnknownName(f"no stored call of {self.callee.name} in {self.version.title} has {name!r}{hint}")

    def _ordered(self, ours: set[int]) -> list[StoredCall]:
        """The calls of the function and all downstream of them, upstream calls first."""
        above: dict[int, set[int]] = {id: set() for id in ours}
        fresh = sorted(ours)
        while fresh:
            rows = self.store.connection().execute(_BELOW, (json.dumps(fresh),)).fetchall()
            fresh = sorted({below for below, _ in rows} - above.keys())
            for below_id, upstream in rows:
                above.setdefault(below_id, set()).add(upstream)
        order = _topological(above)
        found: list[StoredCall] = []
        for start in range(0, len(order), _AT_ONCE):
            found += calls_of(self.store, order[start : start + _AT_ONCE])
        return found

    def _rekey(self, call: StoredCall, own: bool) -> None:
        name = self._functions[call.function].name
        found = stored(self.store, call, name, self._digests[call.version])
        if own:
            self._known_names |= {argument.name for argument in found.arguments}
            self._known_names |= set(self.store.layout(call.layout).names)
            self._check_outputs(call)
        arguments = moved(self.store, found, self._keys)
        if own:
            arguments = self._changed(arguments)
        elif not any(edge.key in self._keys and edge.role != "passed" for edge in found.upstream):
            return  # what it came from stays as it is
        else:
            self._check_below(found)
        version = self.now if own else self._version_of(call)
        upstream = tuple(self._edge(edge, own) for edge in found.upstream)
        announced = [(edge.name, edge.key) for edge in upstream if edge.role == "depends_on"]
        key = key_of(name, version.digest, arguments, announced)
        if key == call.key:
            return
        if self._is_there(call, key, own):
            return
        self._keys[call.key], self._former[key] = key, call.key
        facts = self.callee.facts if own else self._facts(call.function, arguments)
        by_content = ByContent(self.store, found, arguments, self._keys, self._former)
        new = NewCall(
            *(key, facts, version, "done", call.started, call.seconds, arguments),
            upstream=upstream,
            environment=self.store.recorded(call.environment),
            taken_from=call.id,
        )
        step = Rekeyed(call, new, by_content.needs, by_content)
        self.steps.append(step)
        if own:
            self.own[call.id] = step

    def _check_outputs(self, call: StoredCall) -> None:
        """Refuse results that would be taken apart in another way than they were put together."""
        layout, changes = self.store.layout(call.layout), self.changes
        if changes.recompute_outputs or layout.kind == "value":
            return
        stored = [changes.rename_outputs.get(name, name) for name in layout.names]
        declared = list(self.callee.declaration.names)
        if declared and set(declared) - set(stored):
            missing = [name for name in declared if name not in stored]
            raise Left(f"they have no output {missing[0]}: recompute_outputs={missing}, or rename_outputs=")
        if layout.kind in ("tuple", "list") and declared and stored != declared:
            raise Left(f"their outputs are {', '.join(stored)}, in this order: recompute_outputs={declared}")
        if layout.kind == "object" and call.layout not in self._looked_at:
            self._looked_at.add(call.layout)
            fields = list(getattr(self.store.value(call), "_fields", layout.names))
            if fields != list(layout.names):
                self._looked_at.discard(call.layout)
                raise Left(f"their fields were {', '.join(layout.names)}: recompute_outputs={fields}")

    def _is_there(self, call: StoredCall, key: str, own: bool) -> bool:
        """Whether there is a result under the key already; what came from this call moves only if it is the same."""
        there = self.store.fetch(key)
        if there is not None and there.status == "done":
            self.there += own
            if there.result == call.result:
                self._keys[call.key], self._former[key] = key, call.key
            return True
        if self._planned.setdefault(key, call.result) != call.result:
            raise Left("another one would have the same key, and has another result")
        return False

    def _check_below(self, found: Stored) -> None:
        """Refuse what does not follow for a call downstream."""
        if self.changes.recompute_outputs:
            raise Left("outputs of what they came from are computed anew")
        if any(edge.role == "nested" and edge.key in self._keys for edge in found.upstream):
            raise Left("they call it inside, and which calls they make now is known when they run")

    def _edge(self, edge: UpstreamCall, own: bool) -> UpstreamCall:
        is_parameter = own and edge.role in ("argument", "passed")
        renamed = self.changes.rename.get(edge.name, edge.name) if is_parameter else edge.name
        return edge._replace(key=self._keys.get(edge.key, edge.key), name=renamed)

    # -- the function's own calls

    def _changed(self, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
        """The arguments as the function takes them now."""
        given = {argument.name: argument for argument in arguments}
        for name, value in self.changes.remove.items():
            self._check_removed(name, given, value)
        names = [self.changes.rename.get(name, name) for name in given if name not in self.changes.remove]
        if len(set(names)) < len(names):
            raise Left("two of their parameters would have one name")
        kept = {self.changes.rename.get(name, name): found for name, found in given.items()}
        for name in self.changes.remove:
            kept.pop(name, None)
        strange = [name for name in kept if name not in self.callee.parameters]
        if strange:
            raise Left(f"the parameter {strange[0]} is gone; say rename= or remove=")
        return tuple(self._argument(name, kept.get(name)) for name in self.callee.parameters)

    def _check_removed(self, name: str, given: Mapping[str, Argument], value: object) -> None:
        if name not in given or isinstance(value, AnyValue):
            return
        if key_part(Encoder(describe).encode(value, name)) != given[name].part:
            raise Left(f"{name} was another value than {short(value)}")

    def _argument(self, name: str, found: Argument | None) -> Argument:
        counts = any(name == counted for _, counted in self.callee.counted)
        if name in self.changes.add:
            if found is not None:
                raise Left(f"{name} is not new")
            return self._added(name, self.changes.add[name], counts)
        if found is None:
            default = self.callee.binder.defaults.get(name)
            raise Left(f"the parameter {name} is new; say add={{{name!r}: {short(default)}}}")
        if counts and not found.part:
            raise Left(f"{name} did not count before")
        return found._replace(name=name, part=_part_now(name, found) if counts else b"")

    def _added(self, name: str, value: object, counts: bool) -> Argument:
        part = key_part(Encoder(describe).encode(value, name)) if counts else b""
        if isinstance(value, Record):
            raise Left(f"{name} is an upstream call, which cannot be added yet")
        return Argument(name, "value", value, part=part)

    def with_outputs(self, step: Rekeyed) -> Rekeyed:
        """A call of the function with other outputs than it had, where that was asked for."""
        changes = self.changes
        if step.origin.id not in self.own or not (changes.rename_outputs or changes.recompute_outputs):
            return step
        begun, started = time.perf_counter(), time.time()
        outputs = merged(self.callee, self.store, step, changes.rename_outputs, changes.recompute_outputs)
        new = step.new._replace(outputs=outputs)
        if changes.recompute_outputs:  # it is a result of here and now
            here = environment_of(call_of(self.callee, self.store, step))
            new = new._replace(started=started, seconds=time.perf_counter() - begun, environment=here)
        return step._replace(new=new)

    # -- what is downstream

    def _facts(self, function: int, arguments: tuple[Argument, ...]) -> FunctionFacts:
        found = self._functions[function]
        home = found.homes[0] if found.homes else ""
        return FunctionFacts(found.name, home, tuple(argument.name for argument in arguments))

    def _version_of(self, call: StoredCall) -> CodeVersion:
        """The version under which a call downstream holds: its own, or the one now if only this function differs."""
        if call.version not in self._now:
            self._now[call.version] = self._find_version(call)
        return self._now[call.version]

    def _find_version(self, call: StoredCall) -> CodeVersion:
        function, digest = self._functions[call.function], self._digests[call.version]
        here = [callee for callee in known(function.name) if self._is(callee, function)]
        versions = [version for callee in here for version in {other.version() for other in siblings(callee)}]
        if not here or any(version.digest == digest for version in versions):
            return CodeVersion(digest, "")
        before, ours = self.store.code(call.version), self.store.code(self.version.id)
        for now in versions:
            whole = bool(before.nodes and now.nodes and ours.nodes and self.now.nodes)
            if whole and same_apart_from(before.nodes, ours.nodes[0].digest, now.nodes, self.now.nodes[0].digest):
                return now
        raise Left("their own code has changed too; migrate them first, then this")

    def _is(self, callee: Callee, function: StoredFunction) -> bool:
        found = self.store.find_function(callee.name, callee.version().digest, callee.facts.home)
        return found is not None and found.id == function.id


def _part_now(name: str, found: Argument) -> bytes:
    """What of an argument stands in the key now: an instance, as that of a method, brings its class."""
    if found.kind != "value" or not found.part.startswith(DIGESTED) or isinstance(found.value, Summary | GivenCalls):
        return found.part
    try:
        return key_part(Encoder(describe).encode(found.value, name))
    except UndigestibleError:
        return found.part


def _topological(above: Mapping[int, set[int]]) -> list[int]:
    """Ids in an order in which each comes after those above it."""
    order: dict[int, None] = {}
    for start in sorted(above):
        stack = [start]
        while stack:
            id = stack[-1]
            missing = [other for other in above[id] if other in above and other not in order and other not in stack]
            if missing:
                stack.append(min(missing))
            else:
                order.setdefault(id)
                stack.pop()
    return list(order)
