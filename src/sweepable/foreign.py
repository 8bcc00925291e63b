"""Results that came about elsewhere: with other versions of packages, which is said once, or at another place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sweepable.call import Call
from sweepable.environment import UNKNOWN, agree, counted_version, is_loaded, version_of
from sweepable.errors import OtherEnvironment, StoreError
from sweepable.notices import first, logger, warn_once
from sweepable.store.store import Store


def compare(call: Call, store: Store, environments: Iterable[int]) -> None:
    """Look at environments in which results that are served came about, if they have not been looked at.

    Parameters
    ----------
    call : Call
        One that is served.
    store : Store
        Where it is stored.
    environments : iterable of int
        Ids of those in which it, or others of the function, came about.
    """
    callee = call.callee
    unmet = [(store, number) for number in environments if (store, number) not in callee.met]
    callee.met.update(unmet)
    if not unmet:
        return
    _settle(call, store)
    if callee.options.environment != "note":
        return
    try:
        others = _others(store, [number for _, number in unmet])
    except Exception:  # what is stored can be served, whatever is wrong with what is known about it
        logger().warning("what calls of %s ran in cannot be read", callee.name, exc_info=True)
        return
    if others and first((OtherEnvironment, callee.name, str(store.path))):
        _tell(callee.name, callee.identifier, others)


def _settle(call: Call, store: Store) -> None:
    """From the first hit on a function that was moved lives at its new place too, before it is edited there."""
    try:
        store.places.settle(call.callee.facts, call.version.digest)
    except (OSError, sqlite3.Error, StoreError):  # the result is as good without
        logger().warning("where %s lives now could not be noted", call.callee.name, exc_info=True)


def _others(store: Store, environments: Iterable[int]) -> dict[str, tuple[list[str], str]]:
    """Packages with the versions, other than now, in which they ran then, and the one in which they run now."""
    found: dict[str, tuple[list[str], str]] = {}
    for number in environments:
        for name, before in store.environment(number).get("packages", {}).items():
            now = version_of(name) if before != UNKNOWN else None
            if now is not None and now != before and not _may_be_same(name, before, now):
                found.setdefault(name, ([], now))[0].append(before)
    return found


def _may_be_same(package: str, before: str, now: str) -> bool:
    """Whether two sayings are of one version: what is installed may say more than what was loaded."""
    return counted_version(package) == before if is_loaded(package) else agree(before, now)


def _tell(name: str, identifier: str, others: dict[str, tuple[list[str], str]]) -> None:
    parts = [f"{package} {' and '.join(sorted(set(then)))}, now {now}" for package, (then, now) in others.items()]
    package, (then, _) = next(iter(others.items()))
    message = (
        f"{name}: results that are served were computed with other versions of packages: {'; '.join(parts)}. "
        f"To run such calls again: environment=[{package!r}] or 'strict' in sweepable.cache(...) of {identifier}; "
        f"'ignore' goes on without this word; {identifier}.filter(info__packages__{package}={then[0]!r}) finds them."
    )
    # A sweep passes on what its workers say: by the same mark, so that it is said once.
    warn_once((OtherEnvironment, message), message, OtherEnvironment)
