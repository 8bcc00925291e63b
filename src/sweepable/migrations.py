"""Migrations: results of earlier code that a person says hold under the code as it is now, as a plan."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sweepable.affected import ANY, Changes, Found
from sweepable.callee import Callee
from sweepable.errors import MigrationError, UnknownName
from sweepable.model import CodeVersion
from sweepable.names import did_you_mean
from sweepable.outputs import short
from sweepable.registry import siblings
from sweepable.scope import named
from sweepable.store.location import current_store
from sweepable.store.migrations import StoredMigration, below, listed, made_by
from sweepable.store.store import Store, StoredFunction, StoredVersion
from sweepable.store.taking import Migrated, Rekeyed
from sweepable.trial import Difference, tried
from sweepable.upstream import is_cached


class MigrationPlan:
    """What a migration would do; `apply` does it. Made by ``f.migrate(...)``.

    Attributes
    ----------
    rekeyed : int
        Calls of the function whose results would hold under the code as it is now.
    there : int
        Calls that are stored under it already.
    left : dict of str to int
        Calls that stay as they are, by the reason why.
    downstream : dict of str to int
        Calls of other functions that would be given the keys they then have, by function.
    differences : list of Difference
        What the calls that ``check=n`` ran again returned otherwise than what is stored.
    """

    def __init__(self, found: Found, *, check: int) -> None:
        self._found = found
        own = found.own
        self.rekeyed = len(own)
        self.there = found.there
        self.left = dict(found.left)
        self.downstream = dict(Counter(step.new.function.name for step in found.steps if step.origin.id not in own))
        self.checked = _spread(list(own.values()), check)
        callee, changes = found.callee, found.changes
        self.differences: list[Difference] = [
            difference
            for step in self.checked
            for difference in tried(callee, found.store, step, changes.rename_outputs, changes.recompute_outputs)
        ]

    def apply(self) -> Migration:
        """Do it, in one transaction.

        Returns
        -------
        Migration
            As it is listed in the store; revocable.

        Raises
        ------
        MigrationError
            When a call that was run again differs from what is stored.
        """
        found = self._found
        if self.differences:
            raise MigrationError(
                f"{found.callee.name}: results of {found.version.title} do not hold under the code as it is now, "
                f"nothing was changed: {'; '.join(map(str, self.differences[:3]))}"
            )
        if found.callee.version().digest != found.now.digest:
            raise MigrationError(f"{found.callee.name}: its code has changed since the plan was made; make it again")
        into = Migrated(found.callee.facts, found.version.id, found.now, found.changes.reason, found.changes.told())
        made, left = _made(found)
        if left is not None and not made:
            raise left
        number = found.store.migrate(into, made)
        if left is not None:
            raise left
        return next(m for m in _listed(found.store, found.function) if m.id == number)

    def __repr__(self) -> str:
        found = self._found
        lines = [
            f"migration of {found.callee.name} from {found.version.title}: {found.changes.reason}",
            f"  {self.rekeyed} calls would hold under the code as it is now",
        ]
        if self.there:
            lines.append(f"  {self.there} are stored under it already")
        lines += [f"  {number} stay as they are: {reason}" for reason, number in self.left.items()]
        lines += [f"  {number} calls of {name} downstream" for name, number in self.downstream.items()]
        if self.checked:
            lines.append(f"  checked: {len(self.checked)} run again, {len(self.differences)} differences")
        lines += [f"    {difference}" for difference in self.differences[:5]]
        return "\n".join([*lines, "nothing is changed before .apply()"])


def _made(found: Found) -> tuple[list[Rekeyed], BaseException | None]:
    """The calls with their outputs, some computed anew; and what is to be raised once these are stored."""
    made: list[Rekeyed] = []
    failed: list[tuple[Rekeyed, Exception]] = []
    for step in found.steps:
        try:
            made.append(found.with_outputs(step))
        except KeyboardInterrupt as interrupt:  # hours of computing are not to be lost
            return made, interrupt
        except Exception as error:
            if not found.changes.recompute_outputs:
                raise
            failed.append((step, error))
    if not failed:
        return made, None
    first, raised = failed[0]
    left = MigrationError(
        f"{found.callee.name}: {len(failed)} of {len(found.steps)} calls could not be run again and stay as they are; "
        f"the others are migrated. The first of them, {first.origin.key[:12]}, raised {raised!r}"
    )
    left.__cause__ = raised
    return made, left


class Migration:
    """A migration that was made, as the store lists it.

    Attributes
    ----------
    id : int
    reason : str
    changes : str
        What was asked for beside the body, as JSON.
    created : datetime.datetime
    revoked : datetime.datetime or None
    calls : int
        How many calls it made that are still there.
    """

    def __init__(self, store: Store, found: StoredMigration) -> None:
        self._store = store
        self.id = found.id
        self.reason = found.reason
        self.changes = found.changes
        self.created = _time(found.created)
        self.revoked = None if found.revoked is None else _time(found.revoked)
        self.calls = found.calls

    def revoke(self) -> Revocation:
        """A plan to take it back: the calls that it made are forgotten, and all that came from them."""
        return Revocation(self._store, self)

    def __repr__(self) -> str:
        ended = f", revoked {self.revoked:%Y-%m-%d %H:%M}" if self.revoked else ""
        return f"<migration {self.id} of {self.created:%Y-%m-%d %H:%M}: {self.reason}; {self.calls} calls{ended}>"


class Revocation:
    """What taking a migration back would do; `apply` does it.

    Attributes
    ----------
    migrated : int
        Calls that the migration made.
    downstream : int
        Calls that came from those since.
    """

    def __init__(self, store: Store, migration: Migration) -> None:
        self._store = store
        self._migration = migration
        with store.reading() as c:
            made = made_by(c, migration.id)
            self.downstream = len(below(c, made)) - len(made)
        self.migrated = len(made)

    def apply(self) -> None:
        """Forget these calls, and what came from them meanwhile; what the migration was made of is untouched.

        What was computed from them in other stores is not known here.
        """
        self._store.revoke(self._migration.id)

    def __repr__(self) -> str:
        return (
            f"revoking migration {self._migration.id} ({self._migration.reason}) forgets {self.migrated} calls that it "
            f"made and {self.downstream} that came from them; nothing is changed before .apply()"
        )


def plan(callee: Callee, changes: Changes, *, from_version: str | None, check: int) -> MigrationPlan:
    """What migrating the results of an earlier version to the code as it is now would do."""
    store, now = current_store(callee.options.store), callee.version()
    function = store.find_function(callee.name, now.digest, callee.facts.home)
    if function is None:
        raise MigrationError(
            f"{callee.name}: no call is stored{_elsewhere(store, callee)}, so there is nothing to migrate"
        )
    version = _version_before(store, callee, function, now, from_version)
    _check_names(callee, changes)
    found = Found(callee, store, function, version, changes)
    found.find()
    return MigrationPlan(found, check=check)


def _elsewhere(store: Store, callee: Callee) -> str:
    """Where a function of that name is known from: what is moved and edited at once is no longer known to be it."""
    homes = [home for found in store.functions() if found.name == callee.name for home in found.homes]
    if not homes:
        return ""
    return (
        f" from {callee.facts.home}, only of a function of that name in {', '.join(homes)}, with other "
        "code (if it was moved and edited since: put it back there as it is now, migrate, and move it then)"
    )


def migrations(callee: Callee) -> list[Migration]:
    """The migrations of a function, in the order in which they were made."""
    store = current_store(callee.options.store)
    function = store.find_function(callee.name, callee.version().digest, callee.facts.home)
    return _listed(store, function) if function is not None else []


def _listed(store: Store, function: StoredFunction) -> list[Migration]:
    with store.reading() as c:
        return [Migration(store, found) for found in listed(c, function.id)]


def _version_before(
    store: Store, callee: Callee, function: StoredFunction, now: CodeVersion, wanted: str | None
) -> StoredVersion:
    if wanted is not None:
        return _the_one(function, now, named(store, function, wanted))
    counts = store.done_counts(function.id)
    living = {other.version().digest for other in siblings(callee)} | {now.digest}
    earlier = [v for v in store.versions(function.id) if v.digest not in living and counts.get(v.id)]
    if not earlier:
        raise MigrationError(f"{function.name}: no results of earlier code are stored, so there is nothing to migrate")
    if len(earlier) > 1 and "<locals>" in function.name:
        names = ", ".join(version.title for version in earlier)
        raise MigrationError(
            f"{function.name} is made by a factory, so its versions may be of several functions: {names}. "
            "Say which one: from_version="
        )
    return earlier[-1]


def _the_one(function: StoredFunction, now: CodeVersion, found: list[StoredVersion]) -> StoredVersion:
    if len(found) > 1:
        names = ", ".join(version.name for version in found)
        raise MigrationError(f"{function.name}: several versions are meant, {names}; write one of these")
    if found[0].digest == now.digest:
        raise MigrationError(f"{function.name}: {found[0].title} is the code as it is now")
    return found[0]


def _check_names(callee: Callee, changes: Changes) -> None:
    theirs = (*changes.add, *changes.rename.values())
    for name in theirs:
        if name not in callee.parameters:
            raise UnknownName(f"{callee.name} has no parameter {name!r}{did_you_mean(name, callee.parameters)}")
    for name, value in changes.add.items():
        if is_cached(value) or type(value).__name__ == "Upstream":
            raise MigrationError(
                f"{callee.name}: add={{{name!r}: ...}} needs the call that stood there all along: "
                f"{short(value)} is none; give its Record, f.get_or_run(...)"
            )
    for name in changes.recompute_outputs:
        callee.check_output(name)


def _time(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds).astimezone()


def _spread(steps: Sequence[Rekeyed], number: int) -> list[Rekeyed]:
    """So many of the calls, evenly from first to last."""
    if number <= 0 or not steps:
        return []
    count = min(number, len(steps))
    return [steps[at * (len(steps) - 1) // max(1, count - 1)] for at in range(count)]


def changes_of(reason: object, **said: Any) -> Changes:
    """What was given to ``f.migrate``, looked at."""
    if not isinstance(reason, str) or not reason.strip():
        raise MigrationError("migrate needs a reason, in words: it stands in the store with what it did")
    removed = said.pop("remove") or {}
    if not isinstance(removed, Mapping):
        removed = dict.fromkeys([removed] if isinstance(removed, str) else removed, ANY)
    again = said.pop("recompute_outputs") or ()
    again = (again,) if isinstance(again, str) else tuple(again)
    maps: dict[str, Mapping[str, Any]] = {name: value or {} for name, value in said.items()}
    for name, value in maps.items():
        if not isinstance(value, Mapping):
            raise MigrationError(f"migrate: {name}= needs a dict, got {short(value)}")
    return Changes(reason, remove=removed, recompute_outputs=again, **maps)
