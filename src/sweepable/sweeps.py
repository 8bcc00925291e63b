"""Many calls: the points of a space, what of them is stored, and running what is not."""

from __future__ import annotations

import json
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sweepable.call import Call
from sweepable.callee import Callee
from sweepable.dispatch import Report, payload_of, run_chunk
from sweepable.errors import OutputMismatch, SpaceError, StaleResults, StaleStop, StoreError, SweepableWarning
from sweepable.foreign import compare
from sweepable.grids import Places, places_of_space
from sweepable.inside import note
from sweepable.model import Failure, Status
from sweepable.notices import logger, warn, warn_once
from sweepable.outputs import short
from sweepable.outside import is_sound
from sweepable.query import Query, Selection, Source
from sweepable.record import note_asked
from sweepable.runs import failure_of, new_call, stale_count, stale_words
from sweepable.serving import note_given
from sweepable.settable import configured, ways
from sweepable.spaces import Fixed, Parameter, Space, is_float, space_of, takes_sequence
from sweepable.spaces.reading import read
from sweepable.store.location import current_store
from sweepable.store.reading import Standing
from sweepable.store.store import Store
from sweepable.upstream import as_upstream

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sweepable.executors import Outcome, Task
    from sweepable.selection import Plan

_FAILED: tuple[Status, ...] = ("failed", "killed", "unkept")
_KEPT: tuple[Status, ...] = ("done", "tainted")
OnStale = Literal["warn", "raise", "ignore"]


class Sweep(Query):
    """The calls at the points of a space, in the space's order: a Query over what is done.

    Attributes
    ----------
    space : Space
        The points.
    counts : dict of str to int
        How the points came out: ``hit`` (was stored), ``run``, ``failed``, ``blocked`` (an upstream call failed),
        ``pending`` (not done: refused by a worker, or interrupted), and ``upstream`` for the calls that ran because
        points needed them.
    """

    def __init__(self, source: Source, space: Space, keys: Sequence[str], counts: Mapping[str, int]) -> None:
        super().__init__(source, Selection(keys=tuple(keys), scope="any", statuses=_KEPT, conforming=True))
        self._space = space
        self._counts = dict(counts)

    @property
    def space(self) -> Space:
        """The points."""
        self._note()
        return self._space

    @property
    def counts(self) -> dict[str, int]:
        """How the points came out."""
        self._note()
        return self._counts

    def _note(self) -> None:
        """A run that was given a sweep counts by its records: what it reads beside them is in no key."""
        note_asked(f"a sweep of {self._source.name}")

    @property
    def failed(self) -> Query:
        """The failed calls, and those whose value is not what is declared; ``rec.info.error`` tells why."""
        self._note()
        return self._but(statuses=(*_KEPT, *_FAILED), conforming=False)

    @property
    def missing(self) -> list[dict[str, object]]:
        """The points with neither a result nor a failure, as parameters."""
        self._note()
        found = self._source.store.statuses(self._keys)
        settled = {key for key, standing in found.items() if standing.status in (*_KEPT, *_FAILED)}
        return [point for point, key in zip(self.space, self._keys, strict=True) if key not in settled]

    def all(self) -> Query:
        """The done and the failed calls."""
        return self._but(statuses=(*_KEPT, *_FAILED), conforming=None)

    def _places(self, plan: Plan, ids: Sequence[int], dims: Sequence[str] | None) -> Places:
        if dims is not None and set(dims) != set(self.space.varying):
            return super()._places(plan, ids, dims)
        return places_of_space(plan.root, ids, self.space, self._keys, dims)

    @property
    def _keys(self) -> tuple[str, ...]:
        return self._selection.keys or ()

    def __repr__(self) -> str:
        counts = ", ".join(f"{number} {name}" for name, number in self.counts.items() if number)
        return f"<Sweep of {self._source.name} over {len(self._keys)} points: {counts or 'none'}>"


class Settings(NamedTuple):
    """How a sweep is run."""

    n_jobs: int | None = None
    executor: Executor | None = None
    progress: bool | None = None
    on_stale: OnStale = "warn"
    retry_failed: bool = False


