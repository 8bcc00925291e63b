"""Forgetting stored calls: a plan that says what would go, and does it on ``apply``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sweepable.callee import Callee
from sweepable.errors import SweepableError, UnknownName
from sweepable.rendering import size_text
from sweepable.selection import STATUSES, Plan, Selection, Source
from sweepable.store.forgetting import Known
from sweepable.store.location import current_store
from sweepable.store.store import Store


class ForgetPlan:
    """What forgetting calls would do; `apply` does it. Made by ``query.forget()`` and ``f.reset()``.

    Attributes
    ----------
    calls : dict of str to int
        The calls that were named, by function.
    downstream : dict of str to int
        The calls that came from them, at any distance, by function. They go as well where ``downstream=True`` was
        said; else they stay, and no longer have what they came from.
    blobs, nbytes : int
        How many blobs nothing will refer to any more, and their bytes. They stay on the disk.
    tags : dict of str to int
        How many of the calls that would go have which tag.
    """

    def __init__(self, named: Calls, *, downstream: bool, tagged: bool) -> None:
        self._store, self._name, ids, function = named
        found = self._store.forgetting.outlook(ids, downstream=downstream, function=function)
        self._with_downstream, self._with_tagged = downstream, tagged
        self.calls = _by_function(found.own)
        self.downstream = _by_function(found.below)
        self.blobs, self.nbytes = found.blobs, found.nbytes
        self.tags = found.tags
        self._tagged = found.tagged
        # What came from others goes first.
        self._going: tuple[Known, ...] = (*(found.below if downstream else ()), *found.own)

    def apply(self) -> Forgotten:
        """Forget the calls of this plan that are still there.

        The next call of such a key runs again: no other call of the same content is taken over in its place, under
        whatever code. It is done in one transaction, for more than 10,000 calls in several; where it is interrupted,
        all of a transaction is done or nothing, and the same once more finishes it.

        Returns
        -------
        Forgotten
            What was done, with counts.

        Raises
        ------
        SweepableError
            Some of the calls are tagged, and it was not said that these go as well: nothing was changed.
        StoreError
            The store is read-only.
        """
        tags = {} if self._with_tagged else self._store.forgetting.tags(self._going)
        if tags:
            raise SweepableError(
                f"{self._name}: of the calls to be forgotten {_listed(tags)}, which says that they are to be kept; "
                "nothing was changed. With tagged=True these go as well; untag them, or exclude them: "
                "query.filter(info__tag__isnull=True)"
            )
        done = self._store.forgetting.forget(self._going, tagged=self._with_tagged)
        gone = len(self._going) - sum(done.calls.values()) - done.kept
        return Forgotten(done.calls, gone, done.kept)

    def __repr__(self) -> str:
        lines = [f"forgetting {sum(self.calls.values())} calls of {self._name}"]
        further = Counter({name: n for name, n in self.calls.items() if name != self._name})
        lines += [f"  {number} of them of {name}" for name, number in further.items()] if len(self.calls) > 1 else []
        fate = "go as well" if self._with_downstream else "stay, and are served as before, without what they came from"
        lines += [f"  {number} calls of {name} downstream {fate}" for name, number in self.downstream.items()]
        if self.downstream and not self._with_downstream:
            lines.append("  to forget what came from them too, say downstream=True")
        if self.tags:
            ending = "" if self._with_tagged else "; to forget these too, say tagged=True"
            lines.append(f"  of all that would go {_listed(self.tags)}{ending}")
        if self.blobs:
            lines.append(
                f"  {self.blobs} blobs ({size_text(self.nbytes)}) that nothing else refers to stay on the disk"
            )
        return "\n".join([*lines, "nothing is changed before .apply()"])


class Forgotten(NamedTuple):
    """What was forgotten.

    Attributes
    ----------
    calls : dict of str to int
        How many calls, by function.
    gone : int
        Calls of the plan that were not there any more.
    kept : int
        Calls that somebody tagged meanwhile, and that stay.
    """

    calls: dict[str, int]
    gone: int = 0
    kept: int = 0

    def __repr__(self) -> str:
        parts = [f"{number} calls of {name}" for name, number in self.calls.items()] or ["no calls"]
        further = [f"{self.gone} were gone already"] if self.gone else []
        further += [f"{self.kept} were tagged meanwhile and stay"] if self.kept else []
        return f"<forgotten: {'; '.join([', '.join(parts), *further])}>"


class Calls(NamedTuple):
    """Calls of one function: where, of which, their ids, and the function where they are all that there are."""

    store: Store
    name: str
    ids: Sequence[int]
    function: int | None


def calls_of_function(callee: Callee, version: str) -> Calls:
    """All calls of a function, however they ended, under the code that `version` says."""
    if not isinstance(version, str):
        raise UnknownName(
            f'{callee.name}.reset(version={version!r}): it is "any", "current", a number ("v3"), a label, or the first '
            "digits of a digest"
        )
    source = Source(current_store(callee.options.store), callee.name, callee)
    plan = Plan(source, Selection(scope=version, statuses=STATUSES))
    function = plan.function.id if plan.function is not None and version == "any" else None
    return Calls(source.store, callee.name, plan.ids(), function)


def calls_of_plan(plan: Plan) -> Calls:
    """The calls that a query finds."""
    return Calls(plan.store, plan.name, plan.ids(), None)


def _by_function(calls: Sequence[Known]) -> dict[str, int]:
    return dict(Counter(call.function for call in calls))


def _listed(tags: Mapping[str, int]) -> str:
    parts = [f"{number} {'is' if number == 1 else 'are'} tagged {tag!r}" for tag, number in tags.items()]
    return ", ".join(parts[:5]) + (", ..." if len(parts) > 5 else "")
