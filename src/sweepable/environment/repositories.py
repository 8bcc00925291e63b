"""The git repositories that hold the code: their commits, and what has changed since.

git is asked when the first call is stored, and again when something shows that its answer would be another one.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from sweepable.environment import git
from sweepable.environment.git import Said

#: A diff larger than this is kept as a digest and a summary.
LARGEST_DIFF = 256 * 1024
#: Looking whether anything has changed takes this part of the time at most.
_SHARE = 0.03
#: How long it stays unseen, in seconds, that a folder has become a repository.
_SECONDS = 30.0
#: So many files of one repository are looked at.
_MOST_FILES = 1000
#: How much git may answer, beside a diff.
_NAMES = 1 << 22
_DIFF = ("diff", "--no-color", "--no-ext-diff", "--no-textconv")

Stamp = tuple[int, int, int] | None


class Repository(NamedTuple):
    """The state of a repository.

    Attributes
    ----------
    path : str
        Its root.
    commit : str or None
        The commit that is checked out; None before the first.
    dirty : bool or None
        Whether tracked files have changes that are not committed, or the code lies in files that are not tracked.
        None where git did not say.
    digest : str or None
        Of the diff between the commit and the files.
    diff : str or None
        The diff with its digest, as JSON: what stands in the store once for all that refer to it.
    untracked : tuple of str
        Files of the code that git does not track, relative to the root.
    """

    path: str
    commit: str | None
    dirty: bool | None
    digest: str | None = None
    diff: str | None = None
    untracked: tuple[str, ...] = ()

    def facts(self) -> dict[str, object]:
        """What is recorded of it, beside the diff."""
        return {
            "name": os.path.basename(self.path) or self.path,
            "path": self.path,
            "commit": self.commit,
            "dirty": self.dirty,
            "diff": self.digest,
            "untracked": list(self.untracked),
        }


def repositories(files: Sequence[str], folder: str | None = None) -> tuple[Repository, ...]:
    """The repositories that hold these files, or this folder, as they are now.

    Parameters
    ----------
    files : sequence of str
        Absolute paths.
    folder : str, optional
        A folder to look at as well.
    """
    by_root: dict[str, list[str]] = {}
    period = int(time.monotonic() / _SECONDS)
    for file in files:
        real, root = _placed(file, period)
        if root is not None:
            by_root.setdefault(root, []).append(real)
    if folder is not None:
        _, root = _placed(os.path.join(folder, "notebook"), period)
        if root is not None:
            by_root.setdefault(root, [])
    with _asking:
        found = [_watched(root).state(tuple(held[:_MOST_FILES])) for root, held in by_root.items()]
    return tuple(repository for repository in found if repository is not None)


@lru_cache(maxsize=4096)
def _placed(file: str, period: int) -> tuple[str, str | None]:
    """A file by its real path, and the repository that it lies in; looked at once in each period."""
    real = os.path.realpath(file)
    return real, _root(os.path.dirname(real))


def _root(folder: str) -> str | None:
    """The root of the repository around a folder."""
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


@lru_cache(maxsize=1024)
def _watched(root: str) -> _Watched:
    return _Watched(root)


_asking = threading.Lock()


def _after_fork() -> None:
    global _asking
    _asking = threading.Lock()  # the thread that held it is not in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Watched:
    """What is known of a repository, and how it is seen that this is out of date."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._heads = _heads(_git_folder(root))
        self._stamps: dict[str, Stamp] = {}
        self._tracked: dict[str, bool] = {}
        self._head: Repository | None = None
        self._states: dict[tuple[str, ...], Repository] = {}
        self._asked = self._is_slow = False
        self._look_at = 0.0

    def state(self, files: tuple[str, ...]) -> Repository | None:
        """The repository's state, for code in these files; None where git says nothing."""
        if self._asked and self._head is None:
            return None  # it would say nothing again
        if time.perf_counter() >= self._look_at and self._has_changed(files):
            self._ask(files)
        known = self._states.get(files)
        return known or self._state(files)

    def _has_changed(self, files: Sequence[str]) -> bool:
        started = time.perf_counter()
        stamps = {path: _stamp(path) for path in (*self._heads, *files)}
        ended = time.perf_counter()
        self._look_at = ended + (ended - started) / _SHARE
        changed = any(self._stamps.get(path, stamp) != stamp for path, stamp in stamps.items())
        self._stamps |= stamps
        return changed or not self._asked

    def _state(self, files: tuple[str, ...]) -> Repository | None:
        fresh = [file for file in files if file not in self._tracked]
        if fresh:
            self._take_in(fresh, git.ask(self._root, self._whether_tracked(fresh), limit=_NAMES)[0])
        if self._head is None:
            return None
        untracked = tuple(os.path.relpath(file, self._root) for file in files if not self._tracked[file])
        found = self._head._replace(untracked=untracked, dirty=True) if untracked else self._head
        self._states[files] = found
        return found

    # -- asking

    def _ask(self, files: Sequence[str]) -> None:
        """Ask for everything at once."""
        commands = [("rev-parse", "HEAD"), self._whether_tracked(files), (*_DIFF, "HEAD")]
        commit, names, *diff = git.ask(self._root, *commands[: 2 if self._is_slow else 3], limit=_NAMES)
        self._states.clear()
        self._tracked.clear()
        self._take_in(files, names)
        self._head = self._found(commit, diff[0] if diff else None)
        self._asked = True

    def _whether_tracked(self, files: Sequence[str]) -> tuple[str, ...]:
        # Without a file git would name all of them.
        return ("ls-files", "-z", "--", *(os.path.relpath(file, self._root) for file in files or [self._heads[0]]))

    def _take_in(self, files: Sequence[str], names: Said | None) -> None:
        """Note which files git tracks; where it does not say, nothing is said of them."""
        tracked = set(map(os.fsdecode, names.text.split(b"\0"))) if names is not None else None
        for file in files:
            self._tracked[file] = tracked is None or os.path.relpath(file, self._root) in tracked

    def _found(self, commit: Said | None, diff: Said | None) -> Repository | None:
        if commit is None:
            first = git.ask(self._root, ("rev-parse", "--git-dir"), limit=_NAMES)[0]
            return None if first is None else Repository(self._root, None, True)  # nothing is committed yet
        self._is_slow |= diff is None  # it took too long, and would again
        name = commit.text.decode("ascii", "replace").strip()
        if diff is None:
            return Repository(self._root, name, None)
        if not diff.size:
            return Repository(self._root, name, False)
        return Repository(self._root, name, True, diff.digest, self._kept(diff))

    def _kept(self, diff: Said) -> str:
        if diff.size <= LARGEST_DIFF:
            text = diff.text.decode("utf-8", "backslashreplace")
            facts: dict[str, object] = {"diff": diff.digest, "text": text}
        else:
            summary = git.ask(self._root, (*_DIFF, "--stat=120,100", "--stat-count=200", "HEAD"), limit=LARGEST_DIFF)[0]
            text = summary.text.decode("utf-8", "backslashreplace") if summary is not None else ""
            facts = {"diff": diff.digest, "size": diff.size, "summary": text}
        return json.dumps(facts)


def _git_folder(root: str) -> str:
    """Where git keeps what it knows of a working tree: ``.git``, or what a file of this name says."""
    path = os.path.join(root, ".git")
    try:
        with open(path, encoding="utf-8") as stream:
            return os.path.join(root, stream.read().removeprefix("gitdir:").strip())
    except (OSError, ValueError):
        return path


def _heads(folder: str) -> list[str]:
    """The files that change when a commit is made, or another one is checked out."""
    return [os.path.join(folder, *name) for name in (("HEAD",), ("index",), ("logs", "HEAD"))]


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