def space_for(callee: Callee, space: Space | None, axes: Mapping[str, object]) -> Space:
    """The space of a sweep, its names known to be parameters of the function or of what is upstream of it."""
    if space is not None and not isinstance(space, Space):
        raise SpaceError(
            f"{callee.name}.sweep() takes a space and axes by name, got {short(space)}; write "
            f"{callee.name}.sweep(<parameter>=[...]), or make a space by sweepable.grid, zipped or points"
        )
    written = set(axes) | set(space.names if space is not None else ())
    given = _first(space, axes) if any("__" in name for name in written) else {}
    return space_of(space, axes, {name: found for name in written for found in _parameters(callee, name, given)})


def _first(space: Space | None, axes: Mapping[str, object]) -> dict[str, object]:
    """The first value of each name: what config objects have for fields shows in them."""
    found: dict[str, object] = dict(next(iter(space), {})) if space is not None else {}
    for name, value in axes.items():
        axis = read(value)
        if axis is None:
            found[name] = value.value if isinstance(value, Fixed) else value
        elif axis.values:
            found[name] = axis.values[0]
    return found


def _parameters(callee: Callee, name: str, given: Mapping[str, object]) -> Iterator[Parameter]:
    if name in callee.parameters:
        yield _parameter(callee, name, name)
    elif own := configured(callee, name, given):
        yield _field(callee, own, name, name, given)
    elif not callee.binder.variadic:
        for parameter, rest in ways(callee, name, given):
            yield from _upstream_parameters(callee, parameter, rest, name, given)


def _upstream_parameters(
    callee: Callee, parameter: str, rest: str, name: str, given: Mapping[str, object]
) -> Iterator[Parameter]:
    """The parameters of an upstream call, as it is given or declared."""
    upstream = as_upstream(given.get(parameter)) or callee.upstreams[parameter]
    ahead = f"{parameter}__"
    further = {at[len(ahead) :]: value for at, value in given.items() if at.startswith(ahead)}
    for found in _parameters(upstream.callee, rest, {**upstream.fixed, **further}):
        yield found._replace(name=name)


def _field(callee: Callee, parameter: str, own: str, name: str, given: Mapping[str, object]) -> Parameter:
    hint = callee.configs.hint(parameter, own, given)
    return Parameter(name, takes_sequence(hint.default, hint.annotation), is_float(hint.default, hint.annotation))


def _parameter(callee: Callee, own: str, name: str) -> Parameter:
    default, annotation = callee.binder.defaults.get(own), callee.binder.annotations.get(own)
    if own in callee.upstreams:
        return Parameter(name, False, False)
    return Parameter(name, takes_sequence(default, annotation), is_float(default, annotation))


def sweep(callee: Callee, space: Space, settings: Settings) -> Sweep:
    """Run what is missing of the calls at the points of `space`.

    Parameters
    ----------
    callee : Callee
        The function.
    space : Space
        The points.
    settings : Settings
        How to run.
    """
    calls = [Call(callee, callee.bind_by_name(point)) for point in space]
    store = calls[0].store() if calls else current_store(callee.options.store)
    work = _Work(store, calls, settings)
    work.announce(callee)
    try:
        work.run()
        work.note_given()
    finally:
        found = Sweep(Source(store, callee.name, callee), space, [call.key for call in calls], work.counts())
    for call in calls:
        note(store, call)
    return found


