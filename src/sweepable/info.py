"""What is known about a stored call beside its arguments and outputs: how it ended, when, and what it ran in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sweepable.model import Failure, StoredCall

if TYPE_CHECKING:
    from sweepable.store.store import Store


class Info:
    """What is known about a call beside its arguments and outputs.

    Attributes
    ----------
    key : str
        The call's key, 64 hex digits.
    status : str
        ``done``, or how it ended otherwise: ``failed``, ``killed``, ``tainted``, ``unkept``.
    function : str
        Name of the function.
    version : str
        Digest of the version of its code.
    started : datetime.datetime
        When it began, in local time.
    seconds : float
        How long it ran (wall time).
    error, traceback : str or None
        The exception of a call that raised, in one line and in full.
    environment : dict
        All that was recorded of what it ran in, by the names below, and ``implementation`` of Python.
    python, platform, host : str or None
        The version of Python, the system with its kind of processor, and the name of the machine.
    packages : dict of str to str
        The versions of the packages that the code reaches, or that its arguments are objects of, by the names that
        are imported.
    git : list of Repository
        The state, when it began, of each repository that holds a file of the code: ``name``, ``path``, ``commit``,
        ``dirty``, ``diff`` (uncommitted changes of tracked files) and ``untracked`` (files of the code that git does
        not track). A diff tells whatever was typed into a tracked file, a password as well; it lies in the store, whose
        folder no other user can read.
    tags : dict of str to (str or None)
        The tags that the call has been given, each with its note.

    Examples
    --------
    >>> import platform, sweepable
    >>> @sweepable.cache
    ... def double(x=2.0):
    ...     return 2 * x
    >>> info = double.get_or_run().info
    >>> info.status, info.python == platform.python_version()
    ('done', True)
    """

    def __init__(self, store: Store, call: StoredCall) -> None:
        failure = store.failure(call) or _mismatch(store, call)
        self.key = call.key
        self.status = call.status
        self.function = _one(store, "SELECT name FROM _functions WHERE id = ?", call.function)
        self.version = _one(store, "SELECT digest FROM _versions WHERE id = ?", call.version)
        self.started = dt.datetime.fromtimestamp(call.started).astimezone()
        self.seconds = call.seconds
        self.error = f"{failure.type_name}: {failure.message}" if failure else None
        self.traceback = failure.traceback if failure else None
        self.environment = store.environment(call.environment) if call.environment else {}
        self.tags = store.tags.of(call.id)
        self.git = [_repository(store, facts) for facts in self.environment.get("git", ())]

    @property
    def python(self) -> str | None:
        """The version of Python that it ran in."""
        return self.environment.get("python")

    @property
    def platform(self) -> str | None:
        """The operating system and the kind of processor: ``linux-x86_64``."""
        return self.environment.get("platform")

    @property
    def host(self) -> str | None:
        """The machine that it ran on."""
        return self.environment.get("host")

    @property
    def packages(self) -> dict[str, str]:
        """Versions of the packages that the code reached."""
        return dict(self.environment.get("packages", {}))

    def __repr__(self) -> str:
        shown = {name: value for name, value in vars(self).items() if name not in ("traceback", "environment", "git")}
        shown["tags"] = ", ".join(f"{tag} ({note})" if note else tag for tag, note in self.tags.items()) or None
        shown |= {name: getattr(self, name) for name in ("python", "platform", "host", "packages", "git")}
        width = max(map(len, shown))
        lines = "".join(f"\n  {name:<{width}}  {_worded(value)}" for name, value in shown.items() if value is not None)
        return f"Info{lines}"


def _worded(value: object) -> str:
    """A value of `Info` as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(repr, value)) or "none"
    return f"{value:%Y-%m-%d %H:%M:%S %z}" if isinstance(value, dt.datetime) else str(value)


class Repository(NamedTuple):
    """The state of a git repository when a call began.

    Attributes
    ----------
    name, path : str
        Of its root folder.
    commit : str or None
        What was checked out; None before the first commit.
    dirty : bool or None
        Whether what ran is not what was committed; None where git did not say in time.
    diff : str or None
        The changes of tracked files that were not committed; of a large diff a summary.
    untracked : list of str
        Files of the code that git does not track.
    """

    name: str
    path: str
    commit: str | None
    dirty: bool | None
    diff: str | None = None
    untracked: tuple[str, ...] = ()

    def __repr__(self) -> str:
        commit = self.commit[:12] if self.commit else "no commit"
        changed = f" with {_count(self.diff)} changed" if self.diff else ""
        untracked = f" with {', '.join(self.untracked)} not tracked" if self.untracked else ""
        unknown = " with changes unknown" if self.dirty is None else ""
        return f"<{self.name} at {commit}{changed}{untracked}{unknown}>"


def _count(diff: str) -> str:
    files = diff.count("diff --git ") or diff.count(" | ")
    return f"{files} file{'' if files == 1 else 's'}"


def _repository(store: Store, facts: Mapping[str, Any]) -> Repository:
    kept = store.diff(facts["diff"]) if facts["diff"] else {}
    diff = kept.get("text") or kept.get("summary")
    return Repository(facts["name"], facts["path"], facts["commit"], facts["dirty"], diff, tuple(facts["untracked"]))


def _mismatch(store: Store, call: StoredCall) -> Failure | None:
    """What is wrong with a value that is stored though it is not what is declared."""
    declared = store.layout(call.layout).declared if call.layout else ""
    if not declared.startswith("!"):
        return None
    text = f"the value is stored, but it is not what is declared ({'; '.join(declared[1:].splitlines())})"
    return Failure("OutputMismatch", text, f"OutputMismatch: {text}")


def _one(store: Store, query: str, number: int) -> str:
    row = store.connection().execute(query, (number,)).fetchone()
    return str(row[0]) if row else ""