class _Work:
    """The calls that a sweep needs, which of them are stored, and how the others come out."""

    def __init__(self, store: Store, points: Sequence[Call], settings: Settings) -> None:
        self.store = store
        self.points = dict.fromkeys(call.key for call in points)
        self.settings = settings
        self.calls: dict[str, Call] = {}
        for call in points:
            self._add(call)
        self.known = self._look_up()
        #: Ids of the environments in which stored points came about.
        self.environments: set[int] = set()
        self.redeclared = self._stored_under_other_declarations()
        self.outcomes: dict[str, str] = {}
        self.tally: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.tasks = self._tasks()
        self.tally.update(self.outcomes.get(key, "pending") for key in self.points)

    def _add(self, call: Call) -> None:
        """This call and all upstream of it, upstream first."""
        if call.key not in self.calls:
            for upstream in call.upstream_calls():
                self._add(upstream)
            self.calls[call.key] = call

    def _look_up(self) -> dict[str, Status]:
        """The statuses of all calls, a statement per store."""
        by_store: dict[int, tuple[Store, list[str]]] = {}
        for key, call in self.calls.items():
            store = call.store()
            by_store.setdefault(id(store), (store, []))[1].append(key)
        found: dict[str, Status] = {}
        for store, keys in by_store.values():
            found.update(
                (key, known.status) for key, known in store.statuses(keys).items() if _is_current(store, known)
            )
        return found

    def _stored_under_other_declarations(self) -> set[str]:
        """Stored points whose outputs are declared otherwise now than they were: a task gives them their names."""
        query = (
            "SELECT c.key, c.layout, c.environment FROM json_each(?) AS k JOIN _calls AS c ON c.key = k.value "
            "WHERE c.status = 'done'"
        )
        found = self.store.connection().execute(query, (json.dumps(list(self.points)),)).fetchall()
        self.environments = {environment for _, _, environment in found}
        declared = {layout: self.store.layout(layout).declared for layout in {layout for _, layout, _ in found}}
        return {key for key, layout, _ in found if declared[layout] != self.calls[key].callee.declaration.text}

    # -- what there is to do

    def _tasks(self) -> dict[str, Task]:
        wanted: dict[str, Task] = {}
        failed: set[str] = set()
        for key in self.points:
            self._want(key, wanted, failed)
        # Upstream calls come first in `calls`, and submissions follow this order.
        return {key: wanted[key] for key in self.calls if key in wanted}

    def _want(self, key: str, wanted: dict[str, Task], failed: set[str]) -> None:
        """Enter the call `key` and what it needs among the tasks, unless it is stored, known to fail, or blocked."""
        if key in wanted or key in self.outcomes:
            return
        if self.known.get(key) == "done" and key not in self.redeclared:
            self.outcomes[key] = "hit"
        elif self._is_known_to_fail(key):
            self.outcomes[key] = "failed"
            failed.add(key)
        else:
            self._want_with_upstream(key, wanted, failed)

    def _want_with_upstream(self, key: str, wanted: dict[str, Task], failed: set[str]) -> None:
        from sweepable.executors import Task

        needs = [upstream.key for upstream in self.calls[key].upstream_calls()]
        for upstream in needs:
            self._want(upstream, wanted, failed)
        if any(upstream in failed for upstream in needs):
            self.outcomes[key] = "blocked"
            failed.add(key)
        else:
            call = self.calls[key]
            wanted[key] = Task(key, payload_of(call), tuple(need for need in needs if need in wanted))

    def _is_known_to_fail(self, key: str) -> bool:
        if self.settings.retry_failed:
            return False
        # What cannot be stored can still be computed where a call below needs it.
        return self.known.get(key) == "failed" or (self.known.get(key) == "unkept" and key in self.points)

    def announce(self, callee: Callee) -> None:
        """Say, or refuse to go on, when results exist only under older code, or none could be kept."""
        if self.environments:
            compare(self.calls[next(iter(self.points))], self.store, self.environments)
        if self.tasks and self.store.read_only:
            raise StoreError(
                f"the store {self.store.path} cannot be written, so {len(self.tasks)} calls of this sweep would run "
                "and not be kept; use another store: sweepable.use(path)"
            )
        if not self.tasks or self.settings.on_stale == "ignore":
            return
        older = stale_count(callee, callee.version(), self.store)
        if not older:
            return
        message = (
            f"{stale_words(callee, callee.version(), self.store, older)}; "
            f"{len(self.tasks)} calls will run. {callee.name}.explain() tells what changed; "
            "on_stale='ignore' goes on without this word."
        )
        if self.settings.on_stale == "raise":
            raise StaleStop(message)
        warn(message, StaleResults)

    # -- doing it

    def run(self) -> None:
        """Run all tasks; what each comes to is in `counts`."""
        from sweepable.executors import drive

        with self._bar() as bar:
            self._show(bar)
            if not self.tasks:
                return

            def on_outcome(outcome: Outcome) -> None:
                self._settle(outcome)
                if outcome.key in self.points:
                    bar.update(1)
                self._show(bar)

            settings = self.settings
            drive(self.tasks, run_chunk, n_jobs=settings.n_jobs, executor=settings.executor, on_outcome=on_outcome)

    def note_given(self) -> None:
        """Note where the values come from that calls were given: workers get copies, of which nobody knows."""
        for key, call in self.calls.items():
            if not call.is_plain and self.outcomes.get(key) in ("hit", "run"):
                note_given(call)

    def _settle(self, outcome: Outcome) -> None:
        report = outcome.detail if isinstance(outcome.detail, Report) else Report()
        for message, category in report.said:
            warn_once((category, message), message, category)
        came_to = {"done": "run", "killed": "failed", "refused": "pending"}.get(outcome.status, outcome.status)
        if report.status == "unkept" and outcome.key in self.points:
            came_to = "failed"
        self.outcomes[outcome.key] = came_to
        if outcome.key in self.points:
            self.tally.subtract(["pending"])
            self.tally.update([came_to])
        elif came_to == "run":
            self.tally.update(["upstream"])
        if outcome.status == "refused":
            self._tell_refused(str(outcome.detail))
        elif outcome.status == "killed":
            self._keep_killed(self.calls[outcome.key], str(outcome.detail))
        elif outcome.status == "failed":
            self._keep_failed(self.calls[outcome.key], report.failure or _failure(outcome.detail))

    def _tell_refused(self, reason: str) -> None:
        if reason not in self.refused:
            self.refused.add(reason)
            warn(
                f"a worker refused to run what it was asked to: {reason}. The points concerned stay pending. Set such "
                "values where workers see them too (in the module's file, or as an argument), give an executor= that "
                "is no older than the code, or run with n_jobs=1.",
                StaleResults,
            )

    def _keep_killed(self, call: Call, reason: str) -> None:
        failure = Failure("WorkerDied", reason, f"The process that ran {call.title()} died: {reason}\n")
        self._keep(call, "killed", failure)

    def _keep_failed(self, call: Call, failure: Failure) -> None:
        """A failure that was not stored where it happened, because the call never reached the function."""
        known = call.store().statuses([call.key]).get(call.key)
        if known is None:
            self._keep(call, "failed", failure)
        elif known.status == "done":  # the value is stored, though it is not what is declared
            warn_once((OutputMismatch, call.callee.name), failure.message, SweepableWarning)

    @staticmethod
    def _keep(call: Call, status: Status, failure: Failure) -> None:
        store = call.store()
        if store.read_only:
            return
        try:
            upstream = tuple(call.lineage())
            store.put(new_call(call, status, time.time(), 0.0, failure=failure, upstream=upstream))
        except Exception:
            logger().exception("the failure of %s could not be stored", call.title())

    def counts(self) -> dict[str, int]:
        """How the points came out, and how many upstream calls ran."""
        return {name: self.tally[name] for name in ("hit", "run", "failed", "blocked", "pending", "upstream")}

    def _bar(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tqdm's advice about notebook widgets
            from tqdm.auto import tqdm

            name = next((self.calls[key].callee.name for key in self.points), "")
            disable = None if self.settings.progress is None else not self.settings.progress
            settled = sum(key in self.outcomes for key in self.points)
            return tqdm(total=len(self.points), initial=settled, desc=name, unit="call", disable=disable)

    def _show(self, bar: Any) -> None:
        tally = self.tally
        bar.set_postfix(hits=tally["hit"], runs=tally["run"], failed=tally["failed"] + tally["blocked"], refresh=False)


def _is_current(store: Store, known: Standing) -> bool:
    """Whether a call that is done may be served: code that ran for it beside its version's may have changed since."""
    return known.status != "done" or is_sound(store, known)


def _failure(detail: object) -> Failure:
    """What an executor says of a call that it could not run."""
    return failure_of(detail) if isinstance(detail, BaseException) else Failure("Error", str(detail), f"{detail}\n")
